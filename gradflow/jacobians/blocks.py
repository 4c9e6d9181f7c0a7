"""Blocks of a step Jacobian: derivatives by a state part or an input, and by a parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.jacobians.print.latex import block_latex, parameter_latex
from gradflow.jacobians.print.text import (
    block_sides,
    block_text,
    operand_text,
    parameter_sides,
    parameter_text,
    term_json,
)
from gradflow.jacobians.terms import Term


@dataclass(frozen=True, kw_only=True, repr=False)
class Block:
    r"""One block :math:`\partial\,\text{out}_t / \partial\,\text{wrt}`.

    Parameters
    ----------
    cell
        The cell it belongs to.
    out
        State part or output in the numerator.
    wrt
        State part (its previous value) or input in the denominator.
    terms
        The normal form, every term down to the inputs of the step.
    nested
        The same block with the new values of other state parts kept: pairs of a term and the part
        whose own block it multiplies, or ``""``. For the LSTM, ``dh'/dh = diag(...) U_o +
        diag(...) dc'/dh``.

    Examples
    --------
    >>> import gradflow as gf
    >>> block = gf.jacobian("lstm")["c", "h"]
    >>> block
    <Block dc'/dh of lstm: 3 terms>
    >>> [term.path for term in block.terms]
    [('i',), ('f',), ('g',)]
    """

    cell: Cell
    out: str
    wrt: str
    terms: tuple[Term, ...]
    nested: tuple[tuple[Term, str], ...]

    @property
    def is_zero(self) -> bool:
        """Whether the block vanishes identically."""
        return not self.terms

    def latex(self) -> str:
        """Return the block as one aligned LaTeX equation."""
        return block_latex(self.cell, self.out, self.wrt, self.nested)

    def text(self) -> str:
        """Return the block as one line of plain text."""
        return block_text(self.cell, self.out, self.wrt, self.nested)

    def to_json(self) -> dict[str, Any]:
        """Return the block and its terms as plain data."""
        return {
            "out": self.out,
            "wrt": self.wrt,
            "latex": self.latex(),
            "text": self.text(),
            "terms": [term_json(self.cell, t) for t in self.terms],
        }

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __str__(self) -> str:
        """Return the plain text."""
        return self.text()

    def __repr__(self) -> str:
        """Return one line: which block, and its number of terms."""
        name = block_sides(self.cell, self.out, self.wrt)
        return f"<Block {name} of {self.cell.name}: {counted(len(self.terms), 'term')}>"


@dataclass(frozen=True, kw_only=True, repr=False)
class ParameterBlock:
    r"""Immediate derivative :math:`\partial^+ \text{out}_t / \partial \theta`, earlier state held.

    Parameters
    ----------
    cell, out
        As in :class:`Block`.
    parameter
        Name of the map, vector or scalar.
    terms
        Pairs of a term and an operand. For a map ``W`` that acts on ``v``, ``d out[a] / d W[i, j]``
        is the sum of ``term[a, i] * v[j]``; for a vector the operand is ``None`` and the derivative
        is the term itself.
    turned
        The same where ``W.T`` acts on ``v``: ``d out[a] / d W[i, j]`` is the sum of
        ``term[a, j] * v[i]``, to be added.

    Examples
    --------
    >>> import gradflow as gf
    >>> gf.jacobian("lstm")["c", "U_f"]
    <ParameterBlock d+c'/dU_f of lstm: 1 term>
    """

    cell: Cell
    out: str
    parameter: str
    terms: tuple[tuple[Term, sp.Symbol | None], ...]
    turned: tuple[tuple[Term, sp.Symbol], ...] = ()

    @property
    def is_zero(self) -> bool:
        """Whether the parameter does not enter this part directly."""
        return not self.terms and not self.turned

    def latex(self) -> str:
        """Return the immediate derivative as one aligned LaTeX equation."""
        return parameter_latex(self.cell, self.out, self.parameter, self.terms, self.turned)

    def text(self) -> str:
        """Return the immediate derivative as one line of plain text."""
        return parameter_text(self.cell, self.out, self.parameter, self.terms, self.turned)

    def to_json(self) -> dict[str, Any]:
        """Return the derivative and its terms as plain data."""
        return {
            "out": self.out,
            "parameter": self.parameter,
            "latex": self.latex(),
            "terms": [
                {
                    **term_json(self.cell, term),
                    "operand": None if v is None else operand_text(self.cell, v),
                }
                for term, v in self.terms
            ]
            + [
                {
                    **term_json(self.cell, term),
                    "operand": operand_text(self.cell, v),
                    "transposed": True,
                }
                for term, v in self.turned
            ],
        }

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __str__(self) -> str:
        """Return the plain text."""
        return self.text()

    def __repr__(self) -> str:
        """Return one line: which derivative, and its number of terms."""
        name = parameter_sides(self.cell, self.out, self.parameter)
        count = len(self.terms) + len(self.turned)
        return f"<ParameterBlock {name} of {self.cell.name}: {counted(count, 'term')}>"


def counted(count: int, what: str) -> str:
    """Return ``1 term`` or ``3 terms``."""
    return f"{count} {what}{'s' * (count != 1)}"
