"""The elementwise functions of the equation language, one record each.

A function acts on each unit alone. All that any part of gradflow knows of it is in its record
(:class:`~gradflow.cells.language.elementwise.ElementwiseFunction`).

SymPy's own ``Max``, ``Abs``, ``Heaviside`` and ``floor`` differentiate to Dirac deltas or to
``1/2`` at the kink, and ``1/(1 + exp(-a))`` has a derivative that overflows. The classes here carry
the derivatives a framework uses and stay whole:

* ``sigmoid' = sigmoid (1 - sigmoid)``, never expanded,
* ``relu' = step`` and ``step(0) = 0``: the derivative of ReLU at 0 is 0,
* piecewise constant functions (``step``, ``sign``, ``floor``) have derivative 0 everywhere.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import sympy as sp

from gradflow.cells.language.elementwise import (
    ElementwiseFunction,
    Formula,
    UnitFunction,
    checked,
    named,
    ours,
    unit_function,
)
from gradflow.cells.language.nodes import choose
from gradflow.registry import Registry

__all__ = ["FUNCTIONS", "MODULO", "define", "record_of", "records", "register"]


class _Extreme(UnitFunction):
    """A number is kept as the second argument, so ``Max(0, a)`` has the derivative of ``relu``."""

    @classmethod
    def eval(cls, *args: sp.Expr) -> sp.Expr | None:
        """Work out fractions and equals; move a number to the second place."""
        a, b = args
        if a == b:
            return a
        if a.is_number and not b.is_number:
            return cls(b, a)
        return super().eval(a, b)


def called(name: str, args: tuple[sp.Expr, ...]) -> sp.Expr:
    """Return a call of the function of that name."""
    return (_UNCALLED.get(name) or FUNCTIONS.get(name)).sympy(*args)


def _zero(a: sp.Expr) -> sp.Expr:
    return sp.S.Zero


sigmoid: Any = unit_function("sigmoid", lambda a: sigmoid(a) * (1 - sigmoid(a)))
sigmoid_rest: Any = unit_function("sigmoid_rest", lambda a: -sigmoid(a) * sigmoid_rest(a))
tanh_slope: Any = unit_function("tanh_slope", lambda a: -2 * sp.tanh(a) * tanh_slope(a))
erf_rest: Any = unit_function("erf_rest", lambda a: -2 * sp.exp(-(a**2)) / sp.sqrt(sp.pi))
step = unit_function("step", _zero, value=lambda a: int(bool(a > 0)))
relu = unit_function("relu", lambda a: step(a), value=lambda a: max(a, sp.S.Zero))
softplus = unit_function("softplus", lambda a: sigmoid(a))
sign = unit_function("sign", _zero, value=sp.sign)
Abs = unit_function("Abs", lambda a: sign(a), value=abs)
floor = unit_function("floor", _zero, value=sp.floor)
modulo = unit_function(
    "modulo",
    lambda a, b: sp.S.One,
    lambda a, b: -floor(a / b),
    value=lambda a, b: a - b * sp.floor(a / b),
)
# at a tie the derivative goes to the second
Max = unit_function(
    "Max", lambda a, b: step(a - b), lambda a, b: 1 - step(a - b), value=max, base=_Extreme
)
Min = unit_function(
    "Min", lambda a, b: step(b - a), lambda a, b: 1 - step(b - a), value=min, base=_Extreme
)


def define(
    name: str, definition: Formula, *, derivatives: tuple[Formula, ...] = (), **known: Any
) -> ElementwiseFunction:
    r"""Return the record of a new function of one unit's values.

    Parameters
    ----------
    name
        The word by which equations call it.
    definition
        Makes a SymPy expression of its arguments, in functions of the language and ``choose``.
    derivatives
        One an argument; those of the definition where none is given.
    known
        What else is known of it, by the fields of the record: LaTeX, range, faster code.

    Raises ``UsageError`` for a name that is no free word, or a definition that fails.

    Examples
    --------
    >>> import sympy
    >>> record = define("cube", lambda a: a**3, latex=r"\operatorname{cube}", increasing=True)
    >>> x = sympy.Symbol("x", real=True)
    >>> record.sympy(x).diff(x)
    3*x**2
    """
    made = unit_function(name, *derivatives, definition=definition)
    record = ElementwiseFunction(name=name, sympy=made, definition=definition, **known)
    return checked(record)


def _fold(binary: Formula) -> Formula:
    return lambda *args: reduce(binary, args)


def _extreme(name: str, binary: Any, latex: str, code: str) -> ElementwiseFunction:
    own = dict.fromkeys(("mpmath", "array_api", "balls"), code)
    known: dict[str, Any] = {**own, "numpy": f"numpy:{code}", "numba": f"numpy:{code}"}
    return ElementwiseFunction(
        name=name, sympy=_fold(binary), latex=latex, code=code, least=2, most=99, **known
    )


_BARS, _FEET = (r"\left| ", r" \right|"), (r"\left\lfloor ", r" \right\rfloor")
_TABLE = (
    ours(
        "sigmoid",
        sigmoid,
        r"\sigma",
        definition=lambda a: 1 / (1 + sp.exp(-a)),
        numpy="scipy.special:expit",
        range="unit",
        increasing=True,
        rest=((1, sigmoid_rest),),
        balls="sigmoid",
        log=lambda a: -softplus(-a),
        coq="sigmoid",
    ),
    named(
        "tanh",
        sp.tanh,
        r"\tanh",
        numba="tanh",
        range="symmetric",
        increasing=True,
        odd=True,
        rest=((1, lambda a: 2 * sigmoid_rest(2 * a)), (2, tanh_slope)),
        coq="tanh",
    ),
    ours(
        "relu",
        relu,
        r"\operatorname{ReLU}",
        definition=lambda a: Max(a, 0),
        array_api="",
        range="positive",
        increasing=True,
        coq="relu",
    ),
    ours(
        "softplus",
        softplus,
        definition=lambda a: sp.log(1 + sp.exp(a)),
        range="positive",
        increasing=True,
        coq="softplus",
    ),
    ours(
        "step",
        step,
        definition=lambda a: choose(a > 0, 1, 0),
        code="step_",
        array_api="",
        range="binary",
        increasing=True,
        coq="step",
    ),
    named("sign", sign, "", range="symmetric", increasing=True, balls="sgn"),
    named("exp", sp.exp, r"\exp", numba="exp", range="positive", increasing=True, coq="exp"),
    named("log", sp.log, r"\log", increasing=True, coq="ln"),
    named("sqrt", sp.sqrt, r"\sqrt", fences=(r"\sqrt{", "}"), increasing=True),
    named("sin", sp.sin, r"\sin", range="symmetric", coq="sin"),
    named("cos", sp.cos, r"\cos", range="symmetric", coq="cos"),
    named("tan", sp.tan, r"\tan", coq="tan"),
    named("sinh", sp.sinh, r"\sinh", increasing=True, coq="sinh"),
    named("cosh", sp.cosh, r"\cosh", range="positive", coq="cosh"),
    named(
        "asinh", sp.asinh, r"\operatorname{arsinh}", code="arcsinh", increasing=True, coq="arcsinh"
    ),
    named("atan", sp.atan, r"\arctan", code="arctan", increasing=True, coq="atan"),
    named(
        "erf",
        sp.erf,
        "",
        numpy="scipy.special:erf",
        numba="math:erf",
        range="symmetric",
        increasing=True,
        odd=True,
        rest=((1, erf_rest),),
        coq="erf",
    ),
    named("floor", floor, "", fences=_FEET, increasing=True, coq="floor"),
    named(
        "Abs",
        Abs,
        r"\operatorname{abs}",
        fences=_BARS,
        code="absolute",
        range="positive",
        mpmath="absolute",
        array_api="absolute",
        balls="absolute",
    ),
    _extreme("Max", Max, r"\max", "maximum"),
    _extreme("Min", Min, r"\min", "minimum"),
)

MODULO = ElementwiseFunction(
    name="modulo",
    sympy=modulo,
    definition=lambda a, b: a - b * floor(a / b),
    least=2,
    most=2,
    code="remainder",
    numpy="numpy:remainder",
    numba="numpy:remainder",
    array_api="remainder",
)
"""The operator ``%``: a record as any other, but no word that equations call."""

SIGMOID_REST = ours(
    "sigmoid_rest", sigmoid_rest, definition=lambda a: 1 / (1 + sp.exp(a)), range="unit"
)
"""``1 - sigmoid(a)``, which the subtraction calls 0 from a of 37 on; generated source alone."""

TANH_SLOPE = ours("tanh_slope", tanh_slope, definition=lambda a: 1 / sp.cosh(a) ** 2, range="unit")
"""``1 - tanh(a)^2``, which the subtraction calls 0 from \\|a| of 19 on; generated source alone."""

ERF_REST = ElementwiseFunction(
    name="erf_rest",
    sympy=erf_rest,
    definition=lambda a: 1 - sp.erf(a),
    numpy="scipy.special:erfc",
    numba="math:erfc",
    mpmath="erfc",
    array_api="erf_rest",
)
"""``1 - erf(a)``, which the subtraction calls 0 from a of 6 on; generated source alone."""

_UNCALLED = {record.name: record for record in (MODULO, SIGMOID_REST, TANH_SLOPE, ERF_REST)}

FUNCTIONS: Registry[ElementwiseFunction] = Registry(
    kind="elementwise function",
    group="gradflow.functions",
    type="gradflow.cells.language.elementwise:ElementwiseFunction",
    own={record.name: record for record in _TABLE},
)
"""Every elementwise function a cell's equations may call, by the name it is called."""


def records() -> tuple[ElementwiseFunction, ...]:
    """Return the record of every function that generated source may call."""
    return (*(record for _, record in FUNCTIONS.usable()), *_UNCALLED.values())


def record_of(expression: sp.Basic) -> ElementwiseFunction | None:
    """Return the record of a call, by the name of its class; ``None`` for anything else."""
    name = type(expression).__name__
    if name in _UNCALLED:
        return _UNCALLED[name]
    is_call = isinstance(expression, sp.Function) and name in FUNCTIONS
    return FUNCTIONS.get(name) if is_call else None


def register(name: str, definition: Formula, **known: Any) -> ElementwiseFunction:
    """Let cells call a new function; arguments are those of :func:`define`, which is returned.

    A package adds the result of ``define`` for good as an entry point of the group
    ``gradflow.functions``. Raises ``UsageError`` if the name is taken.
    """
    return FUNCTIONS.register(name, define(name, definition, **known))
