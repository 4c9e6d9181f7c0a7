"""Pairs of floats against exact fractions, and the trees of products that are made of them."""

from fractions import Fraction as Q

import numpy as np
import pytest

import gradflow as gf
from gradflow.proofs.certified.along import pairs, products
from oracles.runs import random_run


def drawn(rng, rows, columns, spread):
    """Return a pair whose rows differ by factors of up to e^(2 spread), with zeros."""
    high = rng.standard_normal((rows, columns)) * np.exp(rng.uniform(-spread, spread, (rows, 1)))
    high[rng.random(high.shape) < 0.1] = 0.0
    return pairs.two_sum(high, high * rng.uniform(-1, 1, high.shape) * 2.0**-54)


def exact(pair):
    return [[Q(a) + Q(b) for a, b in zip(*rows, strict=True)] for rows in zip(*pair, strict=True)]


def errors_over_lost(a, b):
    """Return the largest error of a product over what it may lose."""
    found, bound = exact(pairs.product(a, b)), pairs.lost(a[0], b[0])
    left, right = exact(a), list(zip(*exact(b), strict=True))
    return max(
        abs(sum(x * y for x, y in zip(row, column, strict=True)) - found[i][j]) / Q(bound[i, j])
        for i, row in enumerate(left)
        for j, column in enumerate(right)
    )


SHAPES = [(1, 1, 1, 0), (3, 5, 2, 300), (2, 1, 7, 3), (17, 40, 9, 300), (24, 24, 24, 20)]


@pytest.mark.parametrize(("rows", "inner", "columns", "spread"), SHAPES)
def test_a_product_loses_no_more_than_it_says(rows, inner, columns, spread):
    rng = np.random.default_rng(rows)
    a = drawn(rng, rows, inner, spread)
    b = tuple(part.T.copy() for part in drawn(rng, columns, inner, spread))
    assert errors_over_lost(a, b) <= 1


def test_wider_slices_lose_more_than_is_said(monkeypatch):
    rng = np.random.default_rng(0)
    a, b = drawn(rng, 20, 40, 1), drawn(rng, 40, 20, 0)
    bits = pairs.slice_bits(40)
    share = pairs.lost_share(40)
    monkeypatch.setattr(pairs, "slice_bits", lambda inner: bits + 5)
    monkeypatch.setattr(pairs, "lost_share", lambda inner: share)
    assert errors_over_lost(a, b) > 1


def test_zeros_and_the_smallest_numbers():
    nothing = np.zeros((3, 3))
    high, low = pairs.product((nothing, nothing), (nothing, nothing))
    assert not high.any()
    assert not low.any()
    small = np.full((2, 2), 2.0**-1060)
    one = np.eye(2)
    high, low = pairs.product((small, 0 * small), (one, 0 * one))
    # rows under SMALL count as SMALL, and what underflows is covered by the errors' 2^-900
    assert np.abs(high + low - small).max() <= pairs.lost(small, one).max() + 2.0**-1000


@pytest.mark.parametrize("kinds", [(0, 1), (1, 0), (2, 2)])
def test_rows_from_the_smallest_to_the_largest_numbers(kinds):
    """A bound that underflows before it meets a large factor says 0 of what is lost."""
    rng = np.random.default_rng(5)
    exponents = {0: (-1060, -1000), 1: (400, 1000), 2: (-1000, 500)}

    def scaled_rows(kind):
        spread = rng.integers(*exponents[kind], (6, 1))
        return pairs.two_sum(np.ldexp(rng.standard_normal((6, 5)), spread), np.zeros((6, 5)))

    least, found_losses = Q(2) ** -900, 0
    for _ in range(20):
        a = scaled_rows(kinds[0])
        b = tuple(part.T.copy() for part in scaled_rows(kinds[1]))
        bound = pairs.lost(a[0], b[0])
        found, left, right = exact(pairs.product(a, b)), exact(a), list(zip(*exact(b), strict=True))
        for i, row in enumerate(left):
            for j, column in enumerate(right):
                off = abs(sum(x * y for x, y in zip(row, column, strict=True)) - found[i][j])
                assert off <= Q(bound[i, j]) + least
                found_losses += off > least
    # planted: what was lost is more than nothing, so that a bound of 0 would be found out
    assert found_losses > 0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_sums_and_products_entry_by_entry(sign):
    rng = np.random.default_rng(1)
    (a, c), (b, d) = drawn(rng, 40, 5, 30), drawn(rng, 40, 5, 30)
    b, d = np.where(rng.random(b.shape) < 0.5, sign * a, b), np.where(c != 0, d, -c)
    first, second = pairs.two_sum(a, c), pairs.two_sum(b, d * 0 + b * 2.0**-55)
    rounding = Q(pairs.ROUNDING)
    x, y = exact(first), exact(second)
    total, times = exact(pairs.added(first, second)), exact(pairs.multiplied(first, second))
    for i in range(40):
        for j in range(5):
            p, q = x[i][j], y[i][j]
            assert abs(total[i][j] - p - q) <= rounding / 2 * (abs(p) + abs(q))
            assert abs(times[i][j] - p * q) <= rounding / 2 * abs(p * q)


@pytest.mark.parametrize("name", gf.cells.names())
def test_pairs_tell_the_same_norms_of_every_cell(name, monkeypatch):
    run, _ = random_run(name, 12)
    floats = gf.certify(run)
    coarse = floats.lower, floats.upper
    monkeypatch.setattr(products, "_WIDE", -1.0)
    fine = gf.certify(run)
    assert fine.finer is not None
    assert np.all(fine.lower <= coarse[1])
    assert np.all(coarse[0] <= fine.upper)
    for k in range(1, 12, 3):
        for t in range(k + 1, 13, 2):
            low, high = fine.window(t, k)
            other = floats.window(t, k)
            assert low <= other[1]
            assert other[0] <= high
            node = fine.finer.window(t, k)
            # 80 bits and twelve factors whose norms are up to 1e6 times that of the product
            assert node.error <= 1e-17 or not node.matrix.any()


def test_numbers_too_large_for_pairs_keep_the_tree_of_floats(monkeypatch):
    run = gf.run("scalar", {"w": [-1e308]}, state=[1e-300], steps=1)
    bounds = gf.certify(run).window(1, 0)
    monkeypatch.setattr(products, "_WIDE", -1.0)
    found = gf.certify(run)
    assert found.finer is None
    assert found.window(1, 0) == bounds
    assert bounds[0] <= np.log(1e308) <= bounds[1]


@pytest.mark.parametrize("large", [1e308, -1.7e308])
def test_a_product_that_floats_do_not_hold_has_no_pairs(large):
    cell = gf.Cell(
        name="maps",
        state="h",
        maps="U[hidden,hidden] V[hidden,hidden]",
        equations="h_next = U @ (V @ h)",
    )
    found = gf.certify(gf.run(cell, {"U": [[large]], "V": [[1 / large]]}, state=[1e-300], steps=1))
    low, high = found.window(1, 0)
    assert found.finer is None
    # the truth is within a rounding of 0
    assert low <= -1e-15
    assert high >= 1e-15


def test_a_number_whose_second_float_underflows():
    cell = gf.Cell(name="least", state="h", maps="U", equations="h_next = 1.1e-307 * (U @ h)")
    network = products.given(gf.run(cell, {"U": [[1e300]]}, state=[1.0], steps=1), "test")
    found = products.certify_products(gf.run(cell, {"U": [[1e300]]}, state=[1.0], steps=1))
    by = {"h": network.program.states["h"][0]}
    block = products.jacobians(network, found.coefficients, by, 1, pairs=True)
    truth = Q("1.1e-307") * Q(1e300)
    off = abs(Q(block.middle[0, 0, 0]) + Q(block.low[0, 0, 0]) - truth)
    # 2^-1075 of the number's second float, times 1e300
    assert 0 < off <= Q(block.radius[0, 0, 0])


@pytest.mark.slow
@pytest.mark.parametrize("bias", [3.0, 5.0])
def test_a_thousand_steps_of_32_units(bias):
    cell = gf.cells.lstm
    params = cell.init(hidden=32, inputs=27, rng=0, forget_bias=bias)
    x = np.eye(27)[np.random.default_rng(0).integers(0, 27, 1000)]
    run = gf.run(cell, params, x, backend="numpy")
    found = gf.certify(run)
    low, high = found.window(1000, 0)
    value = float(run.decay().log_norm[-1])
    # floats alone leave 5e-3; the value of floats is off by far less than 1e-6
    assert high - low < 1e-6
    assert low - 1e-6 <= value <= high + 1e-6
