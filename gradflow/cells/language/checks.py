"""Every name of a declaration means one thing, is defined before its use, and is used."""

from __future__ import annotations

import ast
import difflib

from gradflow.cells.language.lists import NameLists
from gradflow.cells.language.maps import map_names
from gradflow.cells.language.syntax import PI, Line, names_in
from gradflow.errors import UsageError


def check_names(cell: str, lines: tuple[Line, ...], names: NameLists) -> None:
    """Check that the equations use what is declared, define what is needed, in a usable order.

    Raises ``UsageError``.
    """
    targets = [line.target for line in lines]
    states = names.of("state part")
    for line in lines:
        if targets.count(line.target) > 1:
            raise UsageError(f"{line.place}: defined {targets.count(line.target)} times; keep one.")
        if line.target in names.kinds:
            what = names.kinds[line.target]
            new = f"define its new value {line.target}_next"
            raise UsageError(
                f"{line.place}: {line.target!r} is declared as {what} and cannot be defined; "
                f"{new if what == 'state part' else 'use a new name'}."
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
    for output in names.outputs:
        if output not in targets:
            raise UsageError(
                f"cell {cell!r}: output {output!r} has no equation; the equations define "
                f"{', '.join(targets)}."
            )

    used: set[str] = set(names.in_rules)
    known = {**names.kinds, "t": "time"}
    for position, line in enumerate(lines):
        for name in names_in(line.tree):
            used.add(name)
            if name in known or name == "identity" or (name == PI and name not in targets):
                continue
            if name in targets:
                raise UsageError(_order_error(lines, position, name))
            raise UsageError(_undeclared(line, name, [*known, *targets]))
        _check_roles(line, [*names.maps], known)
        known[line.target] = "equation"

    wanted = {f"{s}_next" for s in states} | set(names.outputs)
    for name, kind in known.items():
        if name in used or name in wanted or kind in ("time", "state part"):
            continue
        if kind == "equation":
            raise UsageError(
                f"cell {cell!r}, equation {name!r}: no equation uses it; remove it or name it "
                "among the outputs."
            )
        raise UsageError(
            f"cell {cell!r}: {kind} {name!r} is declared but no equation uses it; remove it."
        )


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
        found = f"the equations {', '.join(loop)} form a cycle" if loop[1:] else "needs itself"
        return (
            f"{lines[position].place}: {found} within one step; use the previous value of a state "
            "part to break it."
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
            left |= {id(name) for name in map_names(node.left, maps)}
            if isinstance(node.left, ast.Name) and node.left.id not in (*maps, "identity"):
                name = node.left.id
                raise UsageError(
                    f"{line.place}: {name!r} is a {known.get(name, 'name')}, not a map, in "
                    f"{ast.unparse(node)!r}; declare it among the maps, or use * for the "
                    "elementwise product and dot(a, b) for the inner one."
                )
    for node in ast.walk(line.tree):
        if isinstance(node, ast.Name) and node.id in (*maps, "identity") and id(node) not in left:
            raise UsageError(
                f"{line.place}: the map {node.id!r} stands alone; a map acts on a vector, as in "
                f"`{node.id} @ v`."
            )
