"""Python text of scalar expressions, and names that hide nothing the source needs."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy.printing.str import StrPrinter

from gradflow.cells.language.nodes import choose

FUNCTION_NAMES = {
    "Abs": "absolute",
    "absolute": "absolute",
    "sign": "sign",
    "signum": "sign",
    "step": "step_",
    "round_down": "floor",
    "modulo": "remainder",
    "atan": "arctan",
    "asinh": "arcsinh",
}
# every name generated source may use: a symbol of a cell that is called so is printed with a "_"
RUNTIME_NAMES = {
    *("absolute", "arcsinh", "arctan", "cos", "cosh", "erf", "exp", "floor", "log", "maximum"),
    *("minimum", "pi", "relu", "remainder", "sigmoid", "sign", "sin", "sinh", "softplus", "sqrt"),
    *("step_", "tan", "tanh", "np", "index", "ones", "ratio", "spread", "where"),
    *("fill_blocks", "outer", "total", "out", "keep", "gradients", "slice"),
}


class ArrayPrinter(StrPrinter):
    """Python text of a scalar expression, applied to arrays."""

    def __init__(self, rename: dict[str, str]) -> None:
        """Print symbols by ``rename`` where it holds them."""
        super().__init__()
        self._rename = rename

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        return self._rename.get(expr.name, str(expr.name))

    def _print_Exp1(self, expr: sp.Expr) -> str:
        return "exp(1)"

    def _print_Integer(self, expr: sp.Integer) -> str:
        exact = abs(expr.p) <= 2**53  # NumPy's functions take no longer integers
        return str(expr.p) if exact else f"ratio({expr.p}, 1)"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return f"ratio({expr.p}, {expr.q})"

    def _print_Function(self, expr: sp.Function) -> str:
        name = type(expr).__name__
        inner = ", ".join(self._print(a) for a in expr.args)
        return f"{FUNCTION_NAMES.get(name, name)}({inner})"

    def _print_choose(self, expr: choose) -> str:
        return f"where({', '.join(self._print(a) for a in expr.args)})"

    def _print_Relational(self, expr: sp.core.relational.Relational) -> str:
        return f"({self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)})"

    def _print_And(self, expr: sp.And) -> str:
        return "(" + " & ".join(sorted(self._print(a) for a in expr.args)) + ")"

    def _print_Or(self, expr: sp.Or) -> str:
        return "(" + " | ".join(sorted(self._print(a) for a in expr.args)) + ")"

    def _print_Not(self, expr: sp.Not) -> str:
        return f"np.logical_not({self._print(expr.args[0])})"


class Names:
    """Python names for the symbols of one routine."""

    def __init__(self, used: Iterable[str]) -> None:
        """Keep every name of ``used`` but those that would hide a name of the runtime."""
        self._taken = {*used, *RUNTIME_NAMES}
        self.renamed = {n: self.fresh(f"{n}_") for n in sorted({*used} & RUNTIME_NAMES)}

    def fresh(self, name: str) -> str:
        """Return ``name``, or a longer one where that is taken, and take it."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def __call__(self, name: str) -> str:
        """Return the Python name of a symbol or map."""
        return self.renamed.get(name, name)
