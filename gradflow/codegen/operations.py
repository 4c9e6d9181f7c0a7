"""An expression, operation by operation: what each of them is made of and what it gave.

The same expressions that targets print as source, evaluated in float64 with NumPy's functions, so
that the first operation to leave the numbers can be named. Nothing that is timed runs this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from gradflow.cells.language.functions import MODULO, record_of
from gradflow.cells.language.nodes import choose
from gradflow.codegen.targets.numpy.target import runtime

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Values = Mapping[str, Floats]

SYMBOL, NUMBER, CHOICE = "name", "number", "choice"
_COMPARED: dict[str, Callable[[Floats, Floats], Bools]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Operation:
    """One node of an expression over the units of a vector.

    Parameters
    ----------
    word
        ``+``, ``*``, ``/``, ``**``, ``%``, the name of a function, or ``SYMBOL``, ``NUMBER``,
        ``CHOICE``.
    expression
        The node as a SymPy expression.
    value
        (units,), or (1,) for a value that all units share.
    operands
        What it is made of; of a choice its two branches.
    formula
        Makes a SymPy expression of symbols that stand for the operands.
    taken
        Of a choice: (units,) or (1,), whether the first branch is taken.
    """

    word: str
    expression: sp.Basic
    value: Floats
    operands: tuple[Operation, ...] = ()
    formula: Callable[..., sp.Expr] | None = None
    taken: Bools | None = None

    def branches(self, mask: Bools, untaken: bool = False) -> tuple[tuple[Operation, Bools], ...]:
        """Return each operand with the units of ``mask`` (units,) that use it.

        With ``untaken`` a branch is used by the units that do not take it, too.
        """
        if self.taken is None or untaken:
            return tuple((operand, mask) for operand in self.operands)
        first, other = self.operands
        return (first, mask & self.taken), (other, mask & ~self.taken)


def evaluated(expression: sp.Basic, values: Values) -> Operation:
    """Return an expression in names of ``values``, each (units,) or (1,), with all its nodes.

    A division is one operation and no power, as source has it; a function that only a definition
    computes is written out. Infinities and NaN come out as they do in the source, without warning.
    """
    with np.errstate(all="ignore"):
        return _node(expression, values)


def slope_of(node: Operation, place: int) -> Floats:
    """Return the derivative (units,) or (1,) of an operation by one operand, the others held."""
    assert node.formula is not None
    symbols = [sp.Symbol(f"a{k}", real=True) for k in range(len(node.operands))]
    pairs = list(zip(symbols, node.operands, strict=True))
    held = [o.expression if o.word == NUMBER else s for s, o in pairs]
    derivative = sp.diff(node.formula(*held), symbols[place])
    return evaluated(derivative, {s.name: o.value for s, o in pairs}).value


def _node(expression: sp.Basic, values: Values) -> Operation:
    if expression.is_Symbol:
        value = np.atleast_1d(np.asarray(values[expression.name], dtype=np.float64))
        return Operation(word=SYMBOL, expression=expression, value=value)
    if expression.is_number:
        return Operation(word=NUMBER, expression=expression, value=np.array([float(expression)]))
    if isinstance(expression, choose):
        condition, *both = expression.args
        first, other = (_node(branch, values) for branch in both)
        taken = np.atleast_1d(_holds(condition, values))
        return Operation(
            word=CHOICE,
            expression=expression,
            value=np.where(taken, first.value, other.value),
            operands=(first, other),
            taken=taken,
        )
    if isinstance(expression, sp.Add):
        return _made("+", expression, expression.args, values, sp.Add, _summed)
    if isinstance(expression, sp.Mul):
        return _product(expression, values)
    if isinstance(expression, sp.Pow):
        return _power(expression, values)
    record = record_of(expression)
    assert record is not None, f"no operation {type(expression).__name__}"
    if record.definition is not None and not record.numpy:
        return _node(record.definition(*expression.args), values)
    function = runtime()[record.code]
    word = "%" if record is MODULO else record.name
    return _made(word, expression, expression.args, values, record.sympy, function)


def _made(
    word: str,
    expression: sp.Basic,
    args: tuple[sp.Basic, ...],
    values: Values,
    formula: Callable[..., sp.Expr],
    function: Callable[..., Floats],
) -> Operation:
    operands = tuple(_node(a, values) for a in args)
    value = np.atleast_1d(np.asarray(function(*(o.value for o in operands)), dtype=np.float64))
    return Operation(
        word=word, expression=expression, value=value, operands=operands, formula=formula
    )


def _summed(*terms: Floats) -> Floats:
    return sum(terms[1:], start=terms[0])


def _multiplied(*factors: Floats) -> Floats:
    value = factors[0]
    for factor in factors[1:]:
        value = value * factor
    return value


def _product(expression: sp.Mul, values: Values) -> Operation:
    above: list[sp.Expr] = []
    below: list[sp.Expr] = []
    for factor in expression.args:
        base, exponent = factor.as_base_exp() if factor.is_Pow else (factor, sp.S.One)
        negative = exponent.is_number and exponent.is_negative
        (below if negative else above).append(base**-exponent if negative else factor)
    if not below:
        return _made("*", expression, expression.args, values, sp.Mul, _multiplied)
    sides = sp.Mul(*above), sp.Mul(*below)
    return _made("/", expression, sides, values, lambda a, b: a / b, np.divide)


def _power(expression: sp.Pow, values: Values) -> Operation:
    base, exponent = expression.args
    if exponent.is_number and exponent.is_negative:
        sides = sp.S.One, base**-exponent
        return _made("/", expression, sides, values, lambda a, b: a / b, np.divide)
    if exponent == sp.S.Half:
        return _made("sqrt", expression, (base,), values, sp.sqrt, np.sqrt)
    return _made("**", expression, (base, exponent), values, sp.Pow, np.power)


def _holds(condition: sp.Basic, values: Values) -> Bools:
    if condition in (sp.true, sp.false):
        return np.array([bool(condition)])
    if isinstance(condition, sp.core.relational.Relational):
        sides = (_node(side, values).value for side in (condition.lhs, condition.rhs))
        return np.asarray(_COMPARED[condition.rel_op](*sides))
    parts = [_holds(part, values) for part in condition.args]
    if isinstance(condition, sp.Not):
        return ~parts[0]
    joined = np.logical_and if isinstance(condition, sp.And) else np.logical_or
    whole = parts[0]
    for part in parts[1:]:
        whole = joined(whole, part)
    return whole
