"""Products of matrices that have defeated floating point, by kind, and their exact spectra."""

from pathlib import Path
from runpy import run_path

import flint
import numpy as np

from oracles.precision import lstm_jacobians, rnn_jacobians

KINDS = (
    "gauss",
    "triangular",
    "lower triangular",
    "Jordan",
    "nilpotent",
    "block triangular",
    "separate blocks",
    "nearly parallel",
    "graded",
    "rows and columns scaled",
    "columns scaled",
    "permutation",
    "dead ReLU",
    "low rank",
    "saturated",
    "masked tanh",
    "two gated layers",
    "orthogonal",
    "one step repeated",
    "small whole numbers",
    "growth that turns round",
    "rnn run",
    "saturated rnn run",
    "lstm run",
    "saturated lstm run",
    "one step of each",
)
# of these a rank may be lost exactly
SINGULAR = (
    "dead ReLU",
    "low rank",
    "small whole numbers",
    "saturated rnn run",
    "saturated lstm run",
    "one step of each",
)
# of these all steps are triangular
TRIANGULAR = ("triangular", "lower triangular", "Jordan", "masked tanh", "two gated layers")


def hostile(kind, d, steps, rng):
    """(steps, d, d) of one kind."""
    gauss = rng.standard_normal((steps, d, d))
    if kind == "gauss":
        return gauss / np.sqrt(d)
    if kind == "triangular":
        return np.triu(gauss)
    if kind == "lower triangular":
        return np.tril(gauss)
    if kind == "Jordan":
        return np.eye(d) * rng.uniform(0.3, 1.5, (steps, 1, 1)) + np.diag(np.ones(d - 1), 1)
    if kind == "nilpotent":
        return np.triu(gauss, 1) + 1e-3 * np.tril(gauss, -1)
    if kind == "block triangular":
        below = np.arange(d)[:, None] // 2 > np.arange(d) // 2
        return np.where(below, 0.0, gauss)
    if kind == "separate blocks":
        apart = np.arange(d)[:, None] % 2 != np.arange(d) % 2
        return np.where(apart, 0.0, gauss)
    if kind == "nearly parallel":
        column = rng.standard_normal((steps, d, 1))
        return column + 10.0 ** -rng.uniform(6, 14) * gauss
    if kind == "graded":
        return gauss * np.exp(-rng.uniform(1, 6) * np.abs(np.arange(d)[:, None] - np.arange(d)))
    if kind == "rows and columns scaled":
        left, right = np.exp(rng.uniform(-20, 20, (2, steps, d)))
        return left[:, :, None] * gauss * right[:, None, :]
    if kind == "columns scaled":
        turns = np.linalg.qr(gauss)[0]
        return turns * np.exp(-rng.uniform(0, 40, (steps, 1, d)))
    if kind == "permutation":
        size = np.exp(rng.standard_normal((steps, d)))
        return np.array([np.diag(s)[rng.permutation(d)] for s in size])
    if kind == "dead ReLU":
        return (rng.random((steps, d, 1)) < 0.9) * gauss
    if kind == "low rank":
        rank = max(1, d // 2)
        whole = rng.integers(-3, 4, (2, steps, d, rank)).astype(float)
        return whole[0] @ whole[1].swapaxes(1, 2)
    if kind == "saturated":
        weight = 3 * rng.standard_normal((d, d)) / np.sqrt(d)
        return np.exp(-rng.uniform(0, 25, (steps, d, 1))) * weight
    if kind == "masked tanh":
        weight = np.triu(rng.standard_normal((d, d)) * 2 / np.sqrt(d))
        state, found = rng.standard_normal(d), np.empty((steps, d, d))
        for t in range(steps):
            state = np.tanh(weight @ state + rng.standard_normal(d))
            found[t] = (1 - state**2)[:, None] * weight
        return found
    if kind == "two gated layers":
        gates = 1 / (1 + np.exp(-2 * rng.standard_normal((steps, d))))
        half = d // 2
        found = np.array([np.diag(g) for g in gates])
        coupled = rng.standard_normal((steps, d - half, half))
        found[:, half:, :half] = (1 - gates[:, half:, None]) * coupled
        return found
    if kind == "orthogonal":
        return np.linalg.qr(gauss)[0]
    if kind == "one step repeated":
        return np.repeat(gauss[:1], steps, axis=0)
    if kind == "growth that turns round":
        sign = np.where(np.arange(steps) < steps // 2, 1.0, -1.0)[:, None]
        growth = np.exp(sign * np.sort(rng.uniform(-1, 1, d)))
        return growth[:, :, None] * np.eye(d) + np.triu(rng.uniform(0, 1, (d, d)), 1)
    if kind.endswith("run"):
        make = rnn_jacobians if "rnn" in kind else lstm_jacobians
        n = d if "rnn" in kind else max(1, d // 2)
        gain = rng.uniform(3, 30) if "saturated" in kind else rng.uniform(0.3, 2)
        return make(n, gain, steps, int(rng.integers(2**31)))
    if kind == "one step of each":
        rare = 0.3 / max(steps, 3)  # of rank one, or zero: after it little is left
        chances = [0.3 - 2 * rare, 0.2, 0.2, 0.1, 0.2, rare, rare]
        return np.array([_any(step, rng.choice(7, p=chances), rng) for step in gauss])
    assert kind == "small whole numbers"
    return rng.integers(-2, 3, (steps, d, d)).astype(float)


def _any(step, which, rng):
    """A step (d, d) of one of seven kinds: as it is, scaled, partly dead, of rank one, or zero."""
    d = len(step)
    scales = np.exp(rng.uniform(-20, 20, d))
    column, row = rng.integers(-3, 4, (2, d))
    return [
        step,
        step * scales,
        step * scales[:, None],
        step[rng.permutation(d)] * (rng.random((d, d)) < 0.5),
        step * (rng.random((d, 1)) < 0.9),
        np.outer(column, row).astype(float),
        0.0 * step,
    ][which]


def whole_product(jacobians):
    """``(product, shift)``: ``J_T ... J_1 = 2^shift product`` exactly."""
    d, total = jacobians.shape[-1], 0
    product = flint.fmpz_mat(np.eye(d, dtype=int).tolist())
    for step in jacobians:
        ratios = [float(x).as_integer_ratio() for x in step.ravel()]
        most = max(q.bit_length() - 1 for _, q in ratios)
        entries = [p << (most - q.bit_length() + 1) for p, q in ratios]
        product = flint.fmpz_mat(d, d, entries) * product
        total -= most
    return product, total


def exact_log_singular_values(jacobians):
    """log sigma (d,), descending, of matrices (T, d, d), exact zeros ``-inf``: certified."""
    product, shift = whole_product(jacobians)
    logs = [log / 2 for log, _ in _roots(product.transpose() * product, 2 * shift)]
    return np.sort(np.array(logs))[::-1]


def exact_log_eigenvalues(jacobians):
    """(log |lambda|, phase) (d,), by log descending, exact zeros ``-inf`` and 0: certified."""
    product, shift = whole_product(jacobians)
    logs, phases = np.array(_roots(product, shift)).T
    order = np.argsort(-logs, kind="stable")
    return logs[order], phases[order]


def exact_log_growth(jacobians, frame):
    """log (1,) of the volume to which ``J_T ... J_1`` takes a frame (d, k), ``-inf`` for none."""
    product, shift = whole_product(jacobians)
    entries = [int(x) for x in np.ldexp(frame, 60).ravel()]
    image = product * flint.fmpz_mat(*frame.shape, entries)
    square = (image.transpose() * image).det()
    with flint.ctx.workprec(200):
        power = frame.shape[1] * (shift - 60) * flint.arb.const_log2()
        log = (flint.arb(square).log() / 2 + power).mid() if square != 0 else -np.inf
    return np.array([float(log)])


def larger_log_singular_values(jacobians):
    """log sigma (d,), descending, of more units than polynomials carry, nonsingular; not certified.

    The reference of the benchmarks: Gram-Schmidt and Jacobi at thousands of bits.
    """
    path = Path(__file__).parents[2] / "benchmarks" / "balls.py"
    return run_path(str(path))["log_singular_values"](jacobians, [len(jacobians)])[0]


def _roots(whole, shift):
    """(log |root|, phase) of the eigenvalues of ``2^shift whole``."""
    found = []
    with flint.ctx.workprec(200):
        power = shift * flint.arb.const_log2()
        for root, times in whole.charpoly().complex_roots():
            log = -np.inf if root == 0 else float((abs(root).log() + power).mid())
            found += [(log, 0.0 if root == 0 else float(root.arg().mid()))] * times
    return found


def wrong_by_more(found, error, exact):
    """How far beyond ``max(error, 1e-9 |log|)`` a log is off, in nats: 0 where none is."""
    alive, true = np.isfinite(found), np.isfinite(exact)
    if (alive != true).any():
        return np.inf
    off = np.abs(found[alive] - exact[alive])
    allowed = np.maximum(error[alive], 1e-9 * np.abs(exact[alive])) + 1e-12
    return float(np.maximum(off - allowed, 0.0).max(initial=0.0))
