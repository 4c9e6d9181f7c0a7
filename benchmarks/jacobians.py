"""Step Jacobians of a stored trajectory, beside filling the array that holds them.

The reference is the formula by hand in numbers longer than a double; JAX and torch, which know no
formula, are held against it in the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import peers_numpy
from measure import LIMIT, PEER, Row, Work, compare, gradflow, largest, peer
from problems import Problem

import gradflow as gf

CELLS = ("rnn", "gru_reset_after", "lstm")


def rows(quick: bool) -> Iterator[Row]:
    for n in (8, 5) if quick else (256, 64, 16):
        for name in CELLS:
            yield many(Problem(name, n, 6 if quick else 100), quick, torch=True)
    for n in (12,) if quick else (512, 1024):
        yield many(Problem("lstm", n, 3 if quick else 10), quick, torch=False)
    for n in (6,) if quick else (256, 512):
        for name in CELLS:
            yield one(Problem(name, n, 1), quick)


def many(p: Problem, quick: bool, torch: bool) -> Row:
    """All Jacobians of the steps in one call. gradflow and NumPy fill an array that is there."""
    out = np.empty((p.steps, p.width, p.width))

    def ours(backend: str) -> Callable[[], Any]:
        return partial(gf.compile(p.cell, backend).jacobian, p.params, p.before, p.x, p.t, out=out)

    args = (p.name, p.stacked, p.before, p.x)
    works = [
        Work("fill the output", LIMIT, lambda: out.fill(0.5), read=None),
        *gradflow(ours),
        Work("NumPy by hand", PEER, lambda: peers_numpy.jacobians(*args, out)),
        peer("JAX, jit(vmap(jacfwd))", "jax", lambda m: m.jacobians(*args)),
    ]
    if torch:
        works.append(peer("torch, vmap(jacrev)", "torch", lambda m: m.jacobians(*args)))
    work = f"{p.name}, n = {p.n}: {p.steps} Jacobians"
    return compare("jacobians", work, works, largest(reference(p)), quick)


def one(p: Problem, quick: bool) -> Row:
    """The Jacobian of a single step, in an array of its own."""
    s, x = p.before[0], p.x[0]

    def ours(backend: str) -> Callable[[], Any]:
        return partial(gf.compile(p.cell, backend).jacobian, p.params, s, x, 1)

    out = np.empty((1, p.width, p.width))

    def by_hand() -> np.ndarray:
        return peers_numpy.jacobians(p.name, p.stacked, p.before, p.x, np.empty_like(out))[0]

    works = [
        Work("fill the output", LIMIT, lambda: out.fill(0.5), read=None),
        *gradflow(ours),
        Work("NumPy by hand", PEER, by_hand),
        peer("JAX, jit(jacfwd)", "jax", lambda m: m.one_jacobian(p.name, p.stacked, s, x)),
    ]
    work = f"{p.name}, n = {p.n}: one Jacobian"
    return compare("jacobians", work, works, largest(reference(p)[0]), quick)


def reference(p: Problem) -> np.ndarray:
    """(T, d, d), rounded to float64 at the end only."""
    weights = {key: value.astype(np.longdouble) for key, value in p.stacked.items()}
    s, x = p.before.astype(np.longdouble), p.x.astype(np.longdouble)
    out = np.empty((p.steps, p.width, p.width), np.longdouble)
    return peers_numpy.jacobians(p.name, weights, s, x, out).astype(np.float64)
