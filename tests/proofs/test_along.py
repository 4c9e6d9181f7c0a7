"""Bounds against lag beside the products they are about, and beside the claims' margins."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.initializers import gaussian, orthogonal
from gradflow.errors import UsageError
from gradflow.proofs import bound_above, bound_below


def run_of(name, steps=12, **init):
    cell = gf.cells.get(name)
    sizes = dict.fromkeys((s for s in cell.sizes if s != "input"), 5) | {"inputs": 3}
    params = cell.init(rng=0, **sizes, **init)
    return gf.run(cell, params, np.random.default_rng(1).standard_normal((steps, 3)))


@pytest.mark.parametrize("name", ["rnn", "irnn", "lstm", "gru", "scrn", "clockwork"])
def test_no_product_is_above(name):
    run = run_of(name)
    assert (run.decay().log_norm <= bound_above(run) + 1e-12).all()


@pytest.mark.parametrize("name", ["rnn", "gru", "clockwork"])
def test_a_cell_of_one_part_has_the_margin_of_its_claim(name):
    run = run_of(name)
    claim = gf.prove(name)[f"{name}.upper"].measure(run)
    assert bound_above(run)[-1] == pytest.approx(np.log(claim.bound), abs=1e-12)


def test_of_one_period_only_the_ticks_count():
    run = run_of("clockwork", 10, recurrent=orthogonal(0.5), period=np.full(5, 4.0))
    # steps 10, 9 are idle, 8 ticks, 7, 6, 5 are idle, 4 ticks
    ticks = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    np.testing.assert_allclose(bound_above(run), ticks * np.log(0.5), atol=1e-12)
    assert (run.decay().log_norm <= bound_above(run) + 1e-12).all()


def test_a_clock_without_recurrence_is_zero_after_its_tick():
    run = run_of("clockwork", 3, recurrent=0.0, period=np.full(5, 2.0))
    np.testing.assert_array_equal(bound_above(run), [0, 0, -np.inf, -np.inf])


def test_a_network_without_recurrence_is_zero_after_a_step():
    bound = bound_above(run_of("rnn", 3, recurrent=0.0))
    np.testing.assert_array_equal(bound, [0, -np.inf, -np.inf, -np.inf])


def test_neither_end_leaves_the_range_of_numbers():
    steps = 2000
    big = bound_above(run_of("rnn", steps, recurrent=orthogonal(4.0)))
    assert big[-1] == pytest.approx(steps * np.log(4), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "init"),
    [
        ("gru", {"forget_bias": 5.0}),
        ("lstm", {"forget_bias": 5.0, "recurrent": gaussian(0.01)}),
        ("scrn", {}),
    ],
)
def test_the_carousel_keeps_no_less(name, init):
    run, found = run_of(name, **init), []
    bound = bound_below(run)
    claim = gf.prove(name)[f"{name}.lower"].measure(run)
    assert bound[-1] == pytest.approx(np.log(claim.bound), abs=1e-12)
    part, product = run.parts[{"gru": "h", "lstm": "c", "scrn": "s"}[name]], np.eye(run.width)
    for jacobian in run.jacobians()[::-1]:
        product = product @ jacobian
        found.append(np.linalg.svd(product[part, part], compute_uv=False).min())
    assert (np.log(found) >= bound[1:] - 1e-12).all()


@pytest.mark.parametrize("name", ["rnn", "lstm"])
def test_where_no_theorem_applies_there_is_no_bound(name):
    assert bound_below(run_of(name, **({"forget_bias": 0.0} if name == "lstm" else {}))) is None


@pytest.mark.parametrize("bound", [bound_above, bound_below])
def test_a_batch_is_refused(bound):
    params = gf.cells.gru.init(hidden=2, inputs=3, rng=0)
    with pytest.raises(UsageError, match="one trajectory"):
        bound(gf.run(gf.cells.gru, params, np.zeros((4, 6, 3))))
