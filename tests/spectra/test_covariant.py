"""Covariant Lyapunov vectors: planted ones, triangular systems, and the property of their name."""

import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.errors import PrecisionError, UsageError
from gradflow.spectra import covariant_vectors

RATES = np.array([0.4, 0.1, -0.2, -0.6, -1.0])


def planted(steps=400, d=5, seed=0):
    """Return Jacobians, the directions (T + 1, d, d) they carry along, and by how much (T, d)."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((steps + 1, d, d))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    growth = RATES[:d] + 0.3 * rng.standard_normal((steps, d))
    grown = vectors[1:] * np.exp(growth)[:, None]
    return grown @ np.linalg.inv(vectors[:-1]), vectors, growth


def cosines(found, wanted):
    return np.abs(np.sum(found * wanted, axis=-2))


def test_planted_directions_are_found():
    jacobians, vectors, growth = planted()
    found = covariant_vectors(jacobians, transient=150)
    assert found.first == 150
    np.testing.assert_allclose(cosines(found.vectors, vectors[150:251]), 1, atol=1e-12)
    np.testing.assert_allclose(found.growth, growth[150:250], atol=1e-9)
    np.testing.assert_allclose(found.exponents, growth[150:250].mean(axis=0), atol=1e-9)
    assert found.unsettled.max() < 1e-9
    # an error of 0.1 % of one coordinate is seen
    off = vectors[150:251] * np.array([1.001, 1, 1, 1, 1])[:, None]
    assert np.abs(cosines(found.vectors, off) - 1).max() > 1e-4
    # the leading ones alone are the same
    few = covariant_vectors(jacobians, transient=150, leading=2)
    np.testing.assert_allclose(cosines(few.vectors, vectors[150:251, :, :2]), 1, atol=1e-12)


def test_an_orthonormal_frame_is_not_covariant():
    jacobians, vectors, _ = planted()
    frame = np.eye(5)
    for t in range(150):
        frame = np.linalg.qr(jacobians[t] @ frame)[0]
    apart = cosines(frame, vectors[150])
    assert apart[0] == pytest.approx(1, abs=1e-9)
    assert apart[1] < 1 - 1e-4
    assert apart[-1] < 0.5


def test_angles_of_planted_directions():
    jacobians, vectors, _ = planted()
    found = covariant_vectors(jacobians, transient=150)
    i, j = np.triu_indices(5, 1)
    by_hand = np.arccos(cosines(vectors[150:251][..., i], vectors[150:251][..., j]))
    np.testing.assert_allclose(found.angles(), by_hand, atol=1e-8)
    for count in (1, 2, 4):
        ours, theirs = vectors[200][:, :count], vectors[200][:, count:]
        # the least angle, by the largest cosine between unit vectors of the two spans
        a, b = (np.linalg.qr(v)[0] for v in (ours, theirs))
        cosine = np.linalg.svd(a.T @ b, compute_uv=False).max()
        assert found.splitting_angle(count)[50] == pytest.approx(math.acos(cosine), abs=1e-7)


@pytest.mark.parametrize(("a", "d"), [(0.9, 0.5), (0.5, 0.9)])
def test_a_triangular_system_in_closed_form(a, d):
    rng = np.random.default_rng(3)
    steps = 300
    first, last = a * rng.uniform(0.8, 1.2, steps), d * rng.uniform(0.8, 1.2, steps)
    beside = rng.standard_normal(steps)
    jacobians = np.zeros((steps, 2, 2))
    jacobians[:, 0, 0], jacobians[:, 0, 1], jacobians[:, 1, 1] = first, beside, last
    found = covariant_vectors(jacobians, transient=100)
    # (1, 0) is one; the other is (y, 1) with first * y + beside = last * y_next
    y = np.zeros(steps + 1)
    if a > d:  # settles backwards
        for t in range(steps - 1, -1, -1):
            y[t] = (last[t] * y[t + 1] - beside[t]) / first[t]
    else:
        for t in range(steps):
            y[t + 1] = (first[t] * y[t] + beside[t]) / last[t]
    kept = slice(100, 201)
    other = np.stack([y[kept], np.ones(101)], axis=1)
    other /= np.linalg.norm(other, axis=1)[:, None]
    axis, own = (0, 1) if a > d else (1, 0)
    np.testing.assert_allclose(np.abs(found.vectors[:, 0, axis]), 1, atol=1e-12)
    np.testing.assert_allclose(cosines(found.vectors[..., own].T, other.T), 1, atol=1e-12)
    rates = np.log([first[100:200], last[100:200]]).mean(axis=1)
    np.testing.assert_allclose(found.exponents[axis], rates[0], atol=1e-12)
    size = np.log(np.hypot(y[kept], 1))  # of (y, 1), which the mean growth of unit vectors is less
    grown = rates[1] + (size[-1] - size[0]) / 100
    np.testing.assert_allclose(found.exponents[own], grown, atol=1e-12)


def test_a_chaotic_network_turns_them_into_one_another():
    params = gf.cells.rnn.init(hidden=12, inputs=1, U=gaussian(2.5), rng=0)
    start = np.random.default_rng(1).standard_normal(12)
    run = gf.run("rnn", params, np.zeros((600, 1)), start)
    found = run.covariant_vectors(leading=4, transient=200)
    jacobians = run.jacobians(range(201, 401))
    image = jacobians @ found.vectors[:-1]
    size = np.linalg.norm(image, axis=1)
    np.testing.assert_allclose(np.log(size), found.growth, atol=1e-9)
    np.testing.assert_allclose(image / size[:, None], found.vectors[1:], atol=1e-9)
    spectrum = run.lyapunov(leading=4, transient=200).exponents
    assert np.abs(found.exponents - spectrum).max() < 0.05  # over other steps of one run
    assert run.covariant_vectors(leading=1).vectors.shape[-1] == 1


def test_symmetric_steps_have_right_angles_and_equal_rates_are_told():
    diagonal = np.diag([0.9, 0.6, 0.3])
    turned = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    found = covariant_vectors(np.array([turned @ diagonal @ turned.T] * 200))
    np.testing.assert_allclose(found.angles(), math.pi / 2, atol=1e-7)
    np.testing.assert_allclose(found.exponents, np.log([0.9, 0.6, 0.3]), atol=1e-12)
    assert found.unsettled.max() < 1e-7  # digits of the square root of rounding
    equal = covariant_vectors(np.array([np.diag([0.9, 0.5, 0.5])] * 200))
    assert equal.unsettled[1] < 1e-7 < 0.01 < equal.unsettled[2]


def test_degenerate_and_wrong():
    one = covariant_vectors(np.full((8, 1, 1), 0.5), transient=0)
    np.testing.assert_allclose(one.exponents, math.log(0.5), atol=1e-15)
    assert one.vectors.shape == (9, 1, 1)
    with pytest.raises(UsageError, match="there is one direction"):
        one.splitting_angle(1)
    steps = np.array([np.diag([0.9, 0.0, 0.5])] * 20)
    with pytest.raises(PrecisionError, match=r"step 1 shrinks direction 3 .* leading=2"):
        covariant_vectors(steps)
    assert covariant_vectors(steps, leading=2).vectors.shape == (11, 3, 2)
    with pytest.raises(PrecisionError, match=r"direction 1 .* no direction is left"):
        covariant_vectors(np.zeros((20, 2, 2)))
    with pytest.raises(UsageError, match="10 are left out at either end, so none"):
        covariant_vectors(steps, transient=10)
    pair = gf.run("scalar", {"w": [0.5]}, state=np.ones((2, 1)), steps=8)
    with pytest.raises(UsageError, match="needs one trajectory"):
        pair.covariant_vectors()
