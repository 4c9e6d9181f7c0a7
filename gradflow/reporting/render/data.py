"""A report as data: every number with unit, spread and origin, and the blocks in order.

`SCHEMA` is the JSON Schema of it, and goes up by one where a reader would have to change.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from gradflow.prose import plain_text
from gradflow.reporting.document.blocks import (
    Answer,
    Block,
    Cards,
    Code,
    Details,
    Drawing,
    Drawings,
    Equation,
    Figure,
    Heading,
    Judged,
    Numbers,
    Paragraph,
    Report,
    Table,
    flat,
)
from gradflow.studies.headline import Number

__all__ = ["VERSION", "render_json", "report_data", "schema"]

VERSION = 1
"""Of the schema."""


def render_json(report: Report) -> str:
    """Return the text of `report_data`, the same for equal reports."""
    return json.dumps(report_data(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def report_data(report: Report) -> dict[str, Any]:
    """Return a report as plain data; what is infinite or unknown is ``None``, with words beside it.

    Text is as its author wrote it, formulas between dollar signs.
    """
    return {
        "schema": "gradflow.report",
        "version": VERSION,
        "title": report.title,
        "subtitle": report.subtitle,
        "numbers": {
            name: number_data(number)
            for block in flat(report.blocks)
            if isinstance(block, Numbers)
            for name, number in block.numbers.items()
        },
        "blocks": blocks_data(report.blocks),
        "provenance": dict(report.provenance),
    }


def schema() -> dict[str, Any]:
    """Return the JSON Schema that every report in JSON fits."""
    text = files("gradflow.reporting.render").joinpath("report.schema.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def number_data(number: Number) -> dict[str, Any]:
    """Return a number with unit, spread and what it was measured over."""
    low, high = number.between or (None, None)
    return {
        "value": _finite(number.value),
        "label": plain_text(number.label),
        "unit": number.unit,
        "words": _words(number),
        "error": _finite(number.error),
        "spread": None if number.between is None else {"low": _finite(low), "high": _finite(high)},
        "over": number.over,
        "good": number.good,
        "level": number.level,
    }


def _words(number: Number) -> str:
    """Return what is said where JSON has no number."""
    if math.isinf(number.value):
        return number.missing or ("exactly 0" if number.value < 0 else "infinite")
    return "unknown" if math.isnan(number.value) else ""


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def blocks_data(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """Return each block with its kind."""
    return [{"kind": type(block).__name__.lower(), **_block(block)} for block in blocks]


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Heading():
            return {"text": block.text, "level": block.level}
        case Paragraph():
            return {"text": block.text}
        case Equation():
            return {"latex": block.latex, "label": block.label, "caption": block.caption}
        case Table():
            rows = [list(row) for row in block.rows]
            told = {"caption": block.caption, "note": block.note}
            return {"header": list(block.header), "rows": rows, **told}
        case Figure():
            return {"alt": block.alt, "caption": block.caption}
        case Drawing():
            return _drawing(block)
        case Drawings():
            panels = [_drawing(panel) for panel in block.panels]
            return {"title": block.title, "caption": block.caption, "panels": panels}
        case Numbers():
            return {"names": list(block.numbers)}
        case Answer():
            return {"text": block.text, "tone": block.tone, **_judged(block.judged)}
        case Cards():
            names = ("title", "badge", "where", "tone", "text", "note")
            return {"cards": [{n: getattr(card, n) for n in names} for card in block.cards]}
        case Code():
            return {"title": block.title, "language": block.language, "source": block.source}
        case Details():
            inside = blocks_data(block.blocks)
            return {"title": block.title, "answer": block.answer, "blocks": inside}


def _judged(judged: Judged | None) -> dict[str, Any]:
    if judged is None:
        return {}
    return {
        "word": judged.word,
        "note": judged.note,
        "spread": [list(pair) for pair in judged.spread],
        "remedy": judged.remedy,
        "chips": list(judged.chips),
    }


def _drawing(block: Drawing) -> dict[str, Any]:
    series = {name: [_finite(v) for v in values] for name, values in block.series.items()}
    return {"title": block.title, "caption": block.caption, "series": series}
