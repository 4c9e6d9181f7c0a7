"""The generated code."""

from __future__ import annotations

from gradflow.codegen import compile
from gradflow.reporting.document.blocks import Block, Code, Heading
from gradflow.reporting.document.section import Section
from gradflow.studies.one_cell import Study

__all__ = ["SECTION"]


def _blocks(study: Study) -> list[Block]:
    source = compile(study.setup.cell, "numpy").source
    return [
        Heading("Generated code"),
        Code(source, "python", "The NumPy module this report ran"),
    ]


SECTION = Section(name="source", blocks=_blocks)
