"""A report as a notebook: its text in cells, its drawings as outputs, and the call to repeat it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gradflow.reporting.document.blocks import Block, Details, Report
from gradflow.reporting.render.markdown import NOTEBOOK, block_markdown
from gradflow.reporting.render.pictures import drawn

__all__ = ["render_notebook"]


def render_notebook(report: Report, call: str) -> str:
    """Return the notebook (format 4.5); ``call`` is the Python that makes the report again."""
    cells = [_text([f"# {report.title}", report.subtitle])]
    cells += [cell for block in report.blocks for cell in _cells(block, 2)]
    cells.append(_code(["import gradflow as gf", "", call]))
    made = [f"- {name}: {value}" for name, value in report.made_by().rows]
    cells.append(_text(["## What made this", "\n".join(made)]))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    book = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "cells": cells,
    }
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def _cells(block: Block, level: int) -> Iterator[dict[str, Any]]:
    if isinstance(block, Details):
        yield _text([f"{'#' * min(level, 6)} {block.title}", block.answer])
        for inside in block.blocks:
            yield from _cells(inside, level + 1)
        return
    svgs = drawn(block)
    if not svgs:
        yield _text(block_markdown(block, level, NOTEBOOK))
        return
    title = getattr(block, "title", "") or getattr(block, "alt", "")
    yield _text([f"**{title}**"])
    yield _code(["# drawn by gradflow"], svgs)
    if caption := getattr(block, "caption", ""):
        yield _text([caption])


def _text(parts: list[str]) -> dict[str, Any]:
    source = "\n\n".join(part for part in parts if part)
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _code(lines: list[str], svgs: list[str] | None = None) -> dict[str, Any]:
    outputs = [
        {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": svg}}
        for svg in svgs or []
    ]
    return {
        "cell_type": "code",
        "metadata": {},
        "execution_count": None,
        "source": "\n".join(lines),
        "outputs": outputs,
    }
