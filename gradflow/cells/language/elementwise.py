"""What is known of one elementwise function: how it is called, typeset, bounded and computed."""

from __future__ import annotations

import keyword
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import sympy as sp

from gradflow.errors import UsageError
from gradflow.registry import located

__all__ = [
    "RANGES",
    "SOURCE_WORDS",
    "TARGETS",
    "ElementwiseFunction",
    "Formula",
    "UnitFunction",
    "checked",
    "named",
    "ours",
    "unit_function",
]

Formula = Callable[..., sp.Expr]

TARGETS = ("numpy", "numba", "mpmath", "array_api", "balls")
"""Arithmetics that compute functions."""

RANGES = {
    "any": "all real numbers, as far as the proofs know",
    "unit": "0 to 1",
    "symmetric": "-1 to 1",
    "positive": "0 or above",
    "binary": "0 or 1",
}
"""What a proof may use of the values of a function."""


SOURCE_WORDS = frozenset(
    {"np", "index", "ones", "pi", "ratio", "spread", "where", "fill_blocks", "outer", "total"}
    | {"out", "keep", "gradients", "slice"}
)
"""Words that generated source needs for itself."""

# makes the call of a name that was pickled
_CALLED = "gradflow.cells.language.functions:called"

_LANGUAGE = frozenset({"t", "row", "column", "identity", "Piecewise", "mean", "sum", "modulo"})


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
        return located(_CALLED), (type(self).__name__, self.args)


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


@dataclass(frozen=True, kw_only=True, eq=False)
class ElementwiseFunction:
    r"""One function of the language.

    A target is named by ``"module:attribute"`` or by a bare word, which is a function that
    gradflow's own module for the target brings, or the target's library. An empty one falls back to
    the definition.

    Parameters
    ----------
    name
        The word by which equations call it.
    sympy
        Makes the SymPy form of a call, an object of a class of that name (``sqrt`` is a power).
    definition
        Makes a SymPy expression of its arguments in other functions of the language.
    latex
        LaTeX of the name; ``\operatorname{name}`` if not given.
    fences
        LaTeX before and after the arguments where no name is printed, as for ``|a|``.
    least, most
        Number of arguments.
    range
        Where its values lie: a word of ``RANGES``.
    increasing
        Whether it never falls, so that an interval's ends go to ends.
    odd
        Whether ``f(-a) = -f(a)``.
    rest
        Pairs ``(p, f)``: ``1 - value**p`` is computed as ``f`` of the argument, which keeps the
        digits that the subtraction loses where the value is near 1; ``f`` makes a SymPy expression.
        What is printed stays ``1 - value**p``.
    log
        Makes the log of the value from the argument, where the value itself may underflow.
    code
        The word in generated source, where the language's cannot stand there.
    numpy, numba
        Functions of arrays, and compiled ones of numbers.
    mpmath, array_api, balls
        Functions of numbers of an mpmath context, of arrays of any library, of python-flint balls.
    coq
        Its name in the Coq library, where that has rules for it.
    """

    name: str
    sympy: Formula
    definition: Formula | None = None
    latex: str = ""
    fences: tuple[str, str] | None = None
    least: int = 1
    most: int = 1
    range: str = "any"
    increasing: bool = False
    odd: bool = False
    rest: tuple[tuple[int, Formula], ...] = ()
    log: Formula | None = None
    code: str = ""
    numpy: str = ""
    numba: str = ""
    mpmath: str = ""
    array_api: str = ""
    balls: str = ""
    coq: str = ""

    def __post_init__(self) -> None:
        """Fill in what follows from the name."""
        latex = self.latex or rf"\operatorname{{{self.name}}}"
        object.__setattr__(self, "latex", latex)
        object.__setattr__(self, "code", self.code or self.name)

    @property
    def targets(self) -> dict[str, str]:
        """What computes it, by target; empty where the definition does."""
        return {target: getattr(self, target) for target in TARGETS}


def checked(record: ElementwiseFunction) -> ElementwiseFunction:
    """Return a record once its definition has been tried, so that no later source is spoilt by it.

    Raises ``UsageError`` for a name that cannot be called, a range that is no word of ``RANGES``,
    and a definition that makes no SymPy expression of ``least`` arguments.
    """
    name, where = record.name, f"elementwise function {record.name!r}"
    plain = name.isascii() and name.isidentifier() and name[0] != "_" and name[-5:] != "_next"
    if not plain or keyword.iskeyword(name) or name in SOURCE_WORDS | _LANGUAGE:
        raise UsageError(f"{where}: the name is no free word of the language; choose another.")
    if record.range not in RANGES:
        raise UsageError(f"{where}: range is {record.range!r}; it is one of {', '.join(RANGES)}.")
    arguments = [sp.Dummy(real=True) for _ in range(record.least)]
    try:
        found = record.definition(*arguments) if record.definition else None
        value = sp.sympify(found) if isinstance(found, int | float) else found
    except Exception as error:
        found = f"{type(error).__name__}: {' '.join(str(error).split())}"
        value = None
    if not isinstance(value, sp.Expr) or value.free_symbols - {*arguments}:
        raise UsageError(
            f"{where}: the definition of {record.least} arguments gives {found}; it needs to make "
            "a SymPy expression of them."
        )
    return record


def named(name: str, sympy: Any, latex: str, **more: Any) -> ElementwiseFunction:
    """Return the record of a function that every target has under one name."""
    own = {"mpmath": name, "array_api": name, "balls": name}
    code = more.get("code", name)
    both = {"numpy": f"numpy:{code}", "numba": f"numpy:{code}"}
    return ElementwiseFunction(name=name, sympy=sympy, latex=latex, **{**both, **own, **more})


def ours(name: str, sympy: Any, latex: str = "", **more: Any) -> ElementwiseFunction:
    """Return the record of a function that gradflow's modules for the targets bring."""
    code = more.get("code", name)
    own = dict.fromkeys(("numpy", "numba", "array_api"), code)
    return ElementwiseFunction(name=name, sympy=sympy, latex=latex, **{**own, **more})
