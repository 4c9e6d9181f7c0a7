"""Means and sums over units as constant maps of ones, which the checker in Coq can follow."""

from __future__ import annotations

import ast
from textwrap import dedent
from typing import Any

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.cells.language.spaces import ONE
from gradflow.errors import UsageError
from gradflow.spectra import Trajectory
from gradflow.spectra import run as run_cell

_OVER_UNITS = ("mean", "sum")


def with_maps(run: Trajectory) -> Trajectory:
    r"""Return a run of the same equations in which no mean and no sum is left.

    ``mean(v)`` becomes ``1/n * (ones @ v)`` with the number n of units of ``v`` at hand and a
    constant map ``ones`` whose entries are 1; ``sum(v)`` the same without the factor. The new cell
    has the end ``_with_maps``. Raises ``UsageError`` for functions of a cell's own, and for a sum
    over what has no size of its own.
    """
    cell = run.cell
    if cell.declaration.define:
        raise UsageError(
            f"certify: cell {cell.name!r} sums over units inside a function of its own, which has "
            "no rule in Coq yet; write it out in the equations."
        )
    sizes = {**run.bound.sizes, ONE: 1}
    rewriter = _Rewriter(cell, sizes)
    lines = []
    for line in ast.parse(dedent(cell.declaration.equations)).body:
        assert isinstance(line, ast.Assign)
        (target,) = line.targets
        assert isinstance(target, ast.Name)
        rewriter.space = cell.spaces[target.id]
        line.value = rewriter.visit(line.value)
        lines.append(ast.unparse(line))
    names = " ".join(f"{name}[{out},{into}]" for name, (out, into) in rewriter.maps.items())
    said = vars(cell.declaration) | {
        "name": f"{cell.name}_with_maps",
        "equations": "\n".join(lines),
        "constants": f"{cell.declaration.constants} {names}".strip(),
    }
    ones = {n: np.ones((sizes[a], sizes[b])) for n, (a, b) in rewriter.maps.items()}
    state = {p: s[0] for p, s in run.states.items()}
    params = {**run.params, **ones}
    return run_cell(Cell(**said), params, dict(run.inputs) or None, state, steps=run.steps)


class _Rewriter(ast.NodeTransformer):
    """Replaces the sums of one expression; ``space`` is the one of the units around them."""

    def __init__(self, cell: Cell, sizes: dict[str, int]) -> None:
        self.cell, self.sizes = cell, sizes
        self.space = ONE
        self.maps: dict[str, tuple[str, str]] = {}

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Return a call as it is, or a sum as a map of ones times its operand."""
        if not (isinstance(node.func, ast.Name) and node.func.id in _OVER_UNITS):
            return self.generic_visit(node)
        around, (operand,) = self.space, node.args
        self.space = self._space(operand)
        name = f"ones_{around}_{self.space}"
        self.maps[name] = (around, self.space)
        size = self.sizes[self.space]
        product = ast.BinOp(ast.Name(name), ast.MatMult(), self.visit(operand))
        self.space = around
        if node.func.id == "sum":
            return product
        share = ast.BinOp(ast.Constant(1), ast.Div(), ast.Constant(size))
        return ast.BinOp(share, ast.Mult(), product)

    def _space(self, node: ast.AST) -> str:
        """Return the units that an expression has an entry for."""
        found = self._spaces(node) - {ONE}
        if len(found) != 1:
            raise UsageError(
                f"certify: {ast.unparse(node)!r} is summed over units and has none of its own; "
                "write the number instead."
            )
        return found.pop()

    def _spaces(self, node: Any) -> set[str]:
        if isinstance(node, ast.Name):
            return {self.cell.spaces.get(node.id, ONE)}
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            m = self.cell.linear_maps.get(ast.unparse(node.left))
            return {m.out} if m else self._spaces(node.right)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in _OVER_UNITS:
                return {ONE}
            return set[str]().union(*map(self._spaces, node.args))
        return set[str]().union(*map(self._spaces, ast.iter_child_nodes(node)))
