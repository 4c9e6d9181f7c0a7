"""The temporal components against a loss that is differenced, and against sums they must have."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.networks import read_sequence
from gradflow.reporting.publish.scripts import find_script
from gradflow.spectra import cross_entropy

CELLS = ("rnn", "irnn", "lstm", "gru", "clockwork", "scrn")
STEPS, HIDDEN = 40, 8


@pytest.mark.parametrize("cell", CELLS)
def test_the_components_add_up_to_the_gradient(quick, cell):
    assert quick("bptt_components").numbers[f"{cell}: error of the sum of all lags"] < 1e-13


def loss(cell, params, text, readout):
    run = gf.run(cell, params, text.values)
    return cross_entropy(readout, run.states["h"][1:], text.targets).value.sum()


@pytest.mark.parametrize("name", ["rnn", "scrn"])
def test_the_sum_of_all_lags_is_the_derivative_of_the_loss(name):
    """The central difference of the loss of 40 steps along one direction; its error quarters."""
    cell = gf.cells.get(name)
    text = read_sequence(None, STEPS)
    readout = np.random.default_rng(0).standard_normal((text.values.shape[1], HIDDEN))
    readout /= np.sqrt(HIDDEN)
    sizes = {s: HIDDEN for s in cell.sizes if s != "input"} | {"inputs": text.values.shape[1]}
    params = cell.init(rng=0, **sizes)
    run = gf.run(cell, params, text.values)
    direct = cross_entropy(readout, run.states["h"][1:], text.targets).gradient
    found = run.parameter_gradient(run.covector({"h": direct}))
    key = cell.recurrent_maps()[0]
    along = np.random.default_rng(1).standard_normal(params[key].shape)
    by_lag = found.by_lag[key] * np.exp(found.log_scale)[:, None, None]
    exact = float((by_lag.sum(axis=0) * along).sum())
    errors = []
    for step in (1e-3, 5e-4):
        up, down = (params | {key: params[key] + s * step * along} for s in (1, -1))
        slope = (loss(cell, up, text, readout) - loss(cell, down, text, readout)) / (2 * step)
        errors.append(abs(slope - exact))
    assert errors[1] < 1e-5 * abs(exact)
    assert 3.5 < errors[0] / errors[1] < 4.5


def test_additive_cells_need_a_longer_window(quick):
    """The identity keeps what the others lose: no step of it can shrink an active unit."""
    numbers = quick("bptt_components").numbers
    needed = {cell: numbers[f"{cell}: lags for an error of 1 %"] for cell in CELLS}
    assert needed["irnn"] == max(needed.values())
    assert all(1 <= lags <= STEPS for lags in needed.values())


@pytest.mark.slow
def test_in_full_the_order_is_that_of_the_lecture(tmp_path):
    numbers = find_script("bptt_components").run(tmp_path, formats=["png"])
    needed = {cell: numbers[f"{cell}: lags for an error of 1 %"] for cell in CELLS}
    assert min(needed["lstm"], needed["irnn"], needed["clockwork"]) > 2 * needed["rnn"]
    # alpha^k alone needs log(0.01) / log(0.95) = 90 lags; the hidden part is most of the gradient
    assert needed["gru"] < needed["rnn"] < needed["scrn"] < 90
