"""The cell, its step Jacobian with one colour a path, and backpropagation through time."""

from __future__ import annotations

from collections.abc import Mapping

from gradflow.cells.typeset import name_latex
from gradflow.jacobians import bptt, jacobian
from gradflow.jacobians.blocks import counted
from gradflow.jacobians.labels import coloured_latex
from gradflow.reporting.document.blocks import Block, Details, Equation, Heading, Paragraph, Table
from gradflow.reporting.document.section import Section
from gradflow.reporting.drawing.scene import PATH_COLOURS
from gradflow.reporting.drawing.shares import path_places
from gradflow.studies.one_cell import Study

__all__ = ["SECTION"]


def _blocks(study: Study) -> list[Block]:
    cell = study.setup.cell
    step, formulas = jacobian(cell), bptt(cell)
    blocks: list[Block] = [Heading("The cell", 3), Equation(cell.latex())]
    if any("odot" in right for _, right in cell.equation_rows()):
        blocks.append(Paragraph(r"$\odot$ is the elementwise product."))
    blocks += [
        Heading("One step, block by block", 3),
        Paragraph(
            f"For any width. The whole state is ${formulas.state_latex()}$; rows are outputs, "
            "columns inputs of the step. One colour is one path, as in the figure above."
        ),
    ]
    colours = _colours(study)
    for block in step.blocks().values():
        if not block.is_zero:
            blocks.append(Equation(block.latex(), coloured=coloured_latex(block, colours)))
    blocks += [
        Heading("Many steps", 3),
        Paragraph("The gradient at step $k$ of a loss at step $t$ passes the product"),
        Equation(formulas.product_latex()),
    ]
    carousel = formulas.carousel_latex()
    if carousel:
        listed = " and ".join(f"${name_latex(p)}$" for p in carousel)
        blocks.append(
            Paragraph(
                f"One of its paths passes no linear map at all, the carousel of {listed}, where "
                "memory is added to and not multiplied by a matrix:"
            )
        )
        blocks += [Equation(latex) for latex in carousel.values()]
    blocks += _parameters(study)
    states, paths = len(cell.states), len(study.seeds.shares)
    answer = f"{counted(states, 'part')} of state, {counted(paths, 'path')}"
    return [Details("Derivation", blocks, answer, open=True)]


def _colours(study: Study) -> Mapping[str, str]:
    """Return the colour in LaTeX of each path that a term may take."""
    if len(study.seeds.shares) < 2:
        return {}
    places = path_places(study.seeds.shares)
    return {path: PATH_COLOURS[place] for path, place in places.items()}


def _parameters(study: Study) -> list[Block]:
    cell, params = study.setup.cell, study.setup.params
    if not cell.parameters:
        return []
    step, formulas = jacobian(cell), bptt(cell)
    recurrent = [n for n in cell.recurrent_maps() if n in cell.parameters]
    shown = recurrent[0] if recurrent else cell.parameters[0]
    inside: list[Block] = [
        Paragraph("Every parameter gets a sum over steps and lags, for instance"),
        *(Equation(latex) for latex in formulas.gradient_equations(shown)),
    ]
    for parameter in cell.parameters:
        blocks = [step[part, parameter] for part in cell.states]
        inside += [Equation(b.latex()) for b in blocks if not b.is_zero and parameter != shown]
    rows = [
        [f"${name_latex(p)}$", " × ".join(str(n) for n in params[p].shape), kind]
        for kind, names in (("trainable", cell.parameters), ("constant", cell.constant_names))
        for p in names
    ]
    return [
        Details(f"Gradients of all {len(cell.parameters)} parameters", inside),
        Details("Shapes of the parameters", [Table(["Name", "Shape", "Kind"], rows)]),
    ]


SECTION = Section(name="derivation", blocks=_blocks)
