"""Lyapunov spectra of batches: each trajectory as if it were alone, degenerate ones too."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.spectra import lyapunov_spectrum
from gradflow.spectra.lyapunov import spectrum
from oracles.precision import rnn_jacobians


def batch_of(lead, steps, d, seed=0):
    count = int(np.prod(lead))
    flat = [rnn_jacobians(d, 1.5, steps, seed + k) for k in range(count)]
    return np.array(flat).reshape(*lead, steps, d, d)


@pytest.mark.parametrize("d", [1, 5, 30])
@pytest.mark.parametrize("leading", [None, 1])
def test_leading_axes_are_trajectories(d, leading):
    batch = batch_of((2, 3), 80, d)
    found = lyapunov_spectrum(batch, transient=10, leading=leading)
    k = leading or d
    assert found.exponents.shape == found.stderr.shape == (2, 3, k)
    assert found.history.shape[:2] == (2, 3)
    assert found.history.shape[3] == k
    assert (found.steps, found.transient) == (70, 10)
    for index in np.ndindex(2, 3):
        one = lyapunov_spectrum(batch[index], transient=10, leading=leading, interval=1)
        np.testing.assert_allclose(found.exponents[index], one.exponents, atol=1e-9)
        np.testing.assert_allclose(found.history[index][-1], one.exponents, atol=1e-9)
    wrong = batch.copy()
    wrong[1, 2, 40:] *= 1.001
    strayed = lyapunov_spectrum(wrong, transient=10, leading=leading).exponents
    assert abs(strayed[1, 2] - found.exponents[1, 2]).min() > 1e-4
    np.testing.assert_allclose(strayed[0], found.exponents[0], atol=1e-9)


def test_the_sum_is_the_volume_for_each():
    batch = batch_of((40,), 60, 6)
    batch[3] *= [1, 1, 1, 1, 1, 1e-5]
    batch[5] *= [1, 1, 1e-14, 1, 1, 1]
    batch[7] *= 10.0 ** np.random.default_rng(0).integers(-250, 250, 60)[:, None, None]
    found = lyapunov_spectrum(batch, transient=0)
    scales = np.abs(batch).max(axis=-2, keepdims=True)
    volumes = np.linalg.slogdet(batch / scales)[1] + np.log(scales).sum(axis=(-1, -2))
    exact = volumes.mean(axis=1)
    np.testing.assert_allclose(found.exponents.sum(axis=-1), exact, rtol=1e-12)


def test_a_singular_trajectory_leaves_the_others_as_they_are():
    batch = batch_of((8,), 50, 4)
    healthy = lyapunov_spectrum(batch).exponents
    batch[2, 30, :, 1] = 0.0  # one direction dies
    batch[5, 20] = 0.0  # all do
    batch[6, 1, :, 1] = 0.0  # within the transient
    found = lyapunov_spectrum(batch)
    assert np.isneginf(found.exponents[2]).sum() == 1
    assert np.isneginf(found.exponents[2, -1])
    assert np.isneginf(found.exponents[5]).all()
    assert (found.stderr[5] == 0).all()
    assert np.isneginf(found.exponents[6]).sum() == 1
    others = [0, 1, 3, 4, 7]
    np.testing.assert_allclose(found.exponents[others], healthy[others], atol=1e-8)


def test_small_trajectories_go_forward_together(monkeypatch):
    batch = batch_of((50,), 40, 3)
    exact = [lyapunov_spectrum(each, interval=1).exponents for each in batch]

    def alone(*args):
        raise AssertionError("a healthy trajectory went alone")

    monkeypatch.setattr(spectrum, "windows", alone)
    np.testing.assert_allclose(lyapunov_spectrum(batch).exponents, exact, atol=1e-8)
    with pytest.raises(AssertionError):
        lyapunov_spectrum(batch[0])


def test_one_step_after_the_transient_and_one_trajectory():
    batch = batch_of((3,), 9, 2)
    found = lyapunov_spectrum(batch, transient=8)
    alone = lyapunov_spectrum(batch[1], transient=8)
    assert found.steps == 1
    np.testing.assert_allclose(found.exponents[1], alone.exponents, rtol=1e-12)
    assert np.isinf(found.stderr).all()
    single = lyapunov_spectrum(batch[:1], transient=8)
    assert single.exponents.shape == (1, 2)
    np.testing.assert_allclose(single.exponents[0], found.exponents[0], rtol=1e-12)


@pytest.mark.parametrize("name", ["rnn", "lstm"])
@pytest.mark.parametrize("part", [None, "h"])
def test_a_run_of_a_batch(name, part):
    cell = gf.cells.get(name)
    params = cell.init(rng=0, hidden=4, inputs=2)
    x = np.random.default_rng(1).normal(size=(5, 60, 2))
    found = gf.run(cell, params, x).lyapunov(part=part)
    for b in (0, 4):
        alone = gf.run(cell, params, x[b]).lyapunov(part=part)
        np.testing.assert_allclose(found.exponents[b], alone.exponents, atol=1e-8)


@pytest.mark.parametrize(
    ("jacobians", "sentence"),
    [
        (None, "are NoneType"),
        (3, "are int"),
        ([[1.0, 2.0], [3.0]], "rows of unequal length"),
        (np.ma.masked_array(np.ones((5, 2, 2)), mask=True), "masked array"),
        (iter([np.ma.masked_array(np.ones((5, 2, 2)), mask=True)]), "masked array"),
        (iter([None]), "type object"),
        (np.ones((5, 2, 2)) * 1j, "complex128"),
        (np.array([[[None, 1], [1, 1]]]), "type object"),
        (np.full((2, 5, 2, 2), np.nan), r"hold nan at index \(0, 0, 0, 0\)"),
        (np.ones((3, 5, 2, 3)), r"shape \(3, 5, 2, 3\)"),
        (np.ones((0, 5, 2, 2)), "at least one trajectory"),
        (np.ones((3, 0, 2, 2)), "0 steps were given"),
    ],
)
def test_what_is_no_batch_is_said_in_one_sentence(jacobians, sentence):
    with pytest.raises(UsageError, match=f"^lyapunov_spectrum: .*{sentence}"):
        lyapunov_spectrum(jacobians)
