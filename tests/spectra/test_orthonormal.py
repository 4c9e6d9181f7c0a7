"""Frames carried through steps: never-formed Q, windows of several steps, and their check."""

import numpy as np
import pytest

from gradflow.spectra.lyapunov.spectrum import lyapunov_spectrum
from gradflow.spectra.numerics import advance, orthonormal
from gradflow.spectra.numerics.advance import SPREAD
from gradflow.spectra.numerics.frames import applied, eliminated, formed, reflected
from gradflow.spectra.numerics.orthonormal import Plan, windows
from oracles.hostile import exact_log_growth
from oracles.precision import lstm_jacobians, rnn_jacobians


def frame_of(d, k=None, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0][:, :k]


def every_step(jacobians, frame):
    """Growth (T, k) of each column at each step, one QR a step: the definition."""
    growth = []
    for step in jacobians:
        frame, triangle = np.linalg.qr(step @ frame)
        growth.append(np.log(np.abs(np.diag(triangle))))
    return np.array(growth)


def carried(jacobians, frame, longest=50):
    found = list(windows([jacobians], frame, 0, longest, "here"))
    return np.array([w.length for w in found]), np.array([w.growth for w in found]), found


@pytest.mark.parametrize("d", [1, 7, 47, 48, 120, 210])
def test_a_frame_that_is_never_formed_is_an_orthogonal_matrix(d):
    rng = np.random.default_rng(d)
    given, other = rng.normal(size=(2, d, d))
    matrix = np.asfortranarray(given)
    frame = reflected(matrix)
    q = applied(np.eye(d, order="F"), frame)
    # a few eps times d
    np.testing.assert_allclose(q.T @ q, np.eye(d), atol=1e-13)
    np.testing.assert_allclose(q @ np.triu(matrix), given, atol=1e-12)
    np.testing.assert_allclose(applied(np.asfortranarray(other), frame), other @ q, atol=1e-12)


@pytest.mark.parametrize("d", [1, 7, 48, 210])
def test_a_frame_by_elimination_is_well_conditioned_and_spans_the_same(d):
    rng = np.random.default_rng(d)
    scales = 10.0 ** -rng.uniform(0, 12, (d, 1))
    given, other = scales * rng.normal(size=(d, d)), rng.normal(size=(d, d))
    matrix = np.asfortranarray(given)
    frame = eliminated(matrix)
    lower = formed(frame, d)
    assert np.linalg.cond(lower) < 10 * d
    # row by row, however small the row is
    np.testing.assert_allclose((lower @ np.triu(matrix)) / scales, given / scales, atol=1e-12)
    np.testing.assert_allclose(applied(np.asfortranarray(other), frame), other @ lower, atol=1e-12)


@pytest.mark.parametrize(
    ("jacobians", "k"),
    [
        (rnn_jacobians(60, 1.5, 150, 0), None),
        (rnn_jacobians(210, 1.5, 30, 1), None),
        (lstm_jacobians(20, 1.5, 150, 2), None),
        (lstm_jacobians(20, 1.5, 150, 3), 7),
        (rnn_jacobians(12, 3.0, 300, 4), None),
        (rnn_jacobians(12, 3.0, 300, 5), 11),
    ],
    ids=["rnn", "wide rnn", "lstm", "lstm leading", "saturated", "saturated leading"],
)
def test_every_window_is_as_good_as_a_qr_a_step(jacobians, k):
    frame = frame_of(jacobians.shape[1], k)
    lengths, growth, found = carried(jacobians, frame)
    exact = np.add.reduceat(every_step(jacobians, frame), np.cumsum([0, *lengths[:-1]]), axis=0)
    # the stated accuracy, of each window and not only of the mean; frames carry it on a little
    assert np.abs(growth - exact).max() < 3e-8
    assert np.abs(growth.sum(axis=0) - exact.sum(axis=0)).max() < 1e-8 * len(jacobians)
    assert lengths.sum() == len(jacobians)
    assert max(window.spread for window in found) <= SPREAD


def test_windows_that_nobody_looks_at_are_wrong(monkeypatch):
    jacobians, frame = rnn_jacobians(60, 1.5, 60, 0), frame_of(60)
    for module in (orthonormal, advance):
        monkeypatch.setattr(module, "SPREAD", 80.0)
    for limit in ("_UNEVEN", "_FAR"):
        monkeypatch.setattr(advance, limit, 80.0)
    lengths, growth, _ = carried(jacobians, frame, longest=10)
    exact = np.add.reduceat(every_step(jacobians, frame), np.cumsum([0, *lengths[:-1]]), axis=0)
    assert lengths.max() == 10
    assert np.abs(growth - exact).max() > 1e-3


def test_a_window_that_spreads_too_far_is_done_again_and_the_interval_recovers():
    rng = np.random.default_rng(6)
    turns = np.array([np.linalg.qr(rng.normal(size=(5, 5)))[0] for _ in range(200)])
    turns[101] = turns[101] * [1, 1, 1, 1, 1e-12]  # 28 nats in one step
    lengths, growth, found = carried(turns, np.eye(5), longest=20)
    ends = np.cumsum(lengths)
    where = int(np.searchsorted(ends, 102))
    assert lengths[where] == 1
    assert found[where].spread == 0  # by its scales
    assert lengths[-5:].max() == 20
    # the twelve digits that this step crushes are known from its scales
    np.testing.assert_allclose(growth.sum(), 12 * np.log(0.1), rtol=1e-13)


@pytest.mark.parametrize("k", [3, 2, 1])
def test_a_direction_that_dies_between_the_axes_is_found(k):
    lower = np.array([[1.0, 0.0, 0.0], [2.0, 1.0, 0.0], [-1.0, 1.0, 1.0]])
    basis = lower @ np.array([[1.0, 1.0, 2.0], [0.0, 1.0, -1.0], [0.0, 0.0, 1.0]])
    whole = np.rint(basis @ np.diag([1.0, 1.0], 1) @ np.linalg.inv(basis))
    assert (whole @ whole).any()
    assert not (whole @ whole @ whole).any()
    found = lyapunov_spectrum(np.array([whole] * 9), leading=k, transient=0)
    assert (found.exponents == -np.inf).all()


@pytest.mark.parametrize("k", [3, 2, 1])
def test_what_only_rounding_keeps_alive_is_not_called_dead(k):
    """In another basis the third power is 1e-16, and so are the weights that are given."""
    basis = np.random.default_rng(7).normal(size=(3, 3))
    steps = np.array([basis @ np.diag([1.0, 1.0], 1) @ np.linalg.inv(basis)] * 9)
    frame = np.linalg.qr(basis[:, :k])[0]
    found = lyapunov_spectrum(steps, leading=k, transient=0, initial=frame)
    exact = exact_log_growth(steps, frame)[0]
    # frames are good to 1e-16, and so are directions that shrink by 1e-16; not so a volume of all
    assert abs(9 * found.exponents.sum() - exact) < (1e-6 if k == 3 else 0.2 * abs(exact))


def test_chunks_and_strides_change_nothing():
    whole = lstm_jacobians(8, 1.5, 60, 8)
    part = whole[:, :8, :8]
    assert not part.flags.c_contiguous
    once = lyapunov_spectrum(part, transient=0)
    again = lyapunov_spectrum(part.copy(order="C"), transient=0)
    flipped = np.ascontiguousarray(part.swapaxes(1, 2)).swapaxes(1, 2)
    np.testing.assert_allclose(once.exponents, again.exponents, atol=1e-11)
    np.testing.assert_allclose(
        once.exponents, lyapunov_spectrum(flipped, transient=0).exponents, atol=1e-11
    )


def test_the_jacobians_are_left_as_they_are():
    jacobians = rnn_jacobians(60, 1.5, 20, 9)
    before = jacobians.copy()
    lyapunov_spectrum(jacobians, transient=0)
    lyapunov_spectrum(jacobians, transient=0, interval=1)
    assert np.array_equal(jacobians, before)


def test_an_entry_that_is_not_finite_is_found_in_a_later_chunk():
    chunks = [rnn_jacobians(4, 1.0, 10, 0), rnn_jacobians(4, 1.0, 10, 1)]
    chunks[1][6, 2, 3] = np.nan
    with pytest.raises(ValueError, match=r"hold nan at index \(6, 2, 3\)"):
        lyapunov_spectrum(iter(chunks))


def test_steps_of_wildly_different_size():
    # each step is orthogonal times a power of ten that no product of a window would hold
    rng = np.random.default_rng(10)
    powers = rng.integers(-250, 250, 40)
    turns = [np.linalg.qr(rng.normal(size=(4, 4)))[0] * 10.0**p for p in powers]
    found = lyapunov_spectrum(np.array(turns), transient=0)
    np.testing.assert_allclose(found.exponents, powers.mean() * np.log(10), rtol=1e-12)


def test_the_plan_follows_what_is_met():
    assert Plan().length == 1
    steady = Plan()
    for _ in range(20):
        steady = steady.after(np.array([4.0]), 1)
    assert steady.length == 4  # 18 / 4
    assert steady.after(np.array([np.inf]), 4).length == 2  # twice the limit over 4 steps
    scattered = Plan()
    for k in range(60):
        scattered = scattered.after(np.array([2.0 + 4.0 * (k % 2)]), 1)
    assert scattered.length < steady.length
