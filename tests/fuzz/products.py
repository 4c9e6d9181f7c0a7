"""Singular values and eigenvalues of random products, against exact whole numbers."""

import numpy as np

from fuzz.attempt import Subject, Told
from gradflow.errors import PrecisionError
from gradflow.spectra import lyapunov_spectrum, product_eigenvalues, singular_values
from oracles.hostile import (
    KINDS,
    SINGULAR,
    TRIANGULAR,
    exact_log_eigenvalues,
    exact_log_growth,
    exact_log_singular_values,
    hostile,
    larger_log_singular_values,
    wrong_by_more,
)

SIZES = (1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 8, 12, 16, 24, 32, 48, 64)
STEPS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
# d^4 T of a characteristic polynomial, and d^3 T of Gram-Schmidt, that take a few seconds
POLYNOMIAL, ORTHOGONAL = 2.5e6, 1e7
# An error, as a part of its log (of 1 if it is smaller), that is worth telling.
DOUBT = 1e-6
# Ten times what rounding costs a growth rate at most, about, as lyapunov_spectrum promises.
ROUNDING = 1e-7


def drawn(kind, rng, cost):
    """A product whose truth is affordable: ``cost(d, steps)`` at most 1."""
    while True:
        d, steps = int(rng.choice(SIZES)), int(rng.choice(STEPS))
        if "scaled" in kind:  # 60 bits a step, of which the reference holds some 30,000
            steps = min(steps, 200)
        if cost(d, steps) <= 1:
            return hostile(kind, d, steps, rng)


def by_polynomial(d, steps):
    return d**4 * steps / POLYNOMIAL


def by_either(d, steps):
    return min(by_polynomial(d, steps), d**3 * steps / ORTHOGONAL)


def diagonals(jacobians):
    """log |lambda| (d,), descending, of triangular steps."""
    logs = np.log(np.abs(np.diagonal(jacobians, axis1=1, axis2=2))).sum(axis=0)
    return np.sort(logs)[::-1]


def of_singular_values(kind, rng):
    jacobians = drawn(kind, rng, by_polynomial if kind in SINGULAR else by_either)
    steps, d, _ = jacobians.shape
    lags = sorted({max(1, steps // 3), steps})
    asked = f"d={d} T={steps} lags={lags}"
    try:
        found = singular_values(jacobians, lags)
    except PrecisionError as error:
        return Told(asked, refused=str(error))
    polynomial = by_polynomial(d, steps) <= 1
    truth = exact_log_singular_values if polynomial else larger_log_singular_values
    try:
        exact = [truth(jacobians[steps - lag :]) for lag in lags]
    except ArithmeticError:  # more bits than the reference has: nothing to compare with
        return Told(asked)
    return compared(asked, found.log_sigma, found.error, np.array(exact))


def of_eigenvalues(kind, rng):
    triangular = kind in TRIANGULAR
    jacobians = drawn(kind, rng, by_either if triangular else by_polynomial)
    steps, d, _ = jacobians.shape
    asked = f"d={d} T={steps}"
    try:
        found = product_eigenvalues(jacobians)
    except PrecisionError as error:
        return Told(asked, refused=str(error))
    exact = diagonals(jacobians) if triangular else exact_log_eigenvalues(jacobians)[0]
    return compared(asked, found.log_abs, found.error, exact)


def of_exponents(kind, rng):
    """The growth of a direction, or of the volume of all, by repeated QR."""
    jacobians = drawn(kind, rng, by_polynomial)
    steps, d, _ = jacobians.shape
    leading = int(rng.choice([1, d]))
    asked = f"d={d} T={steps} leading={leading}"
    frame = np.linalg.qr(rng.standard_normal((d, leading)))[0]
    try:
        found = lyapunov_spectrum(jacobians, leading=leading, transient=0, initial=frame)
    except PrecisionError as error:
        return Told(asked, refused=str(error))
    exact = exact_log_growth(jacobians, frame)
    grown = np.array([found.exponents.sum() * steps])
    if leading < d and np.isfinite(grown) == np.isfinite(exact):
        return Told(asked)  # rounding may turn a direction, but not the volume of all
    error = np.array([ROUNDING * leading * steps])
    return Told(asked, wrong=compared(asked, grown, error, exact).wrong)  # a bound on all kinds


def compared(asked, found, error, exact):
    """Held against the truth, an error of a whole result counting for each of its values."""
    error = np.asarray(error)
    if error.ndim < found.ndim:
        error = error[..., None]
    error = np.broadcast_to(error, found.shape)
    known = np.isfinite(error) & ~np.isnan(found)
    if not known.all():
        return Told(asked, refused=f"{np.sum(~known)} of {known.size} values have no error")
    wrong = wrong_by_more(found, error, exact)
    if wrong:
        with np.errstate(invalid="ignore"):
            at = np.argmax(np.nan_to_num(np.abs(found - exact), nan=0.0))
        said, true, good = found.flat[at], exact.flat[at], error.flat[at]
        return Told(asked, wrong=f"said {said:.12g} +- {good:.1g}, exact {true:.12g}")
    worst = float((error / np.maximum(1, np.abs(np.where(error > 0, exact, 1)))).max())
    return Told(asked, doubtful=f"good to {worst:.1g} only" if worst > DOUBT else "")


SUBJECTS = (
    Subject("singular values", KINDS, of_singular_values),
    Subject("eigenvalues", KINDS, of_eigenvalues),
    Subject("exponents", KINDS, of_exponents),
)
