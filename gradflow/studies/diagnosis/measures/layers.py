"""What each layer looks like: its recurrent maps, exponents, gates and dead units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import GradflowError
from gradflow.networks import Layer
from gradflow.spectra import Trajectory
from gradflow.studies.diagnosis.measures.spread import Spread, spread

__all__ = ["LayerFindings", "layer_findings"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_OPEN, _SHUT = 0.99, 0.01
_LEADING, _SEVERAL, _WIDEST = 4, 3, 600  # exponents, of so many sequences up to so many states


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerFindings:
    """Measurements of one layer of a network on its sequences.

    Attributes
    ----------
    name, kind, hidden
        Which layer it is.
    maps
        Recurrent map to its spectral norm and spectral radius (``nan`` for a map that is not
        square).
    exponents
        Leading exponents of the layer by itself, nats a step, and the largest of their standard
        errors; of up to three sequences, of one for wide layers. Empty where ``reason`` says why.
    remembering
        Share of the forget gates over 0.99, all units and steps; ``None`` without one.
    saturated
        Share of all gates over 0.99 or under 0.01; ``None`` without gates.
    dead : number of units whose step has slope exactly 0 at every step of every sequence
    half_lives
        Half-life of the gradient of each unit: spread over the units that carry memory longest, a
        tenth of them.
    """

    name: str
    kind: str
    hidden: int
    maps: Mapping[str, tuple[float, float]]
    exponents: tuple[tuple[Spread, float], ...]
    reason: str
    remembering: Spread | None
    saturated: Spread | None
    dead: int
    half_lives: Spread


def layer_findings(
    name: str, layer: Layer, run: Trajectory, lengths: Whole, by_unit: Floats, lives: Floats
) -> LayerFindings:
    """Measure a layer's run over sequences (sequences, T) that end after ``lengths`` steps.

    ``name`` is what it is called, ``by_unit`` are logs (sequences, lags, d) of its units'
    gradients, ``nan`` where there are none, ``lives`` their half-lives.
    """
    exponents: tuple[tuple[Spread, float], ...] = ()
    reason = ""
    try:
        exponents = _exponents(run, lengths)
    except GradflowError as error:
        reason = str(error)
    remembering, saturated = _gates(layer, run, lengths)
    unreached = (by_unit[:, 1:] == -np.inf) | np.isnan(by_unit[:, 1:])
    longest = np.sort(lives)[::-1][: max(1, len(lives) // 10)]
    return LayerFindings(
        name=name,
        kind=layer.kind,
        hidden=layer.hidden,
        maps=_maps(layer),
        exponents=exponents,
        reason=reason,
        remembering=remembering,
        saturated=saturated,
        dead=int(unreached.all(axis=(0, 1)).sum()),
        half_lives=spread(longest),
    )


def _exponents(run: Trajectory, lengths: Whole) -> tuple[tuple[Spread, float], ...]:
    several = _SEVERAL if run.width <= _WIDEST else 1
    found = [
        run.one(i).until(int(end)).lyapunov(leading=min(_LEADING, run.width))
        for i, end in enumerate(lengths[:several])
    ]
    # each sequence's from the largest down, so that the medians by rank are in order as well
    ranks = [np.argsort(-one.exponents, kind="stable") for one in found]
    values = np.stack([one.exponents[r] for one, r in zip(found, ranks, strict=True)], axis=1)
    errors = np.stack([one.stderr[r] for one, r in zip(found, ranks, strict=True)], axis=1)
    return tuple(
        (spread(own), float(error.max())) for own, error in zip(values, errors, strict=True)
    )


def _maps(layer: Layer) -> dict[str, tuple[float, float]]:
    found = {}
    for name in layer.cell.recurrent_maps():
        if name not in layer.params:
            continue
        matrix = layer.params[name]
        square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]
        radius = float(np.abs(np.linalg.eigvals(matrix)).max()) if square else float("nan")
        found[name] = (float(np.linalg.norm(matrix, 2)), radius)
    return found


def _gates(layer: Layer, run: Trajectory, lengths: Whole) -> tuple[Spread | None, Spread | None]:
    """Return the share of open forget gates and that of saturated gates, sequence by sequence."""
    bias = layer.cell.forget_bias
    keeper = bias.removeprefix("b_") if bias else ""
    states, inputs, t = run._at(slice(0, run.steps))
    values = run.bound.values(states, inputs, t)
    gates = [n for n in ("i", "f", "o", "r", "z") if n in values]
    if not gates:
        return None, None
    there = (np.arange(run.steps) < lengths[:, None])[..., None]
    shut_or_open = [(values[n] > _OPEN) | (values[n] < _SHUT) for n in gates]
    saturated = np.mean([_shares(one, there) for one in shut_or_open], axis=0)
    kept = spread(_shares(values[keeper] > _OPEN, there)) if keeper in values else None
    return kept, spread(saturated)


def _shares(true: NDArray[np.bool_], there: NDArray[np.bool_]) -> Floats:
    """Return the share (sequences,) of units and steps, of those that are there."""
    units = true.shape[-1]
    return np.asarray((true & there).sum(axis=(1, 2)) / (units * there.sum(axis=(1, 2))))
