"""A diagnosis as JSON: every number that its report tells, by name."""

from __future__ import annotations

import math
from typing import Any

from gradflow.studies.diagnosis.draws import Draws
from gradflow.studies.diagnosis.measures.layers import LayerFindings
from gradflow.studies.diagnosis.measures.spread import Spread
from gradflow.studies.diagnosis.record import Diagnosis
from gradflow.studies.diagnosis.remedies import Remedy
from gradflow.studies.headline import plain_numbers

__all__ = ["as_json", "draws_as_json"]


def as_json(found: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as plain values; a number that is not finite is ``None``.

    A spread is its median, least and greatest value and how many sequences it is of. Logarithms
    say their base in their name.
    """
    return {
        "verdict": found.verdict,
        "need": found.need,
        "good": found.good,
        **{name: _number(value) for name, value in found.numbers().items()},
        "source": found.network.source,
        "data": found.subject.data,
        "loss": found.subject.losses.words,
        "assumed": list(found.network.assumed),
        "skipped": list(found.network.skipped),
        "reach": {
            "loss_horizon": _spread(found.reach.loss_horizon),
            "product_horizon": _spread(found.reach.product_horizon),
            "log10_left": _spread(found.reach.log10_left),
            "directions": _spread(found.reach.directions),
            "certified_log10_product": None if found.band is None else list(found.band),
        },
        "explodes": None if found.growth is None else _growth(found),
        "layers": [_layer(layer) for layer in found.layers],
        "paths": {path: _spread(share) for path, share in found.paths.items()},
        "training": _training(found),
        "remedies": [_remedy(one) for one in found.remedies],
        "left_out": dict(found.left_out),
        "ways": [as_json(way) for way in found.ways],
    }


def draws_as_json(found: Draws) -> dict[str, Any]:
    """Return what was measured over draws of the weights: seeds, verdict, and every number.

    A number's spread has its name with ``_low`` and ``_high``.
    """
    verdict = found.verdict
    return {
        "seeds": list(found.decays.seeds),
        "verdict": verdict.word,
        "reached": verdict.reached,
        "runs": verdict.runs,
        "numbers": {n: _number(value) for n, value in plain_numbers(found.numbers()).items()},
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _spread(found: Spread | None) -> dict[str, Any] | None:
    if found is None:
        return None
    ends = {"median": found.median, "low": found.low, "high": found.high}
    return {**{name: _number(value) for name, value in ends.items()}, "count": found.count}


def _growth(found: Diagnosis) -> dict[str, Any]:
    growth = found.growth
    assert growth is not None
    return {
        "sequence": growth.sequence,
        "step": growth.step,
        "lag": growth.lag,
        "part": growth.part,
        "unit": growth.unit,
        "path": growth.path,
        "log10_largest": growth.largest / math.log(10),
        "sequences": growth.count,
    }


def _layer(layer: LayerFindings) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "hidden": layer.hidden,
        "maps": {
            name: {"norm": _number(norm), "radius": _number(radius)}
            for name, (norm, radius) in layer.maps.items()
        },
        "exponents": [
            {"exponent": _spread(value), "error": _number(error)}
            for value, error in layer.exponents
        ],
        "remembering": _spread(layer.remembering),
        "saturated": _spread(layer.saturated),
        "dead": layer.dead,
        "half_lives": _spread(layer.half_lives),
    }


def _training(found: Diagnosis) -> dict[str, Any] | None:
    training = found.training
    if training is None:
        return None
    return {
        "missing": {str(window): _spread(lost) for window, lost in training.missing()},
        "window": found.window,
        "lose": found.lose,
        "log10_norms": [_number(log / math.log(10)) for log in training.log_norms],
        "clipping": [
            {"threshold": c.threshold, "shortened": c.shortened, "factors": _spread(c.factors)}
            for c in training.clipping
        ],
    }


def _remedy(one: Remedy) -> dict[str, Any]:
    return {
        "name": one.name,
        "log10_left": _spread(one.log10_left),
        "directions": _spread(one.directions),
        "effect": one.effect,
        "reason": one.reason,
    }
