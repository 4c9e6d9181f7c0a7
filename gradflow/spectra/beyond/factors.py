r"""Step Jacobians as factors that float64 holds: ``J = D_1 ... D_a M E_1 ... E_b``, D and E scales.

A row or a column of J that is far below 1 is a power of two times one that is not, and a power of
two too small for float64 is the product of some that are not. Entries too small beside others of
their row and column are a matrix of their own, and a sum of two is a product of larger ones,

.. math:: A + 2^{-s} B = (1, 1)\, \mathrm{diag}(1, 2^{-s})\, (A; B),

padded with zeros to squares, which adds exact zeros to what is measured and nothing else. So every
analysis of products of float64 matrices is one of products without a range, at the same accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gradflow.codegen.logarithms.numbers import Logs, added
from gradflow.errors import PrecisionError
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.numerics.logdomain import Floats

# Rows and columns below e^-200 are split off.
_SPLIT = -200.0
# A factor takes up to so many powers of two of a scale, and so do entries beside larger ones.
_MOST = 800
# Smaller entries than 2^-(800 * 200) are no product of so many factors as a step is given.
_FACTORS = 200
_LN2 = float(np.log(2))


@dataclass(frozen=True, kw_only=True)
class Factors:
    """The steps of a run as ``each`` factors a step.

    Parameters
    ----------
    matrices
        (..., T each, n, n), first factor of the first step first; n is the size of a step, or a
        multiple of it where they are padded.
    each
        Factors a step: 1 where the Jacobians are as they are.
    lost
        Whether entries are missing that are no zeros, each under 2^-800 of others in its row and
        its column.
    """

    matrices: Floats
    each: int = 1
    lost: bool = False

    def lags(self, lags: Sequence[int] | None, steps: int) -> Sequence[int] | None:
        """Return lags in factors for lags in steps; those left open are chosen in steps."""
        if self.each == 1:
            return lags
        if lags is None:
            lags = np.unique(np.rint(np.geomspace(1, steps, 12))).astype(int).tolist()
        return [self.each * lag if isinstance(lag, int | np.integer) else lag for lag in lags]


def factored(
    run: Linearised, start: int = 0, part: slice = slice(None), *, every: bool = True
) -> Factors:
    """Return the steps after the first ``start`` as factors, or the block of one part of each.

    With ``every`` no entry is lost, and the factors are padded where that needs it.

    Examples
    --------
    >>> import gradflow as gf
    >>> cell = gf.Cell(name="one", state="h", vectors="b", equations="h_next = tanh(h + b)")
    >>> steps = factored(gf.run(cell, {"b": [500.0]}, state=[0.0], steps=7))
    >>> steps.each, steps.matrices.shape, np.log(steps.matrices[:3]).sum().round(6)
    (3, (21, 1, 1), np.float64(-998.613706))
    """
    jacobians = run.jacobians(range(start + 1, run.steps + 1))[..., part, part]
    doubt = run.in_doubt()[..., start:]
    if not doubt.any():
        return Factors(matrices=jacobians)
    *batch, count, d, _ = jacobians.shape
    levels = [jacobians.reshape(-1, count, d, d).copy()]
    rows, columns = np.zeros((2, *levels[0].shape[:-1]))
    each_doubt = doubt.reshape(-1, count)
    for at, index in enumerate(np.ndindex(*batch)):
        where = np.flatnonzero(each_doubt[at])
        if len(where):
            paths = run.one(*index).log_path_jacobians(where + start)
            found = added(list(paths.values()))[:, part, part]
            rows[at, where], columns[at, where], split = _scaled(found)
            levels += [np.zeros_like(levels[0]) for _ in range(len(split) - len(levels))]
            for level, entries in zip(levels, split, strict=False):
                level[at, where] = entries
    lost = len(levels) > 1
    middle = _padded(levels) if every and lost else [levels[0]]
    size = middle[0].shape[-1]
    before, after = _diagonals(columns, size), _diagonals(rows, size)
    ordered = np.stack([*before, *middle, *after], axis=2)
    each = ordered.shape[2]
    matrices = ordered.reshape(*batch, count * each, size, size)
    return Factors(matrices=matrices, each=each, lost=lost and not every)


def _scaled(found: Logs) -> tuple[Floats, Floats, list[Floats]]:
    """Return powers of two of rows and of columns, and what is left as matrices, level by level."""
    log, scales = found.log / _LN2, []
    for axis in (-2, -1):
        top = log.max(axis=axis)
        scale = np.where((top < _SPLIT / _LN2) & np.isfinite(top), np.rint(top), 0.0)
        log = log - np.expand_dims(scale, axis)
        scales.append(scale)
    columns, rows = scales
    alive = found.sign != 0
    level = np.maximum(0, -np.where(alive, log, 0.0) // _MOST)
    deepest = max(float(np.abs(found).max(initial=0.0)) for found in (level * _MOST, *scales))
    if not deepest <= _FACTORS * _MOST:
        raise PrecisionError(
            f"a step Jacobian has entries near 2^-{deepest:.3g}, which are too small to be "
            f"multiplied out (at least 2^-{_FACTORS * _MOST}); its gates are saturated by weights "
            "or inputs that are far too large, so look at these."
        )
    plain = (rows[..., :, None] == 0) & (columns[..., None, :] == 0) & (level == 0)
    split = []
    for k in range(int(level.max()) + 1):
        here = alive & (level == k)
        entries = np.where(here, found.sign * np.exp2(np.where(here, log + k * _MOST, 0.0)), 0.0)
        split.append(np.where(plain, found.value, entries) if k == 0 else entries)
    return rows, columns, split


def _padded(levels: Sequence[Floats]) -> list[Floats]:
    """Return factors, the first first, whose product has ``sum_k 2^(-800 k) L_k`` at the top."""
    *lead, d, _ = levels[0].shape
    count = len(levels)
    first, last = np.zeros((2, *lead, count * d, count * d))
    for k, level in enumerate(levels):
        here = slice(k * d, (k + 1) * d)
        first[..., here, :d] = level
        last[..., :d, here] = np.eye(d)
    place = np.repeat(np.arange(count), d)
    scales = [np.where(place >= k, 2.0**-_MOST, 1.0) * np.eye(count * d) for k in range(1, count)]
    return [first, *(np.broadcast_to(scale, first.shape) for scale in scales), last]


def _diagonals(scale: Floats, size: int) -> list[Floats]:
    """Return diagonal matrices (..., size, size) whose product is ``2**scale``, and 1 below it."""
    parts = int(np.ceil(np.abs(scale).max(initial=0.0) / _MOST))
    whole = np.zeros((*scale.shape[:-1], size))
    whole[..., : scale.shape[-1]] = scale
    steps = [np.rint(whole * k / max(parts, 1)) for k in range(parts + 1)]
    return [np.exp2(b - a)[..., None] * np.eye(size) for a, b in pairwise(steps)]
