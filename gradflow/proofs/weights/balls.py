"""Ball arithmetic: a cell evaluated with every rounding error enclosed (Arb, from python-flint).

The arrays given are taken as exact; what comes out are intervals that contain the true values. A
value may be a wide ball, so the same evaluation serves boxes of states and inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any

import flint
import sympy as sp

from gradflow.cells.language.elementwise import ElementwiseFunction
from gradflow.cells.language.functions import record_of
from gradflow.cells.language.nodes import choose
from gradflow.cells.language.program import Elementwise, Map, Slope
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import TIME
from gradflow.errors import UsageError
from gradflow.jacobians.slopes import slopes_of
from gradflow.jacobians.terms import Term
from gradflow.proofs.weights.values import map_array
from gradflow.registry import located
from gradflow.spectra import Trajectory

Ball = Any
Vector = list[Any]


class UndecidedError(Exception):
    """A comparison that the balls do not settle: more precision, or a narrower box, may."""


def at_precision(bits: int) -> Any:
    """Return a context in which balls have ``bits`` bits."""
    return flint.ctx.workprec(bits)


def hull(low: Ball, high: Ball) -> Ball:
    """Return the smallest ball that contains two balls."""
    return low.union(high)


def ball(value: float, radius: Ball = 0) -> Ball:
    """Return ``[value - radius, value + radius]``, the value exact."""
    exact = flint.arb(float(value))
    return exact if not radius else hull(exact - radius, exact + radius)


def ball_matrix(rows: int, columns: int, entries: Vector) -> Any:
    """Return a matrix of balls, row by row; zeros where ``entries`` is empty."""
    if not entries:
        return flint.arb_mat(rows, columns)
    return flint.arb_mat(rows, columns, entries)


def upper(value: Ball) -> Fraction:
    """Return the upper end of a ball, exactly."""
    return _exact(value.upper())


def lower(value: Ball) -> Fraction:
    """Return the lower end of a ball, exactly."""
    return _exact(value.lower())


def _exact(value: Ball) -> Fraction:
    if not value.is_finite():
        raise UndecidedError("a ball that is not finite")
    mantissa, exponent = value.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def magnitude(value: Ball) -> Ball:
    """Return an exact ball that is at least ``|x|`` for every x of a ball."""
    return abs(value).upper()


class BallCell:
    """The program and the Jacobian terms of a run's cell, evaluated over balls."""

    def __init__(self, run: Trajectory) -> None:
        """Take the arrays of a run as exact. Raises ``UsageError`` where they change by step."""
        run.require_constant("a certificate")
        self.run, self.cell = run, run.cell
        self.sizes = {**run.bound.sizes, ONE: 1}
        given = (*self.cell.parameters, *self.cell.constant_names)
        self.given = {
            n: [ball(x) for x in run.params[n].ravel()]
            for n in given
            if n not in self.cell.linear_maps
        }
        self.matrices: dict[str, Any] = {}
        for m in self.cell.linear_maps.values():
            shape = self.sizes[m.out], self.sizes[m.into]
            if m.summands:  # of exact arrays: a sum in floats would be rounded
                self.matrices[m.name] = self._sum(m, shape)
            else:
                self.matrices[m.name] = _matrix(map_array(self.cell, m, run.params, shape))

    def _sum(self, linear_map: Map, shape: tuple[int, int]) -> Any:
        whole = flint.arb_mat(*shape)
        for part in linear_map.summands:
            matrix = self.matrices[part.linear_map.name]
            factor = flint.arb(flint.fmpq(int(part.factor.p), int(part.factor.q)))
            whole += (matrix.transpose() if part.transposed else matrix) * factor
        return whole

    def values(
        self, state: Mapping[str, Vector], x: Mapping[str, Vector], t: int
    ) -> dict[str, Vector]:
        """Return every named value of one step, units by name."""
        found = {**self.given, **state, **x}
        beside = slopes_of(self.cell)
        spaces = {**self.cell.spaces, **beside.spaces}
        for statement in (*self.cell.program, *beside.statements):
            target = statement.target.name
            if isinstance(statement, Elementwise):
                found[target] = self.entries(statement.expression, found, spaces[target], t)
            else:
                operand = found[statement.operand.name]
                if not statement.linear_map.linear:
                    found[target] = [reduce(lambda a, b: a.max(b), operand)]
                    continue
                matrix = self.map(statement.linear_map, len(operand))
                product = matrix * flint.arb_mat(len(operand), 1, operand)
                found[target] = [product[i, 0] for i in range(product.nrows())]
        return found

    def map(self, linear_map: Any, into: int) -> Any:
        """Return the matrix of a linear map."""
        if linear_map.name in self.matrices:
            return self.matrices[linear_map.name]
        out = self.sizes[linear_map.out]
        entry = flint.arb(1) / into if linear_map.kind == "mean" else flint.arb(1)
        return flint.arb_mat(out, into, [entry] * (out * into))

    def entries(
        self, expression: sp.Basic, values: Mapping[str, Vector], space: str, t: int
    ) -> Vector:
        """Return a scalar expression for every unit of a space."""
        return [self._scalar(expression, values, i, t) for i in range(self.sizes[space])]

    def jacobian_term(self, term: Term, values: Mapping[str, Vector], space: str, t: int) -> Any:
        """Return the matrix of one term of a block."""
        spaces = [space, *(m.into for m in term.maps)]
        whole = _diagonal(self.entries(term.diagonals[0], values, space, t))
        for level, linear_map in enumerate(term.maps, 1):
            diagonal = self.entries(term.diagonals[level], values, spaces[level], t)
            if linear_map.slope is not None:
                matrix = self._slope(linear_map.slope, values, spaces[level], t)
            else:
                matrix = self.map(linear_map, len(diagonal))
            whole = whole * matrix * _diagonal(diagonal)
        return whole

    def _slope(self, slope: Slope, values: Mapping[str, Vector], space: str, t: int) -> Any:
        """Return the derivative of a call as a matrix."""
        size = self.sizes[space]
        whole = _diagonal(self.entries(slope.diagonal, values, space, t))
        for u, (e, reduction) in zip(slope.columns, slope.rows, strict=True):
            column = flint.arb_mat(size, 1, self.entries(u, values, space, t))
            row = self.map(reduction, size) * _diagonal(self.entries(e, values, space, t))
            whole += column * row
        return whole

    def _scalar(self, e: sp.Basic, values: Mapping[str, Vector], i: int, t: int) -> Ball:
        def named(name: sp.Symbol) -> Ball:
            if name == TIME:
                return flint.arb(t)
            units = values[name.name]
            return units[i if len(units) > 1 else 0]

        try:
            return enclosed(e, named)
        except NotImplementedError as error:
            raise UsageError(
                f"cell {self.cell.name!r}: {error} cannot be enclosed; no certificate is given."
            ) from None


def enclosed(e: sp.Basic, named: Callable[[sp.Symbol], Ball]) -> Ball:
    """Return a scalar expression over balls; raises ``NotImplementedError`` with what it cannot."""

    def show(a: sp.Basic) -> Ball:
        return enclosed(a, named)

    if e.is_Rational:
        return flint.arb(int(e.p)) / int(e.q)
    if isinstance(e, sp.Symbol):
        return named(e)
    if isinstance(e, sp.Add):
        return sum((show(a) for a in e.args[1:]), show(e.args[0]))
    if isinstance(e, sp.Mul):
        total = show(e.args[0])
        for a in e.args[1:]:
            total = total * show(a)
        return total
    if isinstance(e, sp.Pow):
        return _power(show(e.base), e.exp, show)
    if isinstance(e, choose):
        condition, taken, other = e.args
        return show(taken) if _decide(condition, show) else show(other)
    if e in _CONSTANTS:
        return _CONSTANTS[e]()
    function = record_of(e)
    if function:
        return _function(function)(*(show(a) for a in e.args))
    raise NotImplementedError(str(e))


_CONSTANTS: dict[sp.Basic, Callable[[], Ball]] = {sp.pi: flint.arb.pi, sp.E: flint.arb.const_e}


def _matrix(array: Any) -> Any:
    rows, columns = array.shape
    return flint.arb_mat(rows, columns, [ball(x) for x in array.ravel()])


def _diagonal(entries: Vector) -> Any:
    size = len(entries)
    matrix = flint.arb_mat(size, size)
    for k, entry in enumerate(entries):
        matrix[k, k] = entry
    return matrix


def _decide(condition: sp.Basic, show: Callable[[sp.Basic], Ball]) -> bool:
    if isinstance(condition, sp.Not):
        return not _decide(condition.args[0], show)
    if isinstance(condition, (sp.And, sp.Or)):
        join = all if isinstance(condition, sp.And) else any
        return join([_decide(a, show) for a in condition.args])
    gap = show(condition.lhs) - show(condition.rhs)
    if gap.contains(0) and not gap.is_zero():
        raise UndecidedError(str(condition))
    sign = 0 if gap.is_zero() else 1 if gap > 0 else -1
    holds = {"==": sign == 0, "!=": sign != 0, "<": sign < 0, "<=": sign <= 0}
    return {**holds, ">": sign > 0, ">=": sign >= 0}[condition.rel_op]


def _power(base: Ball, exponent: sp.Expr, show: Callable[[sp.Basic], Ball]) -> Ball:
    if exponent.is_Integer:
        power = base ** abs(int(exponent))
    elif abs(exponent) == sp.S.Half:
        power = base.sqrt()
    else:
        return base ** show(exponent)
    return power if exponent > 0 else 1 / power


# python-flint's methods go by other names
_OWN: dict[str, Callable[..., Ball]] = {
    "absolute": abs,
    "maximum": lambda a, b: a.max(b),
    "minimum": lambda a, b: a.min(b),
    "sigmoid": lambda a: 1 / (1 + (-a).exp()),
}


@lru_cache(maxsize=64)
def _function(record: ElementwiseFunction) -> Callable[..., Ball]:
    """Return a function of balls; one that never falls goes through the ends of wide balls."""
    function = _computed(record)
    if not record.increasing:
        return function

    def through_ends(x: Ball) -> Ball:
        return function(x) if x.is_exact() else hull(function(x.lower()), function(x.upper()))

    return through_ends


def _computed(record: ElementwiseFunction) -> Callable[..., Ball]:
    word = record.balls
    if ":" in word:
        found: Callable[..., Ball] = located(word)
        return found
    if word in _OWN:
        return _OWN[word]
    if word:
        return lambda x: getattr(x, word)()
    assert record.definition is not None
    free = sp.symbols(f"a:{record.least}", real=True)
    definition = sp.sympify(record.definition(*free))
    return lambda *args: enclosed(definition, dict(zip(free, args, strict=True)).__getitem__)
