"""The theorems' bounds of ``P(T, T - lag)`` against lag, for the weights and gates of a run.

Floating point, for figures and margins; :func:`gradflow.prove` certifies.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from gradflow.cells import get
from gradflow.given import instance
from gradflow.proofs.bounding.carousels import Carousel, carousel
from gradflow.proofs.bounding.cone import Cone
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.weights.values import measure, norm_of
from gradflow.spectra import Trajectory

Floats = NDArray[np.float64]


def bound_above(run: Trajectory) -> Floats:
    r"""Return (T + 1,) natural logs that :math:`\log \|P(T, T - \ell)\|_2` does not exceed.

    From the norms of the maps, block by block, as the claim ``upper`` of the cell has it; a state
    part that starts outside [-1, 1] enters by its supremum along the run. It is the norm of
    :math:`N^\ell` for the matrix ``N`` of the blocks' bounds. For the library's Clockwork RNN with
    one period for all units only the ticks count, as in ``clockwork.few``.

    Raises ``UsageError`` for a run with batch axes.
    """
    instance(run, "bound_above: run", Trajectory, "gradflow.run").require_single("bound_above")
    run.require_constant("bound_above")
    lag = np.arange(run.steps + 1)
    if run.cell == get("clockwork") and np.ptp(run.params["period"]) == 0:
        period = run.params["period"].flat[0]
        ticks = run.steps // period - (run.steps - lag) // period
        with np.errstate(divide="ignore"):
            rate = np.log(norm_of(run.cell, "W_H", run))
        return np.where(ticks == 0, 0.0, np.where(ticks == 0, 1, ticks) * rate)
    found = bounds(run.cell, free=outside(run))
    step = np.array(found.matrix(measure(found.variables, found.expressions, run)))
    logs, power, total = np.zeros(lag.size), np.eye(len(step)), 0.0
    for k in lag[1:]:
        power = step @ power
        norm = np.linalg.norm(power, 2)
        if norm == 0:
            logs[k:] = -np.inf
            break
        power, total = power / norm, total + float(np.log(norm))
        logs[k] = total
    return logs


def bound_below(run: Trajectory) -> Floats | None:
    r"""Return (T + 1,) natural logs below :math:`\log \sigma_{\min}` of the carousel's own block.

    The block of ``P(T, T - lag)`` from the part with the carousel to itself, for the LSTM
    :math:`\partial c_t / \partial c_k`; so a gradient that is read from that part keeps no less.
    ``None`` where the cell has no carousel, or the theorem ``lower`` does not apply to this run.

    Raises ``UsageError`` for a run with batch axes.
    """
    instance(run, "bound_below: run", Trajectory, "gradflow.run").require_single("bound_below")
    run.require_constant("bound_below")
    found = carousel(run.cell, outside(run))
    if found is None:
        return None
    cone = cone_along(found, run)
    if cone is None or cone.rate == 0:
        return None
    lines: Floats = np.log(float(cone.rate)) * np.arange(run.steps + 1)
    return lines


def outside(run: Trajectory) -> frozenset[str]:
    """Return the state parts that start outside [-1, 1] in some unit."""
    return frozenset(p for p in run.cell.states if np.abs(run.states[p][0]).max(initial=0.0) > 1)


def cone_along(found: Carousel, run: Trajectory) -> Cone | None:
    """Return the best cone of a carousel at the norms and gates of a run, ``None`` if it has none.

    Raises ``UsageError`` for a run with batch axes.
    """
    values = measure(found.variables, found.expressions, run)
    return found.cone({name: Fraction(value) for name, value in values.items()})
