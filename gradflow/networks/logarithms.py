"""The step Jacobian of stacked layers in logarithms, where float64 does not hold that of a step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gradflow.codegen.logarithms.numbers import Logs, added, logs, multiplied
from gradflow.codegen.logarithms.steps import LEAST
from gradflow.networks.between import Between
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.trajectory import Trajectory

# What is left where the entries of a normalisation's derivative cancel, against 1.
_CANCELLED = 106 * math.log(2)


def log_least(runs: Sequence[Trajectory], between: Sequence[Between]) -> Floats:
    """Return (..., T) a log below which no entry of the step's Jacobian lies but zeros.

    An entry between two layers is a sum of products along the layers between them.
    """
    quick = _log_least(runs, between, closely=False)
    return quick if (quick >= LEAST).all() else _log_least(runs, between, closely=True)


def _log_least(runs: Sequence[Trajectory], between: Sequence[Between], *, closely: bool) -> Floats:
    whole: Floats = np.asarray(np.inf)
    given: Floats | None = None
    for run, behind in zip(runs, between, strict=True):
        row = run.log_least(closely=closely)
        if given is not None:
            row = np.minimum(row, run.log_least(by_inputs=True, closely=closely) + given)
        whole = np.minimum(whole, row)
        passed = row if behind.norm is None else row + _of_norm(behind, run)
        given = np.minimum(passed, given) if behind.residual and given is not None else passed
    return whole


def _of_norm(behind: Between, run: Trajectory) -> float:
    assert behind.norm is not None
    h = run.states["h"]
    gain = np.abs(behind.norm.gain)
    least = float(gain[gain > 0].min(initial=np.inf))
    largest = float(np.abs(h).max(initial=0.0)) + math.sqrt(behind.norm.epsilon)
    if least == math.inf:
        return math.inf
    return math.log(least) - math.log(2 * largest * h.shape[-1]) - _CANCELLED


def log_path_jacobians(
    runs: Sequence[Trajectory],
    between: Sequence[Between],
    layers: Sequence[slice],
    where: NDArray[np.int64],
) -> dict[str, Logs]:
    """Return by path its share (m, d, d) of the Jacobians of steps from 0, in logarithms."""
    width = layers[-1].stop
    found: dict[str, Logs] = {}
    depth = _zeros(len(where), width, width)
    given: Logs | None = None  # d(what the layer below gives) / d(old states)
    for level, (run, own) in enumerate(zip(runs, layers, strict=True), 1):
        row = _zeros(len(where), run.width, width)
        shares = run.log_path_jacobians(where)
        for path, share in shares.items():
            found[f"{level}: {path}"] = _zeros(len(where), width, width)
            _put(found[f"{level}: {path}"], (slice(None), own, own), share)
        _put(row, (slice(None), slice(None), own), added(list(shares.values())))
        if given is not None:
            below = multiplied(run.log_input_jacobians(where), given)
            _put(depth, (slice(None), own, slice(0, own.start)), below[..., : own.start])
            _put(row, (slice(None), slice(None), slice(0, own.start)), below[..., : own.start])
        h = run.flat_states[1:, run.parts["h"]][where]
        given = _pushed(between[level - 1], h, row[:, run.parts["h"]], given)
    return {**found, "depth": depth} if len(runs) > 1 else found


def _pushed(behind: Between, h: Floats, change: Logs, below: Logs | None) -> Logs:
    """`Between.push` of columns (m, units, d)."""
    given = change
    if behind.norm is not None:
        eye = np.broadcast_to(np.eye(h.shape[-1]), (*h.shape, h.shape[-1]))
        given = multiplied(logs(behind.norm.push(h, eye)), change)
    return added([given, below]) if behind.residual and below is not None else given


def block_log_norms(steps: Sequence[Logs], blocks: Sequence[slice]) -> Floats:
    """Return the log norms (blocks, blocks) of the blocks of a product, the last factor first."""
    product = steps[0][None]
    for step in steps[1:]:
        product = multiplied(product, step[None])
    return np.array([[_log_norm(product[0, a, b]) for b in blocks] for a in blocks])


def _log_norm(matrix: Logs) -> float:
    top = float(matrix.log.max(initial=-np.inf))
    if top == -np.inf:
        return top
    with np.errstate(under="ignore"):
        scaled = matrix.sign * np.exp(matrix.log - top)
    return top + math.log(float(np.linalg.norm(scaled, 2)))


def _zeros(*shape: int) -> Logs:
    return logs(np.zeros(shape))


def _put(whole: Logs, place: tuple[slice, ...], part: Logs) -> None:
    whole.sign[place], whole.log[place], whole.value[place] = part.sign, part.log, part.value
