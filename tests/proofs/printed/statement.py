"""A printed theorem as predicates: what is drawn, what is asked of it, and what is concluded."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

import gradflow as gf

EPS = 1e-9


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What is printed: ``draw(rng)`` makes an instance in which every hypothesis holds.

    ``hypotheses`` are predicates by the beginning of their sentence; ``breaks`` changes an instance
    so that only that one fails; ``meaning`` names those that nothing can break, since they say what
    a word stands for or when the statement has a sense, and why. ``bolder`` concludes more than is
    printed, which some draw must refute.
    """

    draw: object
    conclusion: object
    bolder: object
    hypotheses: dict = field(default_factory=dict)
    breaks: dict = field(default_factory=dict)
    meaning: dict = field(default_factory=dict)


def changed(instance, **change):
    return SimpleNamespace(**vars(instance) | change)


def size(matrix):
    return float(np.linalg.norm(matrix, 2))


def sigma(a):
    return (1 + np.tanh(a / 2)) / 2


def at_most(a, b):
    return a <= b + EPS * max(1.0, abs(b))


def close(a, b):
    return np.allclose(a, b, rtol=1e-9, atol=1e-9)


def network(cell, steps, units=2, state=0.0, x=0.0, **params):
    """A run with every array 0 but those given; a constant input, or one a step, and a start."""
    cell = gf.cells.get(cell)
    drawn = cell.init(rng=0, hidden=units, inputs=units)
    full = {k: np.asarray(params.get(k, 0.0), float) * np.ones(v.shape) for k, v in drawn.items()}
    start = {p: np.broadcast_to(np.asarray(state, float), units) for p in cell.states}
    start |= params.get("start", {})
    return gf.run(cell, full, np.broadcast_to(np.asarray(x, float), (steps, units)), start)


def recovers(rho):
    """After log eps / log rho steps rho^T is at most eps."""
    steps = [max(int(np.ceil(np.log(e) / np.log(abs(rho)))), 0) for e in (0.5, 1e-3)]
    return all(rho**t <= e * (1 + 1e-12) for t, e in zip(steps, (0.5, 1e-3), strict=True))


def turn(rng, units=2):
    return np.linalg.qr(rng.standard_normal((units, units)))[0]


def between(found, low, high):
    values = np.linalg.svd(found, compute_uv=False)
    return at_most(low, values.min()) and at_most(values.max(), high)


def near_one(i):
    """Whether every singular value of U lies within e of 1."""
    return between(i.U, 1 - i.e, 1 + i.e)
