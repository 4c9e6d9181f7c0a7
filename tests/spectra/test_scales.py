"""Scales of a matrix, frames with sorted rows, exact products: what the sweeps stand on."""

from fractions import Fraction

import numpy as np
import pytest

from gradflow.spectra.numerics.exact import (
    characteristic_roots,
    exact_products,
    exact_rank,
    nonzero_eigenvalues,
    ranks_modulo,
    whole,
)
from gradflow.spectra.numerics.frames import (
    Reflections,
    applied,
    formed,
    inverse_columns,
    reflected,
    sorted_rows,
)
from gradflow.spectra.numerics.scales import factors, scaled, wild
from gradflow.spectra.products.structure import connected_parts, cycled, strong_parts
from oracles.hostile import hostile, whole_product
from oracles.precision import rnn_jacobians


@pytest.mark.parametrize("spread", [0.0, 20.0, 300.0])
def test_scales_multiply_back_exactly(spread):
    rng = np.random.default_rng(0)
    left, right = np.exp2(np.rint(rng.uniform(-spread, spread, (2, 6))))
    matrix = left[:, None] * rng.normal(size=(6, 6)) * right
    matrix[2] = 0
    row, y, column = scaled(matrix)
    assert np.array_equal(np.ldexp(np.ldexp(y, row[:, None]), column), matrix)
    assert np.abs(y).max() <= 1
    assert (np.abs(np.delete(y, 2, axis=0)).max(axis=1) >= 0.5).all()
    assert wild((row, y, column)) == (spread > 0)


def test_scales_far_apart_are_spread_over_factors():
    left = np.array([0, -1200, -300, 5])
    y = np.eye(4)
    logs = np.zeros(4)
    for matrix, part, top in factors(y, left):
        assert part.max() == 0
        assert part.min() >= -350
        logs += part + top + np.log2(np.diag(matrix))
    assert logs.tolist() == left.tolist()


def test_a_frame_whose_rows_were_sorted_is_an_orthogonal_matrix():
    rng = np.random.default_rng(1)
    given, part = rng.normal(size=(7, 7)), rng.integers(-40, 0, 7)
    image, order = sorted_rows(given, part)
    made = reflected(image)
    frame = Reflections(made.reflectors, made.factor, order)
    q = formed(frame, 7)
    np.testing.assert_allclose(q.T @ q, np.eye(7), atol=1e-14)
    whole_image = np.ldexp(given, part[:, None])
    np.testing.assert_allclose(q @ np.triu(made.reflectors), whole_image, rtol=1e-10, atol=1e-16)
    other = rng.normal(size=(7, 7))
    np.testing.assert_allclose(applied(np.asfortranarray(other), frame), other @ q, atol=1e-13)


def test_the_columns_of_an_inverse_are_sounded_where_the_diagonal_belies_them():
    d = 30
    kahan = np.diag(0.6 ** np.arange(d)) @ (np.eye(d) - 0.8 * np.triu(np.ones((d, d)), 1))
    frame = Reflections(np.asfortranarray(kahan), np.empty(0))
    exact = np.linalg.norm(np.linalg.inv(kahan), axis=0)
    found = inverse_columns(frame)
    assert (found > exact / 30).all()
    assert (found < 30 * exact).all()
    # the diagonal alone would have it at 1.7e6 times less
    assert exact.max() > 1e6 / np.abs(np.diag(kahan)).min()


def test_exact_products_are_exact_and_cuts_are_not():
    jacobians = hostile("gauss", 4, 30, np.random.default_rng(3))
    ((entries, shift),) = exact_products(jacobians, [30])
    product, total = whole_product(jacobians)
    low = min(shift, total)
    exact = [[int(x) << (total - low) for x in row] for row in product.tolist()]
    assert [[x << (shift - low) for x in row] for row in entries] == exact
    ((cut, by),) = exact_products(jacobians, [30], bits=200)
    assert max(abs(x) for row in cut for x in row).bit_length() < 1000
    for row, other in zip(cut, entries, strict=True):
        for x, y in zip(row, other, strict=True):
            assert abs(x - (y >> (by - shift))) < abs(x) / 2**60 + 2**20


def test_a_double_is_a_whole_number_and_a_power_of_two():
    matrix = np.array([[0.0, -5e-324], [1.5, 1e300]])
    entries, power = whole(matrix)
    assert entries[0] == 0
    assert [float(Fraction(x) * Fraction(2) ** power) for x in entries] == matrix.ravel().tolist()
    assert whole(np.zeros((2, 2))) == ([0] * 4, 0)


def test_ranks_and_zeros_modulo_primes():
    rng = np.random.default_rng(4)
    low = (rng.integers(-3, 4, (4, 6, 3)) @ rng.integers(-3, 4, (4, 3, 6))).astype(float)
    assert ranks_modulo(low, [1, 4]) == [3, 3]
    assert ranks_modulo(np.ldexp(low, -900), [4]) == [3]
    assert exact_rank([[1, 2], [2, 4]]) == 1
    nilpotent = np.diag([1.0, 1.0], 1)[None]
    assert ranks_modulo(nilpotent, [1]) == [2]
    assert nonzero_eigenvalues(nilpotent) == 0
    logs, phases, radii = characteristic_roots([[0, -1], [1, 0]])
    assert logs.tolist() == [0.0, 0.0]
    np.testing.assert_allclose(np.sort(phases), [-np.pi / 2, np.pi / 2])
    assert radii.max() < 1e-30
    logs, _, _ = characteristic_roots([[2**4000 + 2**3960]], -4000)
    assert logs.tolist() == [np.log1p(2.0**-40)]


def test_parts_of_a_zero_pattern():
    steps = np.zeros((2, 4, 4))
    steps[0][[0, 1, 2, 3], [0, 1, 2, 3]] = 1.0
    steps[1, 2, 0] = 1.0
    assert sorted(map(list, connected_parts(steps))) == [[0, 2], [1], [3]]
    assert sorted(map(list, strong_parts(steps))) == [[0], [1], [2], [3]]
    steps[0, 0, 2] = 1.0
    assert sorted(map(list, strong_parts(steps))) == [[0, 2], [1], [3]]
    steps[0, 3] = 0.0
    assert [block.shape for block in cycled(steps)] == [(2, 1), (1, 2)] or len(cycled(steps)) == 2


def test_the_steps_of_an_ordinary_network_keep_their_windows():
    for step in rnn_jacobians(20, 1.2, 30, 5):
        assert not wild(scaled(step.T))
