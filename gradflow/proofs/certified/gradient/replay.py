"""A certified gradient as plain data, and its check: the same whole numbers, once more.

Needs neither SymPy nor balls: what is read is a list of operations on whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from gradflow.proofs.certified.gradient.adjoint import Adjoints, Scored, adjoints
from gradflow.proofs.certified.gradient.whole import Scale
from gradflow.proofs.certified.program.straight import Line, Numbers, Piece, Straight

KIND = "gradient"
_MOST_STEPS, _MOST_BITS = 10_000, 8192


def data(
    line: Straight,
    numbers: Numbers,
    scored: Scored,
    found: Adjoints,
    bits: tuple[int, int],
    steps: int,
    *,
    arrays: bool,
) -> dict[str, Any]:
    """Return all that is needed to run the check again, with the bounds after every step.

    With ``arrays`` also those of the gradient by every array.
    """
    return {
        "kind": KIND,
        "p": bits[0],
        "m": bits[1],
        "q": numbers.q,
        "steps": steps,
        "lines": [_line(one) for one in line.lines],
        "before": dict(line.before),
        "after": dict(line.after),
        "sizes": list(line.sizes),
        "matrices": {k: [list(r) for r in v] for k, v in numbers.matrices.items()},
        "vectors": {k: list(v) for k, v in numbers.vectors.items()},
        "inputs": {k: [list(r) for r in v] for k, v in numbers.inputs.items()},
        "start": {k: list(v) for k, v in numbers.start.items()},
        "loss": {
            "kind": scored.kind,
            "part": scored.part,
            "weight": [list(r) for r in scored.weight],
            "bias": list(scored.bias),
            "targets": {
                str(t): y if isinstance(y, int) else list(y) for t, y in scored.targets.items()
            },
        },
        "bounds": [{p: list(pair) for p, pair in row.items()} for row in found.states],
        "arrays": {n: list(pair) for n, pair in found.parameters.items()} if arrays else {},
        "kinks": found.kinks,
    }


def fault(given: Mapping[str, Any]) -> str:
    """Return what is wrong with such data, ``""`` if the bounds hold.

    Raises ``KeyError``, ``TypeError`` or ``ValueError`` for other data.
    """
    steps, p, m = int(given["steps"]), int(given["p"]), int(given["m"])
    if not (0 < steps <= _MOST_STEPS and p <= _MOST_BITS):
        return f"{steps} steps of {p} bits; at most {_MOST_STEPS} and {_MOST_BITS}"
    line, numbers, scored = read(given)
    arrays = given["arrays"]
    scale = Scale(p, numbers.q, m)
    found = adjoints(line, numbers, scale, steps, scored, parameters=bool(arrays))
    if given["kinks"] != found.kinks:
        return "other steps are at a kink"
    if len(given["bounds"]) != steps + 1:
        return "the bounds are not those of every step"
    for k, (row, own) in enumerate(zip(given["bounds"], found.states, strict=True)):
        if set(row) != set(own):
            return f"the bounds after {k} steps are of other parts"
        for part, (low, high) in row.items():
            if not (0 <= low <= own[part][0] and own[part][1] <= high):
                return f"the gradient by {part or 'the state'} after {k} steps is not in its bounds"
    for name, (low, high) in arrays.items():
        if not (0 <= low <= found.parameters[name][0] and found.parameters[name][1] <= high):
            return f"the gradient by {name} is not in its bounds"
    return ""


def read(given: Mapping[str, Any]) -> tuple[Straight, Numbers, Scored]:
    """Return what data say. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for other data."""
    line = Straight(
        lines=tuple(map(_line_from, given["lines"])),
        before=dict(sorted(((k, int(v)) for k, v in given["before"].items()), key=_second)),
        after={k: int(v) for k, v in given["after"].items()},
        sizes=tuple(map(int, given["sizes"])),
    )
    numbers = Numbers(
        q=int(given["q"]),
        matrices={k: _rows(v) for k, v in given["matrices"].items()},
        vectors={k: _row(v) for k, v in given["vectors"].items()},
        inputs={k: _rows(v) for k, v in given["inputs"].items()},
        start={k: _row(v) for k, v in given["start"].items()},
    )
    loss = given["loss"]
    targets = {int(t): y if isinstance(y, int) else _row(y) for t, y in loss["targets"].items()}
    scored = Scored(
        kind=loss["kind"],
        part=loss["part"],
        weight=_rows(loss["weight"]),
        bias=_row(loss["bias"]),
        targets=targets,
    )
    return line, numbers, scored


def _second(pair: tuple[str, int]) -> int:
    """Return the number of a value, by which the parts of a state are in order."""
    return pair[1]


def _line(line: Line) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "operands": list(line.operands),
        "matrix": line.matrix,
        "pieces": [[p.matrix, p.vector] for p in line.pieces],
        "shift": str(line.shift),
        "numbers": list(map(str, line.numbers)),
        "size": line.size,
    }


def _line_from(given: Mapping[str, Any]) -> Line:
    return Line(
        kind=given["kind"],
        operands=tuple(map(int, given["operands"])),
        matrix=given["matrix"],
        pieces=tuple(Piece(*pair) for pair in given["pieces"]),
        shift=Fraction(given["shift"]),
        numbers=tuple(map(Fraction, given["numbers"])),
        size=int(given["size"]),
    )


def _row(given: Any) -> tuple[int, ...]:
    if not all(isinstance(z, int) and not isinstance(z, bool) for z in given):
        raise TypeError("a vector holds something else than whole numbers")
    return tuple(given)


def _rows(given: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(map(_row, given))
