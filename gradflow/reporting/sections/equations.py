"""The cell as declared."""

from __future__ import annotations

import numpy as np

from gradflow.cells.typeset import name_latex
from gradflow.reporting.document.blocks import Block, Details, Equation, Heading, Paragraph, Table
from gradflow.reporting.document.section import Section
from gradflow.studies.one_cell import Study

__all__ = ["SECTION"]


def _blocks(study: Study) -> list[Block]:
    cell, params = study.setup.cell, study.setup.params
    blocks: list[Block] = [Heading("The cell"), Equation(cell.latex())]
    if cell.reference:
        blocks.append(Paragraph(f"{cell.reference}."))
    if any("odot" in right for _, right in cell.equation_rows()):
        blocks.append(Paragraph(r"$\odot$ is the elementwise product."))
    rows = [
        [f"${name_latex(p)}$", " × ".join(str(n) for n in np.shape(params[p])), kind]
        for kind, names in (("trained", cell.parameters), ("constant", cell.constant_names))
        for p in names
    ]
    if rows:
        blocks.append(Details("Parameters", [Table(["Name", "Shape", "Kind"], rows)]))
    return blocks


SECTION = Section(name="equations", blocks=_blocks)
