"""The whole product of Jacobians, swept once: its horizon and how many directions are left."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gradflow.networks.joined import NetworkTrajectory

__all__ = ["product_reach"]

Floats = NDArray[np.float64]

_PROBES = 16
_TOGETHER = 16  # steps whose Jacobians are held at once


def product_reach(
    run: NetworkTrajectory, lag: int, share: float, *, horizon: bool = True
) -> tuple[float, float]:
    r"""Return the horizon of :math:`\|P(T, T-\ell)\|_2` and the directions left at a lag.

    The horizon is the lag from which on the norm stays under ``share``, ``inf`` where it does not
    within the run, and ``nan`` where it is not asked for. Directions are the singular values of
    ``P(T, T - lag)`` over ``share``.

    The product is formed in float64, its scale kept apart. Its rounding is at most
    :math:`d\,\epsilon \sum_k |P(T, k)|_F |J_k|_F |P(k - 1, T - \ell)|_F` to first order; where that
    is no tenth of ``share``, each singular value is computed to its own accuracy instead.
    """
    if horizon and run.in_doubt().any():
        horizon_at = float(_last_above(run.decay().log_norm, math.log(share)))
        return _beyond(horizon_at, run.steps), _counted(run, lag, share)
    product, log_scale = np.eye(run.width), 0.0
    found = 0
    left, own = [0.5 * math.log(run.width)], []  # log norms of P(T, k) and of J_k
    count = 0.0
    kept: list[Floats] = []
    for back in range(0, run.steps if horizon else lag, _TOGETHER):
        stop = run.steps - back
        steps = run.jacobians(range(max(stop - _TOGETHER, 0) + 1, stop + 1))[::-1]
        for at, step in enumerate(steps, back + 1):
            product = _times(product, step, run.layers)
            size = float(np.linalg.norm(product))
            if size > 0.0:
                product = product / size
                log_scale += math.log(size)
            else:
                log_scale = -math.inf
            if horizon and _is_over(product, log_scale, math.log(share)):
                found = at
            if at <= lag:
                left.append(log_scale)
                own.append(_log(float(np.linalg.norm(step))))
                kept.append(step)
            if at == lag:
                count = float((_log_singular_values(product) + log_scale > math.log(share)).sum())
    rounding = _log_rounding(kept, left, own)
    if rounding > math.log(share / 10):
        count = _counted(run, lag, share)
    return (_beyond(found + 1.0, run.steps) if horizon else math.nan), count


def _times(left: Floats, right: Floats, layers: tuple[slice, ...]) -> Floats:
    """Return the product of two matrices in which no layer acts on those below it."""
    found = np.zeros_like(left)
    for own in layers:
        found[own.start :, own] = left[own.start :, own.start :] @ right[own.start :, own]
    return found


def _beyond(horizon: float, steps: int) -> float:
    return horizon if horizon <= steps else math.inf


def _last_above(logs: Floats, limit: float) -> int:
    return int(np.flatnonzero(logs > limit)[-1]) + 1


def _is_over(unit: Floats, log_scale: float, limit: float) -> bool:
    """Whether the 2-norm of a product exceeds a limit; ``unit`` has Frobenius norm 1."""
    if log_scale <= limit:
        return False
    if log_scale - 0.5 * math.log(len(unit)) > limit:
        return True
    largest = float(np.linalg.eigvalsh(unit @ unit.T)[-1])
    return log_scale + 0.5 * math.log(largest) > limit


def _log_singular_values(unit: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.linalg.svd(unit, compute_uv=False)))


def _log_rounding(kept: list[Floats], left: list[float], own: list[float]) -> float:
    """Return the log of the bound on the rounding of the product of ``kept``.

    Norms of the products behind a step are those of sixteen random vectors that go through them.
    The mean square of their lengths is over a ninth of the norm's square but for a few cases in a
    million, and what it is compared with leaves a factor of ten.
    """
    width = len(kept[0])
    behind = np.random.default_rng(0).standard_normal((width, _PROBES)) / math.sqrt(_PROBES)
    log_behind = 0.0
    logs = []
    for k in range(len(kept) - 1, -1, -1):
        size = float(np.linalg.norm(behind))
        if size == 0.0:
            break
        behind, log_behind = behind / size, log_behind + math.log(size)
        logs.append(left[k] + own[k] + log_behind)
        behind = kept[k] @ behind
    return float(np.logaddexp.reduce(logs)) + math.log(width * np.finfo(np.float64).eps)


def _counted(run: NetworkTrajectory, lag: int, share: float) -> float:
    return float((run.singular_values([lag]).log_sigma[0] > math.log(share)).sum())


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
