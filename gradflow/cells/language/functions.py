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
from typing import Any, ClassVar

import sympy as sp

from gradflow.cells.language.elementwise import ElementwiseFunction, Formula, checked
from gradflow.cells.language.nodes import choose
from gradflow.registry import Registry

__all__ = ["FUNCTIONS", "MODULO", "define", "record_of", "records", "register"]


class UnitFunction(sp.Function):
    """A function of one unit's values that SymPy keeps whole."""

    is_real = True
    value: ClassVar[Formula | None] = None
    derivatives: ClassVar[tuple[Formula, ...]] = ()
    definition: ClassVar[Formula | None] = None

    @classmethod
    def eval(cls, *args: sp.Expr) -> sp.Expr | None:
        """Work out fractions."""
        if cls.value is None or not all(a.is_Rational for a in args):
            return None
        return sp.sympify(cls.value(*args))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return the derivative with respect to one argument, of the definition if none is told."""
        if self.derivatives:
            return sp.sympify(self.derivatives[argindex - 1](*self.args))
        assert self.definition is not None
        free = [sp.Dummy(real=True) for _ in self.args]
        slope = sp.diff(self.definition(*free), free[argindex - 1])
        return slope.xreplace(dict(zip(free, self.args, strict=True)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the name of the function, which is looked up on loading."""
        return _called, (type(self).__name__, self.args)


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


def _called(name: str, args: tuple[sp.Expr, ...]) -> sp.Expr:
    record = MODULO if name == MODULO.name else FUNCTIONS.get(name)
    return record.sympy(*args)


def unit_function(
    name: str,
    *derivatives: Formula,
    value: Formula | None = None,
    definition: Formula | None = None,
    base: type[UnitFunction] = UnitFunction,
) -> Any:
    """Return the SymPy class of a function from its value at fractions and its derivatives."""
    body: dict[str, Any] = {"derivatives": derivatives, "__module__": __name__}
    if value is not None:  # a fixed number of arguments, by which SymPy orders calls too
        body |= {"value": staticmethod(value), "nargs": len(derivatives)}
    if definition is not None:
        body["definition"] = staticmethod(definition)
    return type(name, (base,), body)


def _zero(a: sp.Expr) -> sp.Expr:
    return sp.S.Zero


sigmoid: Any = unit_function("sigmoid", lambda a: sigmoid(a) * (1 - sigmoid(a)))
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


def _named(name: str, sympy: Any, latex: str, **more: Any) -> ElementwiseFunction:
    """Return the record of a function that every target has under one name."""
    own = {"mpmath": name, "array_api": name, "balls": name}
    code = more.get("code", name)
    both = {"numpy": f"numpy:{code}", "numba": f"numpy:{code}"}
    return ElementwiseFunction(name=name, sympy=sympy, latex=latex, **{**both, **own, **more})


def _ours(name: str, sympy: Any, latex: str = "", **more: Any) -> ElementwiseFunction:
    """Return the record of a function that gradflow's modules for the targets bring."""
    code = more.get("code", name)
    own = dict.fromkeys(("numpy", "numba", "array_api"), code)
    return ElementwiseFunction(name=name, sympy=sympy, latex=latex, **{**own, **more})


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
    _ours(
        "sigmoid",
        sigmoid,
        r"\sigma",
        definition=lambda a: 1 / (1 + sp.exp(-a)),
        numpy="scipy.special:expit",
        range="unit",
        increasing=True,
        coq="sigmoid",
    ),
    _named("tanh", sp.tanh, r"\tanh", numba="tanh", range="symmetric", increasing=True, coq="tanh"),
    _ours(
        "relu",
        relu,
        r"\operatorname{ReLU}",
        definition=lambda a: Max(a, 0),
        array_api="",
        range="positive",
        increasing=True,
        coq="relu",
    ),
    _ours(
        "softplus",
        softplus,
        definition=lambda a: sp.log(1 + sp.exp(a)),
        range="positive",
        increasing=True,
        coq="softplus",
    ),
    _ours(
        "step",
        step,
        definition=lambda a: choose(a > 0, 1, 0),
        code="step_",
        array_api="",
        range="binary",
        increasing=True,
        coq="step",
    ),
    _named("sign", sign, "", range="symmetric", increasing=True, balls="sgn"),
    _named("exp", sp.exp, r"\exp", numba="exp", range="positive", increasing=True, coq="exp"),
    _named("log", sp.log, r"\log", increasing=True),
    _named("sqrt", sp.sqrt, r"\sqrt", fences=(r"\sqrt{", "}"), increasing=True),
    _named("sin", sp.sin, r"\sin", range="symmetric", coq="sin"),
    _named("cos", sp.cos, r"\cos", range="symmetric", coq="cos"),
    _named("tan", sp.tan, r"\tan"),
    _named("sinh", sp.sinh, r"\sinh", increasing=True),
    _named("cosh", sp.cosh, r"\cosh", range="positive"),
    _named("asinh", sp.asinh, r"\operatorname{arsinh}", code="arcsinh", increasing=True),
    _named("atan", sp.atan, r"\arctan", code="arctan", increasing=True),
    _named(
        "erf",
        sp.erf,
        "",
        numpy="scipy.special:erf",
        numba="math:erf",
        range="symmetric",
        increasing=True,
    ),
    _named("floor", floor, "", fences=_FEET, increasing=True),
    _named(
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

FUNCTIONS: Registry[ElementwiseFunction] = Registry(
    kind="elementwise function",
    group="gradflow.functions",
    type="gradflow.cells.language.elementwise:ElementwiseFunction",
    own={record.name: record for record in _TABLE},
)
"""Every elementwise function a cell's equations may call, by the name it is called."""


def records() -> tuple[ElementwiseFunction, ...]:
    """Return the record of every function that generated source may call."""
    return (*(record for _, record in FUNCTIONS.usable()), MODULO)


def record_of(expression: sp.Basic) -> ElementwiseFunction | None:
    """Return the record of a call, by the name of its class; ``None`` for anything else."""
    name = type(expression).__name__
    if name == MODULO.name:
        return MODULO
    is_call = isinstance(expression, sp.Function) and name in FUNCTIONS
    return FUNCTIONS.get(name) if is_call else None


def register(name: str, definition: Formula, **known: Any) -> ElementwiseFunction:
    """Let cells call a new function; arguments are those of :func:`define`, which is returned.

    A package adds the result of ``define`` for good as an entry point of the group
    ``gradflow.functions``. Raises ``UsageError`` if the name is taken.
    """
    return FUNCTIONS.register(name, define(name, definition, **known))
