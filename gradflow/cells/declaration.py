"""Reading the name lists of a declaration and checking that every name means one thing."""

from __future__ import annotations

import ast
import difflib
import keyword
import re

from gradflow.cells.language import REDUCTIONS, RESERVED, Line, names_in
from gradflow.errors import UsageError

_TOKEN = re.compile(r"([^\s\[\]]+)(?:\[([^\]]*)\])?")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def read_names(text: str, place: str, most: int) -> dict[str, tuple[str, ...]]:
    """Read ``"W_i U[hidden,context] b"`` into names and the spaces written behind them.

    ``most`` is the number of spaces a name of this list may carry.
    """
    found: dict[str, tuple[str, ...]] = {}
    if _TOKEN.sub("", text).strip():
        raise UsageError(f"{place}: cannot read {text!r}; write names such as 'h c s[context]'.")
    for name, inside in _TOKEN.findall(text):
        spaces = tuple(s.strip() for s in inside.split(",")) if inside else ()
        if not _NAME.match(name) or keyword.iskeyword(name):
            raise UsageError(f"{place}: {name!r} cannot be a name; use letters, digits and _.")
        if name in RESERVED:
            raise UsageError(f"{place}: {name!r} has a meaning in the language; use another name.")
        if name in found:
            raise UsageError(f"{place}: {name!r} is declared twice; keep one.")
        if len(spaces) > most or not all(_NAME.match(s) for s in spaces):
            allowed = "one size" if most == 1 else "sizes [output,input]"
            raise UsageError(f"{place}: {name}[{inside}] is not a size; {name!r} takes {allowed}.")
        found[name] = spaces
    return found


def check_names(
    cell: str,
    lines: tuple[Line, ...],
    states: list[str],
    declared: dict[str, str],
    maps: list[str],
    outputs: list[str],
    elsewhere: set[str],
) -> None:
    """Check that the equations use what is declared, define what is needed, in a usable order.

    ``declared`` maps each declared name to its kind (``"state"``, ``"input"``, ...), ``maps`` are
    the names that may stand left of ``@``, ``elsewhere`` the names that masks and fixed maps use.
    Raises ``UsageError``.
    """
    targets = [line.target for line in lines]
    for line in lines:
        if targets.count(line.target) > 1:
            raise UsageError(f"{line.place}: defined {targets.count(line.target)} times; keep one.")
        if line.target in declared or line.target in RESERVED:
            what = declared.get(line.target, "word of the language")
            hint = f"; the new value of a state part is {line.target}_next"
            raise UsageError(
                f"{line.place}: {line.target!r} is a {what} and cannot be defined by an equation"
                f"{hint if what == 'state' else '; use a new name'}."
            )
        part = line.target.removesuffix("_next")
        if part != line.target and part not in states:
            raise UsageError(
                f"{line.place}: {part!r} is not a state part; the state parts are "
                f"{', '.join(states)}."
            )
    for state in states:
        if f"{state}_next" not in targets:
            raise UsageError(
                f"cell {cell!r}: state part {state!r} has no equation; add one that defines "
                f"{state}_next."
            )
    for output in outputs:
        if output not in targets:
            raise UsageError(
                f"cell {cell!r}: output {output!r} has no equation; the equations define "
                f"{', '.join(targets)}."
            )

    used: set[str] = set(elsewhere)
    known = {**declared, "t": "time"}
    for position, line in enumerate(lines):
        for name in names_in(line.tree):
            used.add(name)
            if name in known or name in ("identity", *REDUCTIONS):
                continue
            if name in targets:
                raise UsageError(_order_error(lines, position, name))
            raise UsageError(_undeclared(line, name, [*known, *targets]))
        _check_roles(line, maps, known)
        known[line.target] = "equation"

    wanted = {f"{s}_next" for s in states} | set(outputs)
    for name, kind in known.items():
        if name in used or name in wanted or kind in ("time", "state"):
            continue
        if kind == "equation":
            raise UsageError(
                f"cell {cell!r}, equation {name!r}: no state part uses it; remove it or name it "
                "among the outputs."
            )
        raise UsageError(f"cell {cell!r}: {kind} {name!r} is declared but no equation uses it.")


def _undeclared(line: Line, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return (
        f"{line.place}: symbol {name!r} is not declared{hint}; declare it as state, inputs, maps, "
        "vectors, scalars or constants, or define it by an equation above."
    )


def _order_error(lines: tuple[Line, ...], position: int, name: str) -> str:
    needs = {line.target: set(names_in(line.tree)) for line in lines}
    here = lines[position].target
    trail, reached = [name], {name}
    while trail:
        reached |= (new := (needs[trail.pop()] & needs.keys()) - reached)
        trail += new
    if here in reached:
        loop = sorted(n for n in reached if here in _reach(needs, n))
        return (
            f"{lines[position].place}: the equations {', '.join(loop)} form a cycle, each needs "
            "the other within one step; use the previous state to break it."
        )
    return (
        f"{lines[position].place}: uses {name!r} before it is defined; move the equation of "
        f"{name!r} above."
    )


def _reach(needs: dict[str, set[str]], start: str) -> set[str]:
    reached: set[str] = set()
    trail = [start]
    while trail:
        for name in needs[trail.pop()] & needs.keys():
            if name not in reached:
                reached.add(name)
                trail.append(name)
    return reached


def _check_roles(line: Line, maps: list[str], known: dict[str, str]) -> None:
    left = set()
    for node in ast.walk(line.tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            left.add(id(node.left))
            if isinstance(node.left, ast.Name) and node.left.id not in (*maps, "identity"):
                name = node.left.id
                raise UsageError(
                    f"{line.place}: {name!r} is a {known.get(name, 'name')}, not a map, in "
                    f"{ast.unparse(node)!r}; declare it among the maps or use * for the "
                    "elementwise product."
                )
    for node in ast.walk(line.tree):
        if isinstance(node, ast.Name) and node.id in (*maps, "identity") and id(node) not in left:
            raise UsageError(
                f"{line.place}: the map {node.id!r} stands alone; a map acts on a vector, as in "
                f"`{node.id} @ v`."
            )
