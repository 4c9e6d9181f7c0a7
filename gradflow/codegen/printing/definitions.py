"""Where generated source gets its functions from: imports, operations, and functions it defines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

import sympy as sp

from gradflow.cells.language.elementwise import ElementwiseFunction
from gradflow.cells.language.functions import records
from gradflow.cells.language.nodes import choose
from gradflow.codegen.printing.dialect import ARRAYS, Dialect
from gradflow.codegen.printing.expressions import ArrayPrinter, array_names

# a branch that is not taken is computed too, and may well overflow or divide by zero
QUIET = '@np.errstate(divide="ignore", invalid="ignore", over="ignore")'
_WIDTH = 99


def indented(lines: Iterable[str]) -> list[str]:
    """Return lines one level further in."""
    return [f"    {line}" if line else "" for line in lines]


def operations_line(operations: str, printer: ArrayPrinter) -> list[str]:
    """Return the line that names the operations a function uses, if they need to be."""
    used = sorted(printer.called)
    if not operations or not used:
        return []
    return [f"{', '.join(used)} = {', '.join(f'{operations}.{name}' for name in used)}"]


def definition(function: ElementwiseFunction) -> tuple[list[str], sp.Expr]:
    """Return names for the arguments of a function, and its definition in symbols called so."""
    assert function.definition is not None, f"{function.name} has no definition"
    names = array_names([])
    arguments = [names.fresh(letter) for letter in "abcdefgh"[: function.least]]
    free = [sp.Symbol(name, real=True) for name in arguments]
    return arguments, sp.sympify(function.definition(*free))


def definition_lines(function: ElementwiseFunction, dialect: Dialect = ARRAYS) -> list[str]:
    """Return the lines of a function of arrays that is computed as it is defined."""
    arguments, expression = definition(function)
    printer = ArrayPrinter({}, dialect.operations or "np")
    value = printer.doprint(expression)
    first = [dialect.operations] if dialect.operations else []
    return [
        *([QUIET] if expression.has(choose) else []),
        f"def {function.code}({', '.join([*first, *arguments])}):",
        *indented([*operations_line(dialect.operations, printer), f"return {value}"]),
    ]


def imports(target: str, home: str, more: Mapping[str, Iterable[str]]) -> list[str]:
    """Return import lines for every function that a target need not take from its definition.

    A function named by a bare word is in the module ``home``; ``more`` is imported too, by module.
    """
    wanted = {module: {*names} for module, names in more.items()}
    for function in records():
        module, _, attribute = function.targets[target].rpartition(":")
        if attribute:
            known = attribute == function.code
            item = attribute if known else f"{attribute} as {function.code}"
            wanted.setdefault(module or home, set()).add(item)
    own = sorted(module for module in wanted if module.startswith("gradflow."))
    others = sorted({*wanted} - {*own})
    return [
        *(line for module in others for line in _import_lines(module, wanted[module])),
        "",
        *(line for module in own for line in _import_lines(module, wanted[module])),
    ]


def _import_lines(module: str, names: Iterable[str]) -> list[str]:
    listed = ", ".join(sorted(names))
    line = f"from {module} import {listed}"
    if len(line) <= _WIDTH:
        return [line]
    inner = textwrap.wrap(f"{listed},", _WIDTH - 4, break_long_words=False)
    return [f"from {module} import (", *indented(inner), ")"]
