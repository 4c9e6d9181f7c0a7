"""Singular values of a long product at several lags, beside the naive product and its SVD."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from measure import GRADFLOW, LIMIT, Row, Work, compare, largest
from problems import Problem

from gradflow.spectra import SingularValues, singular_values

CASES = (
    ("rnn", 16, 500, 1.5),
    ("rnn", 64, 500, 1.5),
    ("rnn", 64, 500, 3.0),
    ("rnn", 128, 500, 1.5),
    ("rnn", 128, 500, 3.0),
    ("lstm", 64, 500, 1.5),
)


def rows(quick: bool) -> Iterator[Row]:
    cases = (("rnn", 6, 40, 1.5),) if quick else CASES
    for name, n, steps, gain in cases:
        yield row(Problem(name, n, steps, gain=gain), quick, gain)


def row(p: Problem, quick: bool, gain: float) -> Row:
    """The Jacobians are given to both. A naive value of 0 counts as an error without bound."""
    jacobians = p.run.jacobians()
    lags = [p.steps * k // 5 for k in range(1, 6)]
    error, note = reference(jacobians, lags)
    works = [
        Work("naive product and SVD", LIMIT, lambda: naive(jacobians, lags), read=read_naive),
        Work(
            "gradflow",
            GRADFLOW,
            lambda: singular_values(jacobians, lags),
            read=lambda found: found.log_sigma,
            remark=lambda found: f"{stated(found)}{note}",
        ),
    ]
    work = f"{p.name}, n = {p.n}, gain {gain:g}: {len(lags)} lags up to {p.steps}"
    return compare("products", work, works, error, quick)


def reference(jacobians: np.ndarray, lags: list[int]) -> tuple[Callable[[Any], float] | None, str]:
    if find_spec("flint") is None:
        return None, "; no reference: python-flint is not installed"
    from balls import log_singular_values

    return largest(log_singular_values(jacobians, lags)), ""


def naive(jacobians: np.ndarray, lags: list[int]) -> np.ndarray:
    product, found = np.eye(jacobians.shape[-1]), []
    for lag in range(1, max(lags) + 1):
        product = product @ jacobians[-lag]
        if lag in lags:
            found.append(np.linalg.svd(product, compute_uv=False))
    return np.array(found)


def read_naive(sigma: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(sigma)


def stated(found: SingularValues) -> str:
    return f"its own estimate {found.error.max():.0e}"
