"""What rounding in the windows of a sweep has cost each logarithm, to first order.

Three things carry the error of a window to a singular value. *Loss*: the condition of the window's
own column, ``|A| |R^-1 e_j|``. *Reversals*: a direction that has grown more until the window and
grows less after it leaks into its neighbour by the difference, in nats. *Non-normal growth*, which
the diagonals do not show: with w row i of the triangles after a block, at length 1, and z column i
of their inverse, the relative error of value i is ``w . (E z)`` to first order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.spectra.numerics.logdomain import Floats

EPS = 1.1e-16


@dataclass(frozen=True)
class Block:
    """Windows merged into one triangle.

    Attributes
    ----------
    stop : int
        Number of windows up to its end.
    triangle : (d, d)
        Their product.
    label : (d,)
        Which column of the frame stands where, at the end.
    """

    stop: int
    triangle: Floats
    label: NDArray[np.intp]


def unit(d: int) -> float:
    """What one rounding of a d x d product comes to, in part of its size."""
    return EPS * (1 + math.sqrt(d) / 4)


def reversals(history: Floats, costs: Floats, total: Floats) -> Floats:
    """By label (d,): the costs (w, d) of windows, each enlarged by the reversal across it.

    `history` (w, d) is the log growth of each label after each window, `total` (d,) that by now.
    """
    order = np.argsort(-total, kind="stable")
    before = history[:, order]
    worst = np.zeros_like(before)
    for grown in (before, total[order] - before):
        later = np.maximum.accumulate(grown[:, ::-1], axis=1)[:, ::-1]
        earlier = np.minimum.accumulate(grown, axis=1)
        np.maximum(worst, later - grown, out=worst)
        np.maximum(worst, grown - earlier, out=worst)
    error = np.empty(len(total))
    error[order] = np.einsum("wd,wd->d", costs[:, order], np.exp(np.minimum(worst, 600.0)))
    return error


def passed_back(blocks: Sequence[Block], costs: Floats, samples: int) -> Floats:
    """By position (d,): the costs (w, d) of windows, weighed by the triangles after them.

    The triangles are gone through from the last back, and looked at about `samples` times.
    """
    d = costs.shape[1]
    step = max(1, len(blocks) // samples)
    after, stop = np.eye(d), len(costs)
    rows, spent = [], []
    for n in range(len(blocks) - 1, -1, -1):
        after = after @ blocks[n].triangle
        after /= np.sqrt(np.einsum("ij,ij->i", after, after))[:, None]
        if n and (len(blocks) - n) % step:
            continue
        start, label = (blocks[n - 1].stop, blocks[n - 1].label) if n else (0, np.arange(d))
        rows.append(after)
        spent.append(costs[start:stop].sum(axis=0)[label])
        stop = start
    try:
        weighed = np.linalg.inv(np.array(rows)) * np.array(spent)[:, :, None]
    except np.linalg.LinAlgError:
        return np.full(d, np.inf)
    error = np.sqrt(np.einsum("sji,sji->si", weighed, weighed)).sum(axis=0)
    return np.where(np.isfinite(error), error, np.inf)
