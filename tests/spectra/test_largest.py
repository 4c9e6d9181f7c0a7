"""The largest singular value of large matrices, against all of them by LAPACK."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.spectra.numerics import largest
from gradflow.spectra.numerics.largest import spectral_norms

N = 256


def orthogonal(seed, rows=N, columns=N):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((rows, columns)))[0]


def of_values(values, rows=N):
    """A matrix (rows, N) of these singular values."""
    return (orthogonal(1, rows, N) * values) @ orthogonal(2).T


MATRICES = {
    "zero": np.zeros((N, N)),
    "identity": np.eye(N),
    "orthogonal": orthogonal(0),
    "one entry": np.pad([[0.5]], ((N - 1, 0), (3, N - 4))),
    "rank one": np.outer(np.arange(N), np.arange(N)[::-1]) / N**2,
    "nilpotent": np.eye(N, k=1),
    "random": np.random.default_rng(3).standard_normal((N, N)),
    "tall": np.random.default_rng(3).standard_normal((2 * N, N)),
    "graded": of_values(np.logspace(0, -300, N)),
    "twice the largest": of_values(np.r_[1.0, 1.0, np.linspace(0.9, 0, N - 2)]),
    "nearly twice": of_values(np.r_[1.0, 1 - 1e-12, np.linspace(0.9, 0, N - 2)]),
    "a cluster": of_values(1 - 1e-6 * np.arange(N) / N),
    "triangular": np.triu(np.random.default_rng(4).standard_normal((N, N))),
}


@pytest.fixture
def no_fallback(monkeypatch):
    """Make every matrix go to the end of the iteration, which may take a step a row."""
    monkeypatch.setattr(largest, "_MOST", 1.0)


@pytest.mark.parametrize("name", MATRICES)
def test_it_is_the_largest_of_all(name, no_fallback):
    matrix = MATRICES[name]
    wanted = np.linalg.svd(matrix, compute_uv=False)[0]
    norm, left = spectral_norms(matrix)
    np.testing.assert_allclose(norm, wanted, rtol=1e-12, atol=0)
    np.testing.assert_allclose(np.linalg.norm(left @ matrix), wanted, rtol=1e-9, atol=0)
    np.testing.assert_allclose(np.linalg.norm(left), 1, rtol=1e-12)


def test_a_start_at_another_singular_vector_misleads_nobody():
    matrix = of_values(np.r_[1.0, 0.999, np.linspace(0.5, 0, N - 2)])
    second = np.linalg.svd(matrix)[0][:, 1]
    assert spectral_norms(matrix, second)[0] == pytest.approx(1.0, rel=1e-12)


def test_a_start_without_chance_is_seen_to_mislead(monkeypatch):
    """What the random part of a start is for."""
    monkeypatch.setattr(largest, "_RANDOM", 0.0)
    matrix = np.diag(np.r_[0.9, 1.0, np.linspace(0.5, 0.1, N - 2)])
    assert spectral_norms(matrix, np.eye(N)[0])[0] == pytest.approx(0.9, rel=1e-12)


def test_a_batch_is_each_of_its_matrices():
    matrices = np.stack([MATRICES["random"], MATRICES["rank one"]])
    norms, left = spectral_norms(matrices)
    again, _ = spectral_norms(matrices, left)
    wanted = np.linalg.norm(matrices, ord=2, axis=(-2, -1))
    np.testing.assert_allclose(norms, wanted, rtol=1e-12)
    np.testing.assert_allclose(again, wanted, rtol=1e-12)


@pytest.mark.parametrize("block", [None, ("c", "h")])
def test_the_decay_of_a_wide_run(block, monkeypatch):
    cell = gf.cells.get("lstm")
    units = N if block else N // 2
    params = cell.init(hidden=units, inputs=3, rng=0, forget_bias=1.0)
    x = np.random.default_rng(1).standard_normal((12, 3))
    run = gf.run(cell, params, x, backend="numpy")
    found = run.decay(block=block).log_norm
    monkeypatch.setattr(largest, "_LARGE", 10**9)
    np.testing.assert_allclose(found, run.decay(block=block).log_norm, rtol=1e-11, atol=1e-11)
