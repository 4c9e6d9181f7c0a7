r"""A program as the straight line that the checker of gradients runs, in Python and in Coq.

Sums are gathered: ``W v + (what the input and the parameters add)`` is one operation, whose
constant part is a whole number of scale ``2q``, worked out exactly. What does not depend on the
state otherwise becomes a constant vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradflow.errors import UsageError
from gradflow.proofs.certified.program.steps import Floats, Given, Program

_LEAST = 8
"""Bits after the point that fractions in equations may have at least twice, ``1/8`` among them."""
KNOWN = ("sigmoid", "tanh", "relu", "exp", "log", "sqrt", "inverse")
"""Elementwise functions that the whole-number arithmetic has rules for."""
_WORDS = {"floor": "floor (and %)", "E": "exp(1)"}
"""What is made of several things a cell can say, or has another name there."""


@dataclass(frozen=True)
class Piece:
    """Something the input and the parameters add: ``matrix @ vector`` or a vector itself.

    ``vector`` is the name of an input or of an array of parameters.
    """

    matrix: str
    vector: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One operation on values, which are numbered, the state parts first.

    ``kind`` is ``affine`` (``matrix`` times the operand, plus the pieces and the shift),
    ``constant`` (these alone), ``add``, ``mul``, ``scale``, ``sum``, ``spread`` or a function.
    """

    kind: str
    operands: tuple[int, ...] = ()
    matrix: str = ""
    pieces: tuple[Piece, ...] = ()
    shift: Fraction = Fraction(0)
    numbers: tuple[Fraction, ...] = ()
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Straight:
    """The lines of one step, and which value is which state part before and after it.

    ``names`` holds the values that are what an equation defines.
    """

    lines: tuple[Line, ...]
    before: Mapping[str, int]
    after: Mapping[str, int]
    sizes: tuple[int, ...]
    names: Mapping[str, int] = field(default_factory=dict, compare=False)


def straight(program: Program) -> Straight:
    """Return the straight line of a program. Raises ``UsageError`` for what has no rule."""
    return _Gathering(program).done()


@dataclass(frozen=True)
class _Sum:
    """``sum of matrix @ value + sum of values + pieces + shift``."""

    maps: tuple[tuple[str, int], ...] = ()
    values: tuple[int, ...] = ()
    pieces: tuple[Piece, ...] = ()
    shift: Fraction = Fraction(0)


class _Gathering:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines: list[Line] = []
        self.sizes: list[int] = []
        self.ready: dict[tuple[_Sum, int], int] = {}
        self.sums: dict[int, _Sum] = {}
        self.before = {}
        for part, (slot, _) in program.states.items():
            self.before[part] = len(self.sizes)
            self.sums[slot] = _Sum(values=(len(self.sizes),))
            self.sizes.append(program.sizes[slot])
        for name, slot in (*program.inputs.items(), *program.arrays.items()):
            self.sums[slot] = _Sum(pieces=(Piece("", name),))

    def done(self) -> Straight:
        program, first = self.program, len(self.program.leaves)
        if program.clock >= 0:
            raise _refused("a step that depends on t")
        for k in program.forward:
            self.sums[k] = self._sum(k, program.operations[k - first])
        after = {p: self.value(slot) for p, (_, slot) in program.states.items()}
        return Straight(
            lines=tuple(self.lines),
            before=self.before,
            after=after,
            sizes=tuple(self.sizes),
            names=self.named(),
        )

    def named(self) -> dict[str, int]:
        """Return the values that are names, each once."""
        found: dict[int, str] = {}
        for name, slot in self.program.names.items():
            total = self.sums.get(slot)
            if total is not None:
                value = self.ready.get((total, self.program.sizes[slot]))
                if value is None and total == _Sum(values=total.values[:1]) and total.values:
                    value = total.values[0]
                if value is not None and value >= len(self.before):
                    found.setdefault(value, name)
        return {name: value for value, name in found.items()}

    def value(self, slot: int) -> int:
        """Return the number of the value that a slot is, made by lines if need be."""
        return self.plain(self.sums[slot], self.program.sizes[slot])

    def plain(self, total: _Sum, size: int) -> int:
        if not (total.maps or total.pieces or total.shift) and len(total.values) == 1:
            return total.values[0]
        if (total, size) in self.ready:
            return self.ready[total, size]
        if not _whole(total.shift):
            inner = self.plain(replace(total, shift=Fraction(0)), size)
            numbers = (Fraction(1), total.shift)
            self.ready[total, size] = self.line(
                Line(kind="scale", operands=(inner,), numbers=numbers, size=size)
            )
            return self.ready[total, size]
        maps, values = list(total.maps), list(total.values)
        if maps:
            matrix, operand = maps.pop(0)
            made = self.line(
                Line(
                    kind="affine",
                    operands=(operand,),
                    matrix=matrix,
                    pieces=total.pieces,
                    shift=total.shift,
                    size=size,
                )
            )
        elif total.pieces or total.shift or not values:
            made = self.line(
                Line(kind="constant", pieces=total.pieces, shift=total.shift, size=size)
            )
        else:
            made = values.pop(0)
        for matrix, operand in maps:
            other = self.line(Line(kind="affine", operands=(operand,), matrix=matrix, size=size))
            made = self.line(Line(kind="add", operands=(made, other), size=size))
        for operand in values:
            made = self.line(Line(kind="add", operands=(made, operand), size=size))
        self.ready[total, size] = made
        return made

    def still(self, slot: int) -> bool:
        """Whether a slot is a sum of single numbers, which is the same in every entry."""
        total = self.sums[slot]
        plain = all(not p.matrix for p in total.pieces)
        return plain and not total.maps and not total.values and self.program.sizes[slot] == 1

    def line(self, line: Line) -> int:
        self.lines.append(line)
        self.sizes.append(line.size)
        return len(self.sizes) - 1

    def made(self, line: Line) -> _Sum:
        return _Sum(values=(self.line(line),))

    def _sum(self, k: int, o: Any) -> _Sum:
        size = self.program.sizes[k]
        match o.kind:
            case "map":
                inner = self.sums[o.operands[0]]
                plain = [p for p in inner.pieces if not p.matrix]
                if not inner.maps and not inner.values and len(plain) == 1 and not inner.shift:
                    return _Sum(pieces=(Piece(o.name, plain[0].vector),))
                return _Sum(maps=((o.name, self.value(o.operands[0])),))
            case "add":
                a, b = (self.sums[i] for i in o.operands)
                return _Sum(
                    a.maps + b.maps, a.values + b.values, a.pieces + b.pieces, a.shift + b.shift
                )
            case "constant" if o.numbers:
                return _Sum(shift=o.numbers[0])
            case "spread" if self.still(o.operands[0]):
                return self.sums[o.operands[0]]
            case "mul" | "sum" | "spread":
                values = tuple(self.value(i) for i in o.operands)
                return self.made(Line(kind=o.kind, operands=values, size=size))
            case "scale":
                a, b = o.numbers
                if a == 1:
                    inner = self.sums[o.operands[0]]
                    return _Sum(inner.maps, inner.values, inner.pieces, inner.shift + b)
                value = self.value(o.operands[0])
                return self.made(
                    Line(kind="scale", operands=(value,), numbers=o.numbers, size=size)
                )
            case "function" if o.name in KNOWN:
                value = self.value(o.operands[0])
                return self.made(Line(kind=o.name, operands=(value,), size=size))
        raise _refused(_WORDS.get(o.name, o.name) or o.kind)


def _whole(number: Fraction) -> bool:
    """Whether a number is a whole multiple of 2^-2q for the least q."""
    return ((1 << (2 * _LEAST)) * number).denominator == 1


def _refused(what: str) -> UsageError:
    return UsageError(
        f"certify: {what} has no rule in whole numbers, which know sums, products, quotients, "
        "linear maps, sigmoid, tanh, relu, exp, log, sqrt and what is written in these, as Abs, "
        "Max, Min, sign, step, branches on the state, sinh, cosh, asinh and softplus are; certify "
        "the products of this run instead."
    )


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The arrays of a network as whole numbers, multiples of ``2^-q``."""

    q: int
    matrices: Mapping[str, tuple[tuple[int, ...], ...]]
    vectors: Mapping[str, tuple[int, ...]]
    inputs: Mapping[str, tuple[tuple[int, ...], ...]]
    start: Mapping[str, tuple[int, ...]]


def numbers(given: Given, *more: Floats) -> Numbers:
    """Return the exact numbers of a network; ``more`` arrays only share the least ``q``."""
    arrays = (*given.matrices.values(), *given.arrays.values(), *given.inputs.values())
    q = max((bits(a) for a in (*arrays, *given.start.values(), *more)), default=0)
    q = max(q, _LEAST)
    return Numbers(
        q=q,
        matrices={n: rows_of(a, q) for n, a in given.matrices.items()},
        vectors={n: row_of(a, q) for n, a in given.arrays.items()},
        inputs={n: rows_of(a, q) for n, a in given.inputs.items()},
        start={n: row_of(a, q) for n, a in given.start.items()},
    )


def bits(array: Floats) -> int:
    """Return the least q for which every entry is a multiple of 2^-q."""
    return max(
        (float(v).as_integer_ratio()[1].bit_length() - 1 for v in np.ravel(array)), default=0
    )


def row_of(array: Floats, q: int) -> tuple[int, ...]:
    """Return a vector as whole numbers of scale q."""
    found = []
    for v in np.ravel(array):
        a, b = float(v).as_integer_ratio()
        found.append(a << (q - (b.bit_length() - 1)))
    return tuple(found)


def rows_of(array: Floats, q: int) -> tuple[tuple[int, ...], ...]:
    """Return a matrix as whole numbers of scale q."""
    return tuple(row_of(row, q) for row in array)


def constants(line: Line, found: Numbers, t: int) -> tuple[int, ...]:
    """Return the constant part of a line at step ``t``, counted from 0, of scale 2q, exactly."""
    q = found.q
    scaled = line.shift * (1 << (2 * q))
    if scaled.denominator != 1:
        raise _refused(f"the number {line.shift}, no multiple of 2^-{2 * q},")
    total = [int(scaled)] * line.size
    for piece in line.pieces:
        own = found.vectors.get(piece.vector)
        vector: Sequence[int] = own if own is not None else found.inputs[piece.vector][t]
        if piece.matrix:
            for i, row in enumerate(found.matrices[piece.matrix]):
                total[i] += sum(w * v for w, v in zip(row, vector, strict=True) if v)
        else:
            total = [a + (v << q) for a, v in zip(total, _spread(vector, line.size), strict=True)]
    return tuple(total)


def _spread(vector: Sequence[int], size: int) -> Sequence[int]:
    return vector if len(vector) == size else list(vector) * size
