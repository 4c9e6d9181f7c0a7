"""A gradient of one path, taken apart: what slopes take from it, and what the map gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.jacobians import jacobian
from gradflow.studies.setup import Setup

__all__ = ["factors", "one_map"]

Floats = NDArray[np.float64]


def one_map(cell: Cell) -> str | None:
    """Return the map ``U`` of a cell whose whole step Jacobian is ``diag(d) U``, else ``None``.

    >>> from gradflow.cells import get
    >>> one_map(get("rnn")), one_map(get("clockwork")), one_map(get("lstm"))
    ('U', None, None)
    """
    if len(cell.states) > 1:
        return None
    (part,) = cell.states
    terms = jacobian(cell)[part, part].terms
    if len(terms) != 1 or len(terms[0].maps) != 1 or terms[0].diagonals[1] != 1:
        return None
    (found,) = terms[0].maps
    plain = found.mask is None and found.slope is None and found.name in cell.parameters
    return found.name if plain else None


def factors(ran: Setup, name: str) -> tuple[Floats, Floats]:
    r"""Return what the slopes leave and what the map multiplies by, each (lags,) in natural logs.

    From lag to lag the gradient :math:`v` becomes :math:`U^\top D_t v`; the first is the sum of
    :math:`\log (|D_t v| / |v|)`, the second that of :math:`\log (|U^\top D_t v| / |D_t v|)`, so
    that both together are the gradient against lag of the first window. Where one makes it exactly
    zero it is ``-inf`` from there on, and the other stays.
    """
    run, matrix = ran.trajectory, np.asarray(ran.trajectory.params[name])
    row = np.asarray(ran.loss.first, dtype=np.float64)
    logs = np.zeros((2, run.steps + 1))
    weights = matrix / np.maximum(np.sum(matrix**2, axis=1, keepdims=True), np.finfo(float).tiny)
    for lag, step in enumerate(range(run.steps, 0, -1), 1):
        logs[:, lag] = logs[:, lag - 1]
        slopes = np.sum(run.jacobian(step) * weights, axis=1)  # J = diag(slopes) U, row by row
        scaled = slopes * row
        turned = scaled @ matrix
        for place, (before, after) in enumerate(((row, scaled), (scaled, turned))):
            if before.any():
                logs[place, lag] += _log_ratio(after, before)
        row = turned / (np.linalg.norm(turned) or 1.0)
    return logs[0], logs[1]


def _log_ratio(after: Floats, before: Floats) -> float:
    with np.errstate(divide="ignore"):
        return float(np.log(np.linalg.norm(after)) - np.log(np.linalg.norm(before)))
