"""QR of single steps that float64 cannot tell from singular, beside 800 digits."""

import mpmath
import numpy as np
import pytest

from gradflow.spectra import lyapunov_spectrum
from gradflow.spectra.numerics.long_steps import long_step, regular
from gradflow.spectra.numerics.scales import scaled
from oracles.hostile import exact_log_growth, hostile


def growths(step, frame):
    """log R_kk (k,) of ``step frame = Q R``, by the leading minors of the Gram matrix."""
    with mpmath.workdps(800):
        image = mpmath.matrix(step.tolist()) * mpmath.matrix(frame.tolist())
        gram = image.T * image
        minors = [mpmath.det(gram[:k, :k]) for k in range(1, frame.shape[1] + 1)]
        before = [mpmath.mpf(1), *minors[:-1]]
        return np.array([float(mpmath.log(m / b) / 2) for m, b in zip(minors, before, strict=True)])


def drawn(kind, d, rng):
    gauss = rng.standard_normal((d, d))
    if kind == "nearly parallel":
        return rng.standard_normal((d, 1)) + 10.0 ** -rng.uniform(6, 15) * gauss
    if kind == "every entry of its own size":
        return gauss * np.exp(rng.uniform(-300, 300, (d, d)))
    if kind == "triangular":
        return np.tril(gauss) * np.exp(rng.uniform(-60, 60, (d, d)))
    assert kind == "one and the number after it"
    return np.nextafter(np.ones((d, d)), 2.0 * (rng.random((d, d)) < 0.5))


KINDS = (
    "nearly parallel", "every entry of its own size", "triangular", "one and the number after it",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_beside_many_digits(kind):
    rng, tried = np.random.default_rng(KINDS.index(kind)), 0
    for _ in range(12):
        d = int(rng.integers(1, 6))
        step = drawn(kind, d, rng)
        frame = np.linalg.qr(rng.standard_normal((d, int(rng.integers(1, d + 1)))))[0]
        if not regular(step):
            continue
        row, y, column = scaled(step)
        q, logs = long_step(y, row, column, frame)
        exact = growths(step, frame)
        np.testing.assert_allclose(logs, exact, rtol=1e-14, atol=1e-13)  # logs of a few hundred
        np.testing.assert_allclose(q.T @ q, np.eye(len(logs)), atol=1e-14)
        tried += 1
    assert tried >= 5


def test_the_many_digits_see_the_last_bit():
    step = np.array([[1.0, 1.0], [1.0, 1.0 + 2**-50]])
    other = np.array([[1.0, 1.0], [1.0, 1.0 + 2**-49]])
    frame = np.eye(2)
    assert abs(growths(other, frame) - growths(step, frame))[1] > 0.6  # ln 2


def test_what_is_singular():
    assert not regular(np.zeros((1, 1)))
    assert not regular(np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]))
    assert regular(np.array([[1.0, 1.0], [1.0, 1.0 + 2**-52]]))
    assert regular(np.array([[1e-300, 0.0], [1.0, 1e300]]))


def test_scales_of_the_columns_of_a_singular_step_count():
    """In powers of two, so that the step stays exactly singular."""
    of_rank_two = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    for powers in ([0, 0, 0], [0, -40, -80], [0, -400, -800]):
        step = np.ldexp(of_rank_two, powers)
        for before in (0, 2):
            steps = np.array([*[np.eye(3)] * before, step])
            found = lyapunov_spectrum(steps, transient=0, initial=np.eye(3)).exponents * len(steps)
            first_two = growths(np.ldexp(of_rank_two, [powers[0]] * 3), np.eye(3)[:, :2])
            first_two[1] += (powers[1] - powers[0]) * np.log(2)
            np.testing.assert_allclose(found[:2], first_two, rtol=1e-12)
            assert found[2] == -np.inf


def test_nothing_is_lost_but_to_what_is_singular():
    rng = np.random.default_rng(5)
    for d, steps in ((3, 5), (6, 50), (16, 5)):
        jacobians = hostile("nearly parallel", d, steps, rng)
        found = lyapunov_spectrum(jacobians, transient=0, initial=np.eye(d))
        exact = exact_log_growth(jacobians, np.eye(d))[0]
        assert abs(found.exponents.sum() * steps - exact) < 1e-9 * abs(exact)
