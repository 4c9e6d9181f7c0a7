r"""The step Jacobian of a cell in normal form.

For ``s_t = F(s_{t-1}, x_t; theta)`` the block ``J["c", "h"]`` is :math:`\partial c_t / \partial
h_{t-1}`, a sum of terms ``diag(d0) W1 diag(d1) ...``. Columns are input changes, rows are output
changes. Nothing depends on the width of the cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Product
from gradflow.cells.language.syntax import symbol
from gradflow.cells.registry import get
from gradflow.errors import UsageError
from gradflow.jacobians.blocks import Block, ParameterBlock, counted
from gradflow.jacobians.derive import Derivatives, accumulate
from gradflow.jacobians.print.latex import matrix_latex, stacked, where_latex
from gradflow.jacobians.slopes import slopes_of
from gradflow.jacobians.terms import Term


@dataclass(frozen=True, repr=False)
class StepJacobian:
    """All derivatives of one step of a cell.

    ``J["c", "h"]`` is a block by a state part or an input, ``J["c", "U_f"]`` the immediate
    derivative by a parameter.

    Examples
    --------
    >>> import gradflow as gf
    >>> J = gf.jacobian("gru")
    >>> J
    <StepJacobian of gru: state h; 4 terms>
    >>> print(J["h", "b_z"])
    d+h'/db_z = diag(z*(1 - z)*(h - g))
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
        return accumulate(self.cell, self._variables, (), slopes_of(self.cell).calls)

    @cached_property
    def _held(
        self,
    ) -> dict[sp.Symbol, tuple[list[sp.Symbol], Mapping[sp.Symbol, tuple[Term, ...]]]]:
        """For each target, the other parts' new values, and its terms with those kept."""
        new = [symbol(f"{n}_next") for n in self.cell.states]
        held = {}
        for target in map(self._target, self.outs):
            stops = [s for s in new if s != target]
            calls = slopes_of(self.cell).calls
            found = accumulate(self.cell, (*self._variables, *stops), stops, calls)
            held[target] = stops, found.get(target, {})
        return held

    @cached_property
    def _by_parameter(self) -> Derivatives:
        sources = [symbol(n) for n in self.cell.parameters if n not in self.cell.linear_maps]
        sources += [
            s.target
            for s in self.cell.program
            if isinstance(s, Product) and any(m.kind == "learned" for m in s.linear_map.bases)
        ]
        return accumulate(self.cell, sources, (), slopes_of(self.cell).calls)

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
        nested = self._nested(target, wrt)
        return Block(cell=self.cell, out=out, wrt=wrt, terms=terms, nested=nested)

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
        turned: list[tuple[Term, sp.Symbol]] = []
        if parameter in self.cell.linear_maps:
            for statement in self.cell.program:
                if not isinstance(statement, Product):
                    continue
                terms, v = found.get(statement.target, ()), statement.operand
                if statement.linear_map.name == parameter:
                    rows += [(term, v) for term in terms]
                for part in statement.linear_map.summands:
                    if part.linear_map.name != parameter:
                        continue
                    factor = Term((part.factor,))
                    scaled = [(term.after(factor), v) for term in terms]
                    if part.transposed:
                        turned += scaled
                    else:
                        rows += scaled
        else:
            rows += [(term, None) for term in found.get(symbol(parameter), ())]
        return ParameterBlock(
            cell=self.cell,
            out=out,
            parameter=parameter,
            terms=tuple(rows),
            turned=tuple(turned),
        )

    def blocks(self) -> dict[tuple[str, str], Block]:
        """Return all blocks of the whole-state Jacobian, zero ones included, by (out, in)."""
        return {(a, b): self[a, b] for a in self.cell.states for b in self.cell.states}

    def equations(self) -> list[str]:
        """Return the block matrix, the blocks that are not zero and "where", one LaTeX each.

        The first is ``J_t``; each entry is one display, without delimiters.
        """
        blocks = {key: block for key, block in self.blocks().items() if not block.is_zero}
        where = self.where_latex()
        matrix = matrix_latex(self.cell, blocks)
        return [matrix, *(b.latex() for b in blocks.values()), *([where] if where else [])]

    def where_latex(self) -> str:
        """Return the equations of the names that stand in the blocks, such as gates; or ``""``."""
        terms = [t for block in self.blocks().values() for t in block.terms]
        return where_latex(self.cell, terms)

    def latex(self) -> str:
        """Return ``equations``, a blank line between them."""
        return "\n\n".join(self.equations())

    def text(self) -> str:
        """Return the blocks by state parts, inputs and parameters, a line of plain text each."""
        states, parameters = self.cell.states, self.cell.parameters
        rows = [b.text() for b in self.blocks().values()]
        rows += [self[a, x].text() for a in states for x in self.cell.input_names]
        immediate = [self[a, p] for p in parameters for a in states]
        return "\n".join(rows + [b.text() for b in immediate if not b.is_zero])

    def to_json(self) -> dict[str, Any]:
        """Return the declaration and every derivative as plain data."""
        cell = self.cell
        by_parameter = [self[a, p] for a in self.outs for p in cell.parameters]
        definitions = [{"left": left, "right": right} for left, right in cell.definition_rows()]
        return {
            "cell": cell.name,
            "title": cell.title,
            "reference": cell.reference,
            "state": list(cell.states),
            "inputs": list(cell.input_names),
            "parameters": {p: list(cell.shape_of(p)) for p in cell.parameters},
            "constants": {p: list(cell.shape_of(p)) for p in cell.constant_names},
            "equations": [{"left": left, "right": right} for left, right in cell.equation_rows()],
            **({"definitions": definitions} if definitions else {}),
            "blocks": [
                self[a, b].to_json() for a in self.outs for b in (*cell.states, *cell.input_names)
            ],
            "parameter_blocks": [b.to_json() for b in by_parameter if not b.is_zero],
        }

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {stacked(self.equations())}$"

    def __str__(self) -> str:
        """Return the plain text."""
        return self.text()

    def __repr__(self) -> str:
        """Return one line: whose it is, its state, and the number of terms of all blocks."""
        terms = sum(len(block.terms) for block in self.blocks().values())
        state = ", ".join(self.cell.states)
        return f"<StepJacobian of {self.cell.name}: state {state}; {counted(terms, 'term')}>"


@lru_cache(maxsize=64)  # a session works with a few cells; each derivation is then done once
def derived(cell: Cell) -> StepJacobian:
    """Return the one Jacobian of a cell, which keeps what it has derived."""
    return StepJacobian(cell)


def jacobian(cell: Cell | str) -> StepJacobian:
    r"""Derive the step Jacobian of a cell, symbolically and for any width.

    Parameters
    ----------
    cell
        The cell, its name, or ``"FILE.py:NAME"``.

    Returns
    -------
    StepJacobian
        ``J["c", "h"]`` is the block :math:`\partial c_t/\partial h_{t-1}`; a state part, an input
        or a parameter may stand second. ``J.latex()``, ``J.text()`` and ``J.to_json()`` print it.

    Raises
    ------
    UsageError
        For an unknown cell, or an equation without a derivative in closed form.

    Examples
    --------
    >>> import gradflow as gf
    >>> J = gf.jacobian("lstm")
    >>> print(J["c", "c"])
    dc'/dc = diag(f)
    """
    return derived(get(cell))
