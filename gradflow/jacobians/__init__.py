"""DERIVE: step Jacobians in normal form, parameter Jacobians, BPTT, and their LaTeX."""

from gradflow.cells.cell import Cell
from gradflow.jacobians.backpropagation import Bptt
from gradflow.jacobians.step import Block, ParameterBlock, StepJacobian
from gradflow.jacobians.terms import Term

__all__ = ["Block", "Bptt", "ParameterBlock", "StepJacobian", "Term", "bptt", "jacobian"]


def jacobian(cell: Cell) -> StepJacobian:
    r"""Derive the step Jacobian of a cell, symbolically and for any width.

    ``J["c", "h"]`` is the block :math:`\partial c_t/\partial h_{t-1}`; a state part, an input or a
    parameter may stand second. ``J.latex()``, ``J.text()`` and ``J.to_json()`` print it.
    """
    return StepJacobian(cell)


def bptt(cell: Cell) -> Bptt:
    """Return the formulas of backpropagation through time for a cell."""
    return Bptt(cell)
