r"""The step Jacobian of a cell in normal form.

For ``s_t = F(s_{t-1}, x_t; theta)`` the block ``J["c", "h"]`` is :math:`\partial c_t / \partial
h_{t-1}`, a sum of terms ``diag(d0) W1 diag(d1) ...``. Columns are input changes, rows are output
changes. Nothing depends on the width of the cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Product
from gradflow.cells.language.syntax import symbol
from gradflow.errors import UsageError
from gradflow.jacobians.derive import Derivatives, accumulate
from gradflow.jacobians.terms import Term


@dataclass(frozen=True)
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
        from gradflow.jacobians.print.latex import block_latex

        return block_latex(self)

    def text(self) -> str:
        """Return the block as one line of plain text."""
        from gradflow.jacobians.print.text import block_text

        return block_text(self)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __str__(self) -> str:
        """Return the plain text."""
        return self.text()


@dataclass(frozen=True)
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
    """

    cell: Cell
    out: str
    parameter: str
    terms: tuple[tuple[Term, sp.Symbol | None], ...]

    @property
    def is_zero(self) -> bool:
        """Whether the parameter does not enter this part directly."""
        return not self.terms

    def latex(self) -> str:
        """Return the immediate derivative as one aligned LaTeX equation."""
        from gradflow.jacobians.print.latex import parameter_latex

        return parameter_latex(self)

    def text(self) -> str:
        """Return the immediate derivative as one line of plain text."""
        from gradflow.jacobians.print.text import parameter_text

        return parameter_text(self)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


@dataclass(frozen=True)
class StepJacobian:
    """All derivatives of one step of a cell.

    ``J["c", "h"]`` is a block by a state part or an input, ``J["c", "U_f"]`` the immediate
    derivative by a parameter.
    """

    cell: Cell

    @property
    def outs(self) -> tuple[str, ...]:
        """State parts in flattening order, then outputs that are not state."""
        return (*self.cell.states, *self.cell.output_names)

    @cached_property
    def _variables(self) -> tuple[sp.Symbol, ...]:
        return tuple(symbol(n) for n in (*self.cell.states, *self.cell.input_names))

    @cached_property
    def _total(self) -> Derivatives:
        return accumulate(self.cell, self._variables)

    @cached_property
    def _held(
        self,
    ) -> dict[sp.Symbol, tuple[list[sp.Symbol], Mapping[sp.Symbol, tuple[Term, ...]]]]:
        """For each target, the other parts' new values, and its terms with those kept."""
        new = [symbol(f"{n}_next") for n in self.cell.states]
        held = {}
        for target in map(self._target, self.outs):
            stops = [s for s in new if s != target]
            found = accumulate(self.cell, (*self._variables, *stops), stops)
            held[target] = stops, found.get(target, {})
        return held

    @cached_property
    def _by_parameter(self) -> Derivatives:
        sources = [symbol(n) for n in self.cell.parameters if n not in self.cell.linear_maps]
        sources += [
            s.target
            for s in self.cell.program
            if isinstance(s, Product) and s.linear_map.kind == "learned"
        ]
        return accumulate(self.cell, sources)

    def _target(self, out: str) -> sp.Symbol:
        if out not in self.outs:
            raise UsageError(
                f"cell {self.cell.name!r}: no state part or output {out!r}; there are "
                f"{', '.join(self.outs)}."
            )
        return symbol(f"{out}_next" if out in self.cell.states else out)

    def __getitem__(self, key: tuple[str, str]) -> Any:
        """Return the block ``d key[0] / d key[1]``.

        Raises ``UsageError`` where there is no such part, input or parameter.
        """
        out, wrt = key
        target = self._target(out)
        if wrt in self.cell.parameters:
            return self._parameter_block(out, target, wrt)
        if symbol(wrt) not in self._variables:
            known = (*self.cell.states, *self.cell.input_names, *self.cell.parameters)
            raise UsageError(
                f"cell {self.cell.name!r}: no derivative with respect to {wrt!r}; there are "
                f"{', '.join(known)}."
            )
        terms = self._sorted(self._total.get(target, {}).get(symbol(wrt), ()))
        return Block(self.cell, out, wrt, terms, self._nested(target, wrt))

    def _sorted(self, terms: Iterable[Term]) -> tuple[Term, ...]:
        """Order terms as a reader expects: diagonal ones first, then as the equations stand."""
        place = {line.target: i for i, line in enumerate(self.cell.lines)}
        return tuple(
            sorted(terms, key=lambda t: (len(t.maps) > 0, [place[name] for name in t.path]))
        )

    def _nested(self, target: sp.Symbol, wrt: str) -> tuple[tuple[Term, str], ...]:
        stops, found = self._held[target]
        rows = [(term, "") for term in self._sorted(found.get(symbol(wrt), ()))]
        for stop in stops:
            part = stop.name.removesuffix("_next")
            if self._total.get(stop, {}).get(symbol(wrt)):
                rows += [(term, part) for term in self._sorted(found.get(stop, ()))]
        return tuple(rows)

    def _parameter_block(self, out: str, target: sp.Symbol, parameter: str) -> ParameterBlock:
        found = self._by_parameter.get(target, {})
        rows: list[tuple[Term, sp.Symbol | None]] = []
        if parameter in self.cell.linear_maps:
            for statement in self.cell.program:
                if isinstance(statement, Product) and statement.linear_map.name == parameter:
                    terms = found.get(statement.target, ())
                    rows += [(term, statement.operand) for term in terms]
        else:
            rows += [(term, None) for term in found.get(symbol(parameter), ())]
        return ParameterBlock(self.cell, out, parameter, tuple(rows))

    def blocks(self) -> dict[tuple[str, str], Block]:
        """Return all blocks of the whole-state Jacobian, zero ones included, by (out, in)."""
        return {(a, b): self[a, b] for a in self.cell.states for b in self.cell.states}

    def equations(self) -> list[str]:
        """Return the block matrix, the blocks that are not zero and "where", one LaTeX each.

        The first is ``J_t``; each entry is one display, without delimiters.
        """
        from gradflow.jacobians.print.latex import step_equations

        return step_equations(self)

    def latex(self) -> str:
        """Return ``equations``, a blank line between them."""
        return "\n\n".join(self.equations())

    def text(self) -> str:
        """Return every block as a line of plain text."""
        from gradflow.jacobians.print.text import step_text

        return step_text(self)

    def to_json(self) -> dict[str, Any]:
        """Return equations, blocks and terms as plain data."""
        from gradflow.jacobians.print.text import step_json

        return step_json(self)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __str__(self) -> str:
        """Return the plain text."""
        return self.text()
