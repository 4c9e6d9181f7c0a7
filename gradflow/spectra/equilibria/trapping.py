r"""A box of states that a step maps into itself, found by the ranges of the cell's own equations.

If ``F`` maps a box into itself, the signs of ``det(I - J)`` over its fixed points there sum to 1
(Lefschetz and Hopf; A. Granas & J. Dugundji, Fixed Point Theory, 2003, section 12).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
from scipy.special import expit

from gradflow.cells.language.functions import record_of
from gradflow.cells.language.program import Map, Product
from gradflow.codegen.bound import Bound
from gradflow.spectra.numerics.graded import EPS
from gradflow.spectra.numerics.logdomain import Floats

# Lower and upper ends, entry by entry.
Range = tuple[Floats, Floats]

# A box that is too small in some unit is doubled there so often.
_DOUBLINGS = 60
# A polynomial in more values than these is bounded term by term.
_MOST_VALUES = 8
_COMPUTED: dict[str, Callable[[Floats], Floats]] = {
    "sigmoid": expit,
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0.0),
}
_WORDS = {
    "any": (-np.inf, np.inf),
    "unit": (0.0, 1.0),
    "symmetric": (-1.0, 1.0),
    "positive": (0.0, np.inf),
    "binary": (0.0, 1.0),
}


def trapping_box(bound: Bound, inputs: Mapping[str, Floats] | None) -> Floats | None:
    r"""Return ``R`` (d,) such that ``|s| <= R`` gives ``|F(s)| <= R``; None where none is shown.

    A value is bounded through tanh, sigmoid and relu by its arguments, through other functions by
    their range, and an equation in which every value has power 1 at most (a gate's
    ``z h + (1 - z) g``) at the corners of the values' ranges. Holds at every step number, so for
    every period. Ends are rounded outwards wherever an operation rounds.
    """
    sizes = bound.part_sizes()
    height = {part: np.ones(n) for part, n in sizes.items()}
    for _ in range(_DOUBLINGS):
        try:
            with np.errstate(all="ignore"):
                after = _ranges(bound, inputs or {}, height)
        except KeyError:  # a map whose entries are not at hand
            return None
        ends = {p: np.maximum(-after[p][0], after[p][1]) for p in sizes}
        over = {p: ~(ends[p] <= height[p]) for p in sizes}
        if not any(o.any() for o in over.values()):
            return np.concatenate(list(height.values()))
        if not all(np.isfinite(e).all() for e in ends.values()):
            return None
        height = {p: np.where(over[p], 2 * height[p], height[p]) for p in sizes}
    return None


def _ranges(
    bound: Bound, inputs: Mapping[str, Floats], height: Mapping[str, Floats]
) -> dict[str, Range]:
    """The range of the new state by part."""
    known: dict[str, Range] = {n: (v, v) for n, v in bound.params.items()}
    known |= {n: (x, x) for n, x in inputs.items()}
    known |= {p: (-r, r) for p, r in height.items()}
    for statement in bound.cell.program:
        name = statement.target.name
        if isinstance(statement, Product):
            given = known[statement.operand.name]
            known[name] = _mapped(bound, statement.linear_map, given)
        else:
            low, high = _range(statement.expression, known)
            units = bound.sizes.get(bound.cell.spaces[name], 1)
            known[name] = (np.broadcast_to(low, units), np.broadcast_to(high, units))
    return {p: known[f"{p}_next"] for p in height}


def _mapped(bound: Bound, linear: Map, given: Range) -> Range:
    low, high = given
    if linear.kind == "spread":
        return given
    if not linear.linear:
        return low.max(keepdims=True), high.max(keepdims=True)
    if not linear.stored:
        share = 1 / len(low) if linear.kind == "mean" else 1.0
        slack = 2 * len(low) * EPS * np.maximum(np.abs(low), np.abs(high)).sum(keepdims=True)
        return (
            share * (low.sum(keepdims=True) - slack),
            share * (high.sum(keepdims=True) + slack),
        )
    matrix = bound.params[linear.name]
    up, down = np.maximum(matrix, 0), np.minimum(matrix, 0)
    # The rounding of a sum, unless it has one term and that is a copy.
    copies = (np.count_nonzero(matrix, axis=-1) <= 1) & np.isin(matrix, (-1, 0, 1)).all(axis=-1)
    terms = _dot(np.abs(matrix), np.maximum(np.abs(low), np.abs(high)))
    slack = np.where(copies, 0.0, matrix.shape[-1] * EPS * terms)
    return (
        _dot(up, low) + _dot(down, high) - slack,
        _dot(up, high) + _dot(down, low) + slack,
    )


def _dot(matrix: Floats, vector: Floats) -> Floats:
    """Products without 0 times infinity, which is 0 here."""
    return np.asarray(np.where(matrix == 0, 0.0, matrix * vector).sum(axis=-1))


def _range(expression: Any, known: Mapping[str, Range]) -> Range:
    """The range of an expression whose symbols have ranges; the whole line where it has none."""
    values: dict[Any, int] = {}
    _count_powers(expression, values, 1)
    ranges = {value: _range_of_value(value, known) for value in values}
    wide = [v for v, (low, high) in ranges.items() if not np.array_equal(low, high)]
    if max(values.values(), default=0) > 1 or len(wide) > _MOST_VALUES:
        return _by_terms(expression, ranges)
    corners = []
    for ends in product((0, 1), repeat=len(wide)):
        corner = {v: r[0] for v, r in ranges.items()}
        corner |= {v: ranges[v][end] for v, end in zip(wide, ends, strict=True)}
        corners.append(_by_terms(expression, {v: (a, a) for v, a in corner.items()}))
    low = np.minimum.reduce([c[0] for c in corners])
    high = np.maximum.reduce([c[1] for c in corners])
    unknown = np.isnan(low) | np.isnan(high)
    return np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)


def _count_powers(e: Any, values: dict[Any, int], power: int) -> None:
    """The largest power of each value, a symbol or a call, in a polynomial; a bound of it."""
    if e.is_number:
        return
    if e.is_Add:
        for term in e.args:
            _count_powers(term, values, power)
    elif e.is_Mul:
        inner: dict[Any, int] = {}
        for factor in e.args:
            own: dict[Any, int] = {}
            _count_powers(factor, own, power)
            inner = {v: inner.get(v, 0) + own.get(v, 0) for v in {**inner, **own}}
        values.update({v: max(n, values.get(v, 0)) for v, n in inner.items()})
    elif e.is_Pow and e.exp.is_Integer and e.exp > 0:
        _count_powers(e.base, values, power * int(e.exp))
    else:
        values[e] = max(values.get(e, 0), power)


def _range_of_value(e: Any, known: Mapping[str, Range]) -> Range:
    line = (np.array(-np.inf), np.array(np.inf))
    if e.is_Symbol:
        return known.get(e.name, line)  # the step number has no range
    record = record_of(e)
    if record is None:
        hull = [_range(a, known) for a in e.args[1:]] if type(e).__name__ == "choose" else []
        if not hull:
            return line
        return np.minimum(hull[0][0], hull[1][0]), np.maximum(hull[0][1], hull[1][1])
    least, most = _WORDS[record.range]
    if record.name in _COMPUTED:
        low, high = map(_COMPUTED[record.name], _range(e.args[0], known))
        if record.name == "relu":
            return low, high
        return np.maximum(_down(low), least), np.minimum(_up(high), most)
    return np.array(least), np.array(most)


def _by_terms(e: Any, ranges: Mapping[Any, Range]) -> Range:
    """Interval arithmetic on a polynomial in values of known range."""
    if e in ranges:
        return ranges[e]
    if e.is_number:
        number = np.array(float(e))
        return number, number
    if e.is_Pow:
        low, high = base = _by_terms(e.base, ranges)
        found = base
        for _ in range(int(e.exp) - 1):
            found = _times(found, base)
        least = np.where((low < 0) & (high > 0) & (int(e.exp) % 2 == 0), 0.0, found[0])
        return least, found[1]
    parts = [_by_terms(a, ranges) for a in e.args]
    found = parts[0]
    for low, high in parts[1:]:
        found = _plus(found, (low, high)) if e.is_Add else _times(found, (low, high))
    return found


def _plus(one: Range, other: Range) -> Range:
    sums = [a + b for a, b in zip(one, other, strict=True)]
    exact = []
    for a, b, total in zip(one, other, sums, strict=True):
        back = total - a
        exact.append(((a - (total - back)) + (b - back)) == 0)
    low = np.where(exact[0], sums[0], _down(sums[0]))
    return low, np.where(exact[1], sums[1], _up(sums[1]))


def _times(one: Range, other: Range) -> Range:
    pairs = [(a, b) for a in one for b in other]
    exact = [np.isin(a, (-1, 0, 1)) | np.isin(b, (-1, 0, 1)) for a, b in pairs]
    ends = [a * b for a, b in pairs]
    low = [np.where(sure, end, _down(end)) for sure, end in zip(exact, ends, strict=True)]
    high = [np.where(sure, end, _up(end)) for sure, end in zip(exact, ends, strict=True)]
    return np.minimum.reduce(low), np.maximum.reduce(high)


def _down(values: Floats) -> Floats:
    # Two units: library functions miss by up to one.
    return np.nextafter(np.nextafter(values, -np.inf), -np.inf)


def _up(values: Floats) -> Floats:
    return np.nextafter(np.nextafter(values, np.inf), np.inf)
