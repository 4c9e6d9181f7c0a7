"""The staircase of each Clockwork module: where it steps, that it is flat, and a walk by hand."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.initializers import clock_periods
from gradflow.networks import read_sequence

PERIODS = (1, 2, 4, 8, 16)
STEPS, UNITS = 64, 4


@pytest.mark.parametrize("p", PERIODS)
def test_a_module_steps_at_its_ticks_and_nowhere_else(quick, p):
    numbers = quick("clockwork").numbers
    assert numbers[f"p={p}: levels left over {STEPS} steps"] == STEPS // p
    assert numbers[f"p={p}: changes elsewhere than at a tick"] == 0


@pytest.mark.parametrize("p", PERIODS)
def test_the_certified_bound_is_respected(quick, p):
    assert quick("clockwork").numbers[f"p={p}: most above its bound, nats"] < 1e-12


def test_no_slower_module_sees_a_faster_one(quick):
    assert quick("clockwork").numbers["largest entry of P from a module to a slower one"] == 0


def by_hand():
    """Log norm of each module's own product over all steps, from the recurrence in NumPy."""
    text = read_sequence(None, STEPS)
    sizes = {"hidden": UNITS * len(PERIODS), "inputs": text.values.shape[1]}
    params = gf.cells.clockwork.init(rng=0, period=clock_periods(len(PERIODS)), **sizes)
    period = params["period"]
    weights = params["W_H"] * (period[:, None] <= period[None, :])
    h = np.zeros(len(period))
    products = {p: np.eye(UNITS) for p in PERIODS}
    for t, x in enumerate(text.values, start=1):
        a = np.tanh(weights @ h + params["W_I"] @ x + params["b"])
        active = t % period == 0
        for p in PERIODS:
            module = period == p
            if t % p == 0:
                block = (1 - a[module] ** 2)[:, None] * weights[np.ix_(module, module)]
                products[p] = block @ products[p]
        h = np.where(active, a, h)
    return {p: np.log(np.linalg.norm(product, 2)) for p, product in products.items()}


def test_the_rates_are_those_of_a_walk_by_hand(quick):
    numbers = quick("clockwork").numbers
    for p, log in by_hand().items():
        # 64 small products lose a few units in the last place each
        assert numbers[f"p={p}: nats a step"] == pytest.approx(log / STEPS, rel=1e-11)
        assert numbers[f"p={p}: nats a tick"] == pytest.approx(log / (STEPS // p), rel=1e-11)


def test_a_gradient_on_the_slowest_module_stays_there_and_moves_at_its_ticks_only():
    text, period = read_sequence(None, STEPS), np.repeat(PERIODS, UNITS)
    sizes = {"hidden": UNITS * len(PERIODS), "inputs": text.values.shape[1]}
    params = gf.cells.clockwork.init(rng=0, period=clock_periods(len(PERIODS)), **sizes)
    run = gf.run(gf.cells.clockwork, params, text.values)
    slowest = period == PERIODS[-1]
    gradient = np.where(slowest, np.random.default_rng(0).standard_normal(period.size), 0.0)
    log = run.gradient_decay(gradient).by_unit
    assert (log[:, ~slowest] == -np.inf).all()
    moved = np.flatnonzero((np.diff(log[:, slowest], axis=0) != 0).any(axis=1))
    assert moved.tolist() == list(range(0, STEPS, PERIODS[-1]))


def test_a_gradient_on_the_fastest_module_reaches_the_slower_ones():
    """The other direction: a mask turned round would fail here."""
    text, period = read_sequence(None, STEPS), np.repeat(PERIODS, UNITS)
    sizes = {"hidden": UNITS * len(PERIODS), "inputs": text.values.shape[1]}
    params = gf.cells.clockwork.init(rng=0, period=clock_periods(len(PERIODS)), **sizes)
    run = gf.run(gf.cells.clockwork, params, text.values)
    log = run.gradient_decay(np.where(period == PERIODS[0], 1.0, 0.0)).by_unit
    assert np.isfinite(log[-1]).all()


def test_the_slower_the_module_the_more_of_the_loss_reaches_it(quick):
    numbers = quick("clockwork").numbers
    left = [numbers[f"p={p}: log10 of the loss's gradient on it"] for p in PERIODS]
    assert left == sorted(left)
