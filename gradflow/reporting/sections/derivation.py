"""The step Jacobian, the product of backpropagation through time, and the gradient formulas."""

from __future__ import annotations

from gradflow.cells.typeset import name_latex
from gradflow.jacobians import bptt, jacobian
from gradflow.reporting.document.blocks import Block, Details, Equation, Heading, Paragraph
from gradflow.reporting.document.section import Section
from gradflow.studies.one_cell import Study

__all__ = ["SECTION"]


def _blocks(study: Study) -> list[Block]:
    cell = study.setup.cell
    step, formulas = jacobian(cell), bptt(cell)
    blocks: list[Block] = [
        Heading("The step Jacobian"),
        Paragraph(
            f"Derived from the equations above, for any width. The whole state is "
            f"${formulas.state_latex()}$; rows are outputs, columns inputs of the step."
        ),
    ]
    if len(cell.states) > 1:
        blocks.append(Equation(step.equations()[0]))
    blocks += [Equation(b.latex()) for b in step.blocks().values() if not b.is_zero]
    blocks += [
        Heading("Backpropagation through time"),
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
    if cell.parameters:
        recurrent = [n for n in cell.recurrent_maps() if n in cell.parameters]
        shown = recurrent[0] if recurrent else cell.parameters[0]
        blocks.append(Paragraph("Every parameter gets a sum over steps and lags, for instance"))
        blocks += [Equation(latex) for latex in formulas.gradient_equations(shown)]
        inside: list[Block] = []
        for parameter in cell.parameters:
            blocks_of = [step[part, parameter] for part in cell.states]
            inside += [Equation(b.latex()) for b in blocks_of if not b.is_zero]
        blocks.append(Details("Immediate derivatives of every parameter", inside))
    return blocks


SECTION = Section(name="derivation", blocks=_blocks)
