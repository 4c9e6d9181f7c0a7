"""Means and sums over units as constant maps of ones, which the checker in Coq can follow."""

from __future__ import annotations

import ast
import copy
from typing import Any

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Map
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import LARGEST
from gradflow.errors import UsageError
from gradflow.spectra import Trajectory
from gradflow.spectra import run as run_cell

_OVER_UNITS = ("mean", "sum")


def with_maps(run: Trajectory) -> Trajectory:
    r"""Return a run of the same equations in which no mean and no sum is left.

    ``mean(v)`` becomes ``1/n * (ones @ v)`` with the number n of units of ``v`` at hand and a
    constant map ``ones`` whose entries are 1; ``sum(v)`` the same without the factor. The new cell
    has the end ``_with_maps``; a defined function that mixes units stands in it as equations of its
    own. Raises ``UsageError`` for a sum over what has no size of its own.
    """
    cell = run.cell
    sizes = {**run.bound.sizes, ONE: 1}
    rewriter = _Rewriter(cell, sizes)
    lines = []
    for line in cell.declared.expanded:
        rewriter.space = cell.spaces[line.target]
        written = rewriter.visit(copy.deepcopy(line.tree))
        lines.append(f"{line.target} = {ast.unparse(written)}")
    names = " ".join(f"{name}[{out},{into}]" for name, (out, into) in rewriter.maps.items())
    said = vars(cell.declaration) | {
        "name": f"{cell.name}_with_maps",
        "equations": "\n".join(lines),
        "define": "",
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
        assert isinstance(node.func, ast.Name)
        if node.func.id == LARGEST:
            return ast.Constant(0)
        if node.func.id not in _OVER_UNITS:
            node.args = [self.visit(a) for a in node.args]
            return node
        (operand,) = node.args
        space = self._space(operand)
        product = self._ones(space, self._within(space, operand))
        if node.func.id == "sum":
            return product
        share = ast.BinOp(ast.Constant(1), ast.Div(), ast.Constant(self.sizes[space]))
        return ast.BinOp(share, ast.Mult(), product)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Return an operation, the operand of a linear map among units of its own."""
        if not isinstance(node.op, ast.MatMult):
            return self.generic_visit(node)
        node.right = self._within(self._map(node.left).into, node.right)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Return a name, or what has one value for all units as a map of ones times it."""
        numbers = (*self.cell.parameters, *self.cell.constant_names)
        one = self.cell.spaces.get(node.id) == ONE and node.id not in numbers
        return self._ones(ONE, node) if one and self.space != ONE else node

    def _ones(self, space: str, operand: ast.expr) -> ast.BinOp:
        """Return the map of ones from a space to the one at hand, times an operand."""
        name = f"ones_{self.space}_{space}"
        self.maps[name] = (self.space, space)
        return ast.BinOp(ast.Name(name), ast.MatMult(), operand)

    def _within(self, space: str, node: ast.expr) -> ast.expr:
        """Return an expression of another space, visited."""
        around, self.space = self.space, space
        visited: ast.expr = self.visit(node)
        self.space = around
        return visited

    def _map(self, node: ast.AST) -> Map:
        """Return a linear map that stands in an expression of maps; all of them fit its operand."""
        maps = self.cell.linear_maps
        names = (n.id for n in ast.walk(node) if isinstance(n, ast.Name))
        return next(maps[name] for name in names if name in maps)

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
            return {self._map(node.left).out}
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in _OVER_UNITS:
                return {ONE}
            return set[str]().union(*map(self._spaces, node.args))
        return set[str]().union(*map(self._spaces, ast.iter_child_nodes(node)))
