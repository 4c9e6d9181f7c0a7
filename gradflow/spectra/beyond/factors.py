"""Step Jacobians as factors that float64 holds: ``J = D_1 ... D_a M E_1 ... E_b``, D and E scales.

A row or a column of J that is far below 1 is a power of two times one that is not, and a power of
two too small for float64 is the product of some that are not. So every analysis of products of
float64 matrices is one of products without a range, at the same accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.codegen.logarithms.numbers import Logs, added
from gradflow.errors import PrecisionError
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.numerics.logdomain import Floats

# Rows and columns below e^-200 are split off; a factor takes up to e^600 of a scale.
_SPLIT, _MOST = -200.0, 600.0
# What is smaller beside the largest entry of its row and column is lost to float64 after all.
_HELD = -700.0


@dataclass(frozen=True, kw_only=True)
class Factors:
    """The steps of a run as ``each`` factors a step.

    Parameters
    ----------
    matrices
        (..., T each, d, d), first factor of the first step first.
    each
        Factors a step: 1 where the Jacobians are as they are.
    lost
        Whether entries are missing that are no zeros, each more than 10^-300 beside its row and
        column.
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

    def require(self, logs: Floats, what: str) -> None:
        """Raise ``PrecisionError`` if logs say exactly zero of what may only have been lost."""
        if self.lost and np.isneginf(logs).any():
            raise PrecisionError(
                f"{what}: a value comes out as 0, and the Jacobian of a step has entries beside "
                "which float64 loses others (below 10^-308 a step), so it may not be; look at "
                "run.gradient_decay, which keeps the scale of each unit."
            )


def factored(run: Linearised, start: int = 0, part: slice = slice(None)) -> Factors:
    """Return the steps after the first ``start`` as factors, or the block of one part of each."""
    jacobians = run.jacobians(range(start + 1, run.steps + 1))[..., part, part]
    doubt = run.in_doubt()[..., start:]
    if not doubt.any():
        return Factors(matrices=jacobians)
    *batch, count, d, _ = jacobians.shape
    flat = jacobians.reshape(-1, count, d, d).copy()
    rows, columns = np.zeros((2, *flat.shape[:-1]))
    lost = False
    for index, which in zip(np.ndindex(*batch), doubt.reshape(-1, count), strict=True):
        at, where = int(np.ravel_multi_index(index, batch)) if batch else 0, np.flatnonzero(which)
        if len(where):
            paths = run.one(*index).log_path_jacobians(where + start)
            found = added(list(paths.values()))[:, part, part]
            flat[at, where], rows[at, where], columns[at, where], missing = _scaled(found)
            lost |= missing
    before, after = _diagonals(columns), _diagonals(rows)
    each = len(before) + 1 + len(after)
    ordered = np.stack([*before, flat, *after], axis=2)
    matrices = ordered.reshape(*batch, count * each, d, d)
    return Factors(matrices=matrices, each=each, lost=lost)


def _scaled(found: Logs) -> tuple[Floats, NDArray[np.float64], NDArray[np.float64], bool]:
    """Return float64 matrices, powers of two of rows and of columns, whether any is lost."""
    log, scales = found.log, []
    for axis in (-2, -1):
        top = log.max(axis=axis)
        scale = np.where((top < _SPLIT) & np.isfinite(top), np.rint(top / np.log(2)), 0.0)
        log = log - np.expand_dims(scale * np.log(2), axis)
        scales.append(scale)
    columns, rows = scales
    kept = np.where(log < _HELD, -np.inf, log)
    matrices = found.sign * np.exp(kept)
    plain = (rows[..., :, None] == 0) & (columns[..., None, :] == 0) & (found.log >= _HELD)
    lost = bool(((kept != log) & (found.sign != 0)).any())
    return np.where(plain, found.value, matrices), rows, columns, lost


def _diagonals(scale: Floats) -> list[Floats]:
    """Return diagonal matrices (..., d, d) whose product is ``2**scale``."""
    most = _MOST / np.log(2)
    parts = int(np.ceil(np.abs(scale).max(initial=0.0) / most))
    found, done = [], np.zeros_like(scale)
    for k in range(1, parts + 1):
        upto = np.rint(scale * k / parts)
        found.append(np.exp2(upto - done)[..., None] * np.eye(scale.shape[-1]))
        done = upto
    return found
