"""The exact zeros of a product's factors, found once, and what follows from them.

A set of coordinates that no step couples to the others is a product of its own, for the singular
values; where the coupling goes one way only, the eigenvalues are still those of the diagonal
blocks. A rounding unit is then never put where a Jacobian has an exact zero, to grow there later.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from gradflow.spectra.numerics.logdomain import Floats

Part = NDArray[np.intp]


def connected_parts(steps: Floats) -> list[Part]:
    """The coordinates of (T, d, d) in sets that no step couples; T >= 1."""
    return _components(steps, directed=False)


def strong_parts(steps: Floats) -> list[Part]:
    """The coordinates of (T, d, d) in sets within which each reaches each, over any steps.

    In an order of these sets all steps are block triangular, so that the eigenvalues of the
    product are those of its diagonal blocks, each the product of the steps' blocks.
    """
    return _components(steps, directed=True)


def _components(steps: Floats, directed: bool) -> list[Part]:
    d = steps.shape[-1]
    if np.count_nonzero(steps[0]) == d * d:
        return [np.arange(d)]
    # more steps can only couple more
    for few in (steps[:1], steps):
        pattern = (few != 0).any(axis=0)
        count, member = connected_components(pattern, directed=directed, connection="strong")
        if count == 1:
            break
    return [np.flatnonzero(member == k) for k in range(count)]


def part_of(steps: Floats, part: Part) -> Floats:
    """The block (T, n, n) of some coordinates; `steps` itself where it is all of them."""
    if len(part) == steps.shape[-1]:
        return steps
    return np.ascontiguousarray(steps[:, part[:, None], part])


def live_coordinates(factors: Floats) -> NDArray[np.bool_]:
    """The coordinates before, between and after factors that something passes through.

    Factors (..., K, d, d) give (..., K + 1, d).
    """
    pattern = factors != 0
    *lead, count, _, d = factors.shape
    alive = np.ones((*lead, count + 1, d), dtype=bool)
    for k in range(count):  # what is reached from the right end
        passed = pattern[..., k, :, :] & alive[..., k, None, :]
        alive[..., k + 1, :] = passed.any(axis=-1)
    for k in range(count - 1, -1, -1):  # and goes on to the left end
        passed = pattern[..., k, :, :] & alive[..., k + 1, :, None]
        alive[..., k, :] &= passed.any(axis=-2)
    return alive


def cycled(steps: Floats) -> list[Floats]:
    """The steps (T, d, d) around the cycle between the coordinates through which anything passes.

    They are ``(n_t, n_{t-1})`` each, begun where the fewest n pass, with ``n_T = n_0``; the
    product's other d - n_0 eigenvalues are exactly zero.
    """
    count, d = steps.shape[:2]
    if np.count_nonzero(steps) == steps.size:
        return list(steps)
    pattern = steps != 0
    if pattern.any(axis=1).all() and pattern.any(axis=2).all():
        return list(steps)
    alive = np.ones((count, d), dtype=bool)  # before each step; that after the last is the first
    before = -1
    while before != alive.sum():
        before = int(alive.sum())
        for k in range(count):
            alive[(k + 1) % count] &= (pattern[k] & alive[k]).any(axis=1)
        for k in range(count - 1, -1, -1):
            alive[k] &= (pattern[k] & alive[(k + 1) % count][:, None]).any(axis=0)
    start = int(np.argmin(alive.sum(axis=1)))
    order = [(start + k) % count for k in range(count)]
    return [steps[k][np.ix_(alive[(k + 1) % count], alive[k])] for k in order]
