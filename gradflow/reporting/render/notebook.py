"""A report as a notebook: its text and its drawings in cells, and the call to repeat it.

Drawings stand in the text as data: an output of SVG is not shown before a notebook is trusted, and
is gone when all cells are run.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from gradflow.prose import plain_text
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
    shown = [f"![{_named(title)}]({_address(svg)})" for svg in svgs]
    yield _text([f"**{title}**", *shown, getattr(block, "caption", "")])


def _named(title: str) -> str:
    return re.sub(r"[\[\]\s]+", " ", plain_text(title))


def _address(svg: str) -> str:
    # the ink is for white, and an image does not know whether the notebook around it is dark
    svg = re.sub(
        r"<svg[^>]*>", r'\g<0><rect width="100%" height="100%" fill="#fff"/>', svg, count=1
    )
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode('ascii')}"


def _text(parts: list[str]) -> dict[str, Any]:
    source = "\n\n".join(part for part in parts if part)
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _code(lines: list[str]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {},
        "execution_count": None,
        "source": "\n".join(lines),
        "outputs": [],
    }
