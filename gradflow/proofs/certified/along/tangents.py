"""Step Jacobians with certified errors: derivatives pushed through a program, many steps at once.

A coefficient is the value of a slot by which a derivative is multiplied: the other factor of a
product, the slope of a function, the branch that is taken. Their enclosures come from balls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gradflow.proofs.certified.along.blocks import Block, identity
from gradflow.proofs.certified.program.steps import Floats, Given, Program, moving


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Values (steps, entries) of slots: ``middle + low``, off by at most ``radius``.

    ``taken`` holds choices as 0 or 1.
    """

    middle: Mapping[int, Floats]
    low: Mapping[int, Floats]
    radius: Mapping[int, Floats]
    taken: Mapping[int, Floats]

    def part(self, first: int, stop: int) -> Coefficients:
        """Return those of some steps, counted from 0."""
        cut = slice(first, stop)
        kinds = (self.middle, self.low, self.radius, self.taken)
        middle, low, radius, taken = ({k: a[cut] for k, a in kind.items()} for kind in kinds)
        return Coefficients(middle, low, radius, taken)


def wanted(program: Program, by: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the slots of coefficients, and those of choices, for derivatives by some leaves."""
    moved, first = program.dependent(by), len(program.leaves)
    values: set[int] = set()
    choices = []
    for k in program.forward:
        o = program.operations[k - first]
        if k not in moved:
            continue
        if o.kind == "mul":
            a, b = o.operands
            values |= {y for x, y in ((a, b), (b, a)) if x in moved}
        elif o.kind == "function":
            values |= {s for x, s in zip(o.operands, program.slopes[k], strict=True) if x in moved}
        elif o.kind == "choose":
            choices.append(k)
    return tuple(sorted(values)), tuple(choices)


def jacobians(
    given: Given,
    found: Coefficients,
    by: Mapping[str, int],
    steps: int,
    *,
    apart: float = 0.0,
    pairs: bool = False,
) -> Block:
    """Return the Jacobians (steps, d, width) of the new state by some slots, and their errors.

    By what is added to the value of a slot. Matrices may be off by a share ``apart`` of each entry;
    ``pairs`` keeps about 100 bits in place of 53.
    """
    program = given.program
    moved, first = program.dependent(tuple(by.values())), len(program.leaves)
    tangents: dict[int, dict[str, Block]] = {
        slot: {name: identity(program.sizes[slot], pairs)} for name, slot in by.items()
    }
    for k in program.forward:
        if k in moved:
            operation = program.operations[k - first]
            own = tangents.get(k, {})
            tangents[k] = own | _tangent(given, k, operation.kind, tangents, found, apart)
    widths = [program.sizes[slot] for slot in by.values()]
    stops = np.cumsum([0, *widths])
    middle = np.zeros((steps, program.width, int(stops[-1])))
    radius, low = np.zeros_like(middle), np.zeros_like(middle) if pairs else None
    for part, (_, after) in program.states.items():
        rows = program.slices[part]
        for j, name in enumerate(by):
            if name in tangents.get(after, {}):
                block = tangents[after][name].full()
                where = np.s_[:, rows, stops[j] : stops[j + 1]]
                middle[where], radius[where] = block.middle, block.radius
                if low is not None:
                    low[where] = block.low
    return Block(middle, radius, low=low)


def _tangent(
    given: Given,
    k: int,
    kind: str,
    tangents: Mapping[int, Mapping[str, Block]],
    found: Coefficients,
    apart: float,
) -> dict[str, Block]:
    program = given.program
    o = program.operations[k - len(program.leaves)]
    inner = [tangents.get(i, {}) for i in moving(o)]
    match kind:
        case "map":
            matrix = given.matrices[o.name]
            own = 0.0 if o.name in given.constants else apart
            return {n: b.mapped(matrix, own) for n, b in inner[0].items()}
        case "sum":
            row = np.ones((1, program.sizes[o.operands[0]]))
            return {n: b.mapped(row) for n, b in inner[0].items()}
        case "spread":
            column = np.ones((program.sizes[k], 1))
            return {n: b.mapped(column) for n, b in inner[0].items()}
        case "add":
            return _summed(inner)
        case "scale":
            number = o.numbers[0]
            factor = float(number)
            rest = float(number - Fraction(factor))
            shape = (1, program.sizes[k])
            # the rest itself is rounded, by up to 2^-1075 where it is below 2^-1022
            error = np.full(shape, abs(rest) * 2.0**-52 + 2.0**-1074 * (number != factor))
            return _scaled(inner[0], np.full(shape, factor), error, np.full(shape, rest))
        case "choose":
            taken = found.taken[k]
            none = np.zeros_like(taken)
            pair = (taken, 1.0 - taken)
            return _summed([_scaled(t, d, none, none) for t, d in zip(inner, pair, strict=True)])
    by = o.operands[::-1] if kind == "mul" else program.slopes[k]
    return _summed(
        [
            _scaled(t, found.middle[slot], found.radius[slot], found.low[slot]) if t else {}
            for t, slot in zip(inner, by, strict=True)
        ]
    )


def _scaled(blocks: Mapping[str, Block], d: Floats, e: Floats, low: Floats) -> dict[str, Block]:
    """Return ``diag(d + low)`` times blocks, off by ``e``; of floats, ``low`` is an error too."""
    return {
        n: b.rows_by(d, e + np.abs(low)) if b.low is None else b.rows_by(d, e, low)
        for n, b in blocks.items()
    }


def _summed(several: Iterable[Mapping[str, Block]]) -> dict[str, Block]:
    total: dict[str, Block] = {}
    for blocks in several:
        for name, block in blocks.items():
            total[name] = total[name] + block if name in total else block
    return total
