"""Python text of scalar expressions, and the words that generated source needs for itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp
from sympy.printing.str import StrPrinter

from gradflow.cells.language.elementwise import SOURCE_WORDS
from gradflow.cells.language.functions import record_of, records
from gradflow.cells.language.names import Names
from gradflow.cells.language.nodes import choose


def runtime_names() -> frozenset[str]:
    """Return every name generated source may use: a symbol of a cell called so is renamed."""
    return SOURCE_WORDS | {function.code for function in records()}


def array_names(used: Iterable[str]) -> Names:
    """Return Python names for the symbols of one routine, none of them a name of the runtime."""
    return Names(used, refused=runtime_names().__contains__)


class ArrayPrinter(StrPrinter):
    """Python text of a scalar expression, applied to arrays.

    Attributes
    ----------
    called
        The names of the runtime that what was printed uses.
    """

    def __init__(self, rename: Mapping[str, str], library: str = "np") -> None:
        """Print symbols by ``rename`` where it holds them; ``library`` handles arrays."""
        super().__init__()
        self._rename, self._library = rename, library
        self.called: set[str] = set()

    def call(self, name: str, *arguments: str) -> str:
        """Return the text of a call of a name of the runtime."""
        self.called.add(name)
        return f"{name}({', '.join(arguments)})"

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        return self._rename.get(expr.name, str(expr.name))

    def _print_Exp1(self, expr: sp.Expr) -> str:
        return self.call("exp", "1")

    def _print_Pi(self, expr: sp.Expr) -> str:
        self.called.add("pi")
        return "pi"

    def _print_Integer(self, expr: sp.Integer) -> str:
        exact = abs(expr.p) <= 2**53  # NumPy's functions take no longer integers
        return str(expr.p) if exact else self.call("ratio", str(expr.p), "1")

    def _print_Rational(self, expr: sp.Rational) -> str:
        return self.call("ratio", str(expr.p), str(expr.q))

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        if abs(expr.exp) == sp.S.Half:
            self.called.add("sqrt")
        return str(super()._print_Pow(expr, rational))

    def _print_Function(self, expr: sp.Function) -> str:
        record = record_of(expr)
        code = record.code if record else type(expr).__name__  # row and column of a rule
        return self.call(code, *(self._print(a) for a in expr.args))

    def _print_choose(self, expr: choose) -> str:
        return self.call("where", *(self._print(a) for a in expr.args))

    def _print_Relational(self, expr: sp.core.relational.Relational) -> str:
        return f"({self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)})"

    def _print_And(self, expr: sp.And) -> str:
        return "(" + " & ".join(sorted(self._print(a) for a in expr.args)) + ")"

    def _print_Or(self, expr: sp.Or) -> str:
        return "(" + " | ".join(sorted(self._print(a) for a in expr.args)) + ")"

    def _print_Not(self, expr: sp.Not) -> str:
        return f"{self._library}.logical_not({self._print(expr.args[0])})"
