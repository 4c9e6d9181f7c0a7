"""From the text of a cell's equations to syntax trees, and the words of the language.

The text is parsed with Python's own grammar, so what an author wrote is kept, in the author's
order, for typesetting; the SymPy form is made beside it for calculus (``algebra.py``). A symbol
stands for entry *i* of a vector, ``*`` is the elementwise product, ``W @ v`` is entry *i* of a
matrix-vector product, ``mean(v)`` and ``sum(v)`` reduce over units, ``t`` is the step number
(1, 2, ...).
"""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass
from threading import Lock

import sympy as sp

from gradflow.cells.language.functions import FUNCTIONS
from gradflow.errors import UsageError

TIME = sp.Symbol("t", real=True)
LARGEST = "_largest"
"""The largest unit, for definitions that do not depend on it: no name that a cell can write."""
REDUCTIONS = ("mean", "sum", LARGEST)
_WORDS = {"t", "index", "row", "column", "identity", "Piecewise", *REDUCTIONS}
PI = "pi"
"""The number, where a cell gives that name to nothing else."""

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""What a name may look like: it becomes a name of the generated source."""

_DEEPEST = 100
"""Nesting that SymPy differentiates well within Python's recursion limit."""

# CPython 3.11 counts the depth of trees for all threads together, and fails where two are made.
_PARSING = Lock()


class row(sp.Function):
    """Entry of a vector at the row of a matrix entry, for masks and fixed maps."""

    is_real = True


class column(sp.Function):
    """Entry of a vector at the column of a matrix entry, for masks and fixed maps."""

    is_real = True


@dataclass(frozen=True)
class Line:
    """One equation ``target = expression`` as written.

    ``tree`` is the Python syntax tree of the right-hand side, ``place`` names the equation in
    error messages.
    """

    target: str
    tree: ast.expr
    place: str


def is_reserved(name: str) -> bool:
    """Whether a name has a meaning in the language, so that a cell cannot use it."""
    return name in _WORDS or name in FUNCTIONS


def symbol(name: str) -> sp.Symbol:
    """Return the SymPy symbol that stands for a declared name."""
    return sp.Symbol(name, real=True)


def parse_equations(text: str, cell: str) -> tuple[Line, ...]:
    """Split the text of a declaration into equations.

    Raises ``UsageError`` where the text is not a list of ``name = expression``.
    """
    source = textwrap.dedent(text).strip("\n")
    advice = "write one `name = expression` a line"
    module = _parse(source, "exec", f"cell {cell!r}", advice)
    assert isinstance(module, ast.Module)
    lines = []
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)], value=value):
                place = f"cell {cell!r}, equation {target!r}"
                if not NAME.fullmatch(target):
                    raise UsageError(
                        f"{place}: the name cannot be; use letters a-z, digits and _, and start "
                        "with a letter."
                    )
                if is_reserved(target):
                    raise UsageError(
                        f"{place}: {target!r} has a meaning in the language; use another name."
                    )
                _check_depth(value, place)
                lines.append(Line(target, value, place))
            case _:
                raise UsageError(
                    f"cell {cell!r}, line {statement.lineno} of the equations: found "
                    f"{shorten(ast.unparse(statement))!r}; {advice}."
                )
    return tuple(lines)


def parse_definitions(text: str, where: str) -> list[tuple[str, tuple[str, ...], ast.expr, str]]:
    """Split ``f(a, b) = expression`` lines into name, arguments, expression and place.

    Raises ``UsageError`` where the text is no list of such lines, or a name cannot be.
    """
    advice = "write one `name(arguments) = expression` a line"
    # Python reads `f(a) = b` only as the two sides of `==`
    found = []
    for number, line in enumerate(_joined(text), 1):
        head, _equals, body = line.partition("=")
        place = f"{where}, line {number}"
        call, tree = (_parse(part.strip(), "eval", place, advice) for part in (head, body or " "))
        assert isinstance(call, ast.Expression)
        assert isinstance(tree, ast.Expression)
        match call.body:
            case ast.Call(func=ast.Name(id=name), args=[_, *_] as args, keywords=[]) if all(
                isinstance(a, ast.Name) for a in args
            ):
                place = f"{where}, function {name!r}"
                arguments = tuple(a.id for a in args if isinstance(a, ast.Name))
                for word in (name, *arguments):
                    if not NAME.fullmatch(word) or is_reserved(word):
                        raise UsageError(
                            f"{place}: {word!r} has a meaning in the language or is no name of "
                            "letters, digits and _; use another name."
                        )
                if len({*arguments}) < len(arguments):
                    raise UsageError(f"{place}: has one argument twice; rename it.")
                _check_depth(tree.body, place)
                found.append((name, arguments, tree.body, place))
            case _:
                raise UsageError(
                    f"{place}: found {shorten(line)!r}; {advice}, such as "
                    "`LN(v, gain) = gain * (v - mean(v))`."
                )
    return found


def _joined(text: str) -> list[str]:
    """Return the lines of a text, those within brackets as one; comments are left out."""
    lines: list[str] = []
    depth = 0
    for line in (raw.split("#")[0].strip() for raw in text.splitlines()):
        if not line:
            continue
        if depth > 0:
            lines[-1] += f" {line}"
        else:
            lines.append(line)
        depth += sum(map(line.count, "([")) - sum(map(line.count, ")]"))
    return lines


def parse_entries(text: str, place: str) -> ast.expr:
    """Parse the rule of a mask or of a fixed map's entries: an expression in row and column."""
    advice = "write an expression such as 'row(period) <= column(period)'"
    module = _parse(text.strip(), "eval", place, advice)
    assert isinstance(module, ast.Expression)
    _check_depth(module.body, place)
    return module.body


def shorten(text: str) -> str:
    """Return at most some 60 characters of a text, for a message."""
    return text if len(text) <= 60 else f"{text[:40]} ... {text[-15:]}"


def _parse(source: str, mode: str, place: str, advice: str) -> ast.AST:
    try:
        with _PARSING:
            return ast.parse(source, mode=mode)
    except SyntaxError as error:
        shown = (error.text or "").strip() or source.strip()
        line = f", line {error.lineno}" if error.lineno and mode == "exec" else ""
        raise UsageError(
            f"{place}{line}: cannot read {shorten(shown)!r} ({error.msg}); {advice}."
        ) from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise UsageError(
            f"{place}: cannot read {shorten(source)!r} ({error}); {advice}, and name "
            "intermediate results."
        ) from None


def _check_depth(tree: ast.expr, place: str) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise UsageError(
            f"{place}: nests more than {_DEEPEST} operations; name intermediate results in "
            "equations of their own."
        )


def functions_in(tree: ast.expr) -> set[str]:
    """Return the names of the functions that an expression calls."""
    calls = (n.func for n in ast.walk(tree) if isinstance(n, ast.Call))
    return {name.id for name in calls if isinstance(name, ast.Name)}


def names_in(tree: ast.expr) -> list[str]:
    """Return the names an expression uses, functions left out, in order of appearance."""
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    found: dict[str, None] = {}

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Name) and id(node) not in called:
            found.setdefault(node.id)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return list(found)
