"""A gradient of one path taken apart: its two factors multiply to it, and closed forms hold."""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.initializers import orthogonal
from gradflow.studies import study
from gradflow.studies.seeds.factors import factors, one_map


def of(cell, **more):
    return study(cell, **{"hidden": 6, "steps": 30, "seeds": 3, **more})


def apart(found):
    """Return by how much the two factors together miss the gradient, in nats."""
    both, whole = found.seeds.factors.sum(axis=0), found.seeds.decays.log_relative[:, 0]
    assert (np.isneginf(both) == np.isneginf(whole)).all()
    there = np.isfinite(whole)
    return np.abs(both[there] - whole[there]).max()


@pytest.mark.parametrize("cell", ["rnn", "irnn"])
def test_both_together_are_the_gradient(cell):
    found = of(cell, hidden=16)
    assert found.seeds.map == "U"
    assert apart(found) < 1e-9
    numbers = found.headline()
    both = numbers["factor_slopes"].value + numbers["factor_map"].value
    mean = found.seeds.decays.log_relative[:, 0, -1].mean() / math.log(10)
    assert both == pytest.approx(mean, abs=1e-9)
    low, high = numbers["factor_slopes"].between
    # an IRNN of another text may lose all in one draw, and its mean is then exactly 0
    assert low <= numbers["factor_slopes"].value <= high


def test_slopes_are_those_of_the_states():
    found = of("rnn")
    run, row = found.setup.trajectory, np.array(found.setup.loss.first)
    matrix, taken = run.params["U"], [0.0]
    for h in run.states["h"][:0:-1]:
        scaled = (1 - h**2) * row
        taken.append(taken[-1] + math.log(np.linalg.norm(scaled) / np.linalg.norm(row)))
        row = matrix.T @ scaled
    assert found.seeds.factors[0, 0] == pytest.approx(np.array(taken), abs=1e-9)
    # the transposed map would be seen
    wrong = factors(found.setup, "U")[1] + 0.001 * np.arange(31)
    assert np.abs(wrong - found.seeds.factors[1, 0]).max() > 1e-3


@pytest.mark.parametrize("cell", ["rnn", "irnn"])
def test_an_orthogonal_map_keeps_every_norm(cell):
    found = of(cell, init={"U": orthogonal(1.0)})
    assert np.abs(found.seeds.factors[1]).max() < 1e-12
    found = of(cell, init={"U": orthogonal(1.5)})
    lags = math.log(1.5) * np.arange(31)
    alive = np.isfinite(found.seeds.factors[0])
    assert np.abs(found.seeds.factors[1] - lags)[alive].max() < 1e-11


def test_units_that_are_off_leave_nothing():
    found = of("irnn", init={"b": -1e3 * np.ones(6)}, seeds=1)
    assert np.isneginf(found.seeds.factors[0, 0, 1:]).all()
    assert (found.seeds.factors[1] == 0.0).all()
    assert found.headline()["factor_slopes"].value == -math.inf


def test_cells_of_more_paths_are_not_taken_apart():
    assert [one_map(gf.cells.get(n)) for n in ("lstm", "gru", "clockwork", "scalar")] == [None] * 4
    assert of("clockwork").seeds.factors.size == 0
    masked = gf.Cell(
        name="before", state="h", inputs="x", maps="W U", equations="h_next = U @ tanh(W @ x + h)"
    )
    assert one_map(masked) is None
