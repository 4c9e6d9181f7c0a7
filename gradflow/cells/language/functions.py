"""The elementwise functions of the equation language, and what SymPy must not be left to decide.

A function of the language acts on each unit alone. SymPy's own ``Max``, ``Abs``, ``Heaviside`` and
``floor`` differentiate to Dirac deltas or to ``1/2`` at the kink, and ``1/(1 + exp(-a))`` has a
derivative that overflows. The classes here carry the derivatives a framework uses and stay whole:

* ``sigmoid' = sigmoid (1 - sigmoid)``, never expanded,
* ``relu' = step`` and ``step(0) = 0``: the derivative of ReLU at 0 is 0,
* piecewise constant functions (``step``, ``sign``, ``floor``) have derivative 0 everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp


class sigmoid(sp.Function):
    """Logistic function ``1 / (1 + exp(-a))`` with derivative ``s (1 - s)``."""

    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return the derivative with respect to the only argument."""
        return self * (1 - self)


class step(sp.Function):
    """Indicator ``1[a > 0]``, with ``step(0) = 0``."""

    is_real = True

    @classmethod
    def eval(cls, a: sp.Expr) -> sp.Expr | None:
        """Work out a fraction."""
        return sp.Integer(bool(a > 0)) if a.is_Rational else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return 0, the derivative almost everywhere."""
        return sp.S.Zero


class relu(sp.Function):
    """Rectifier ``max(a, 0)`` with derivative ``step(a)``, so 0 at 0."""

    is_real = True

    @classmethod
    def eval(cls, a: sp.Expr) -> sp.Expr | None:
        """Work out a fraction."""
        return max(a, sp.S.Zero) if a.is_Rational else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return ``1[a > 0]``."""
        return step(self.args[0])


class softplus(sp.Function):
    """``log(1 + exp(a))`` with derivative ``sigmoid(a)``."""

    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return ``sigmoid(a)``."""
        return sigmoid(self.args[0])


class signum(sp.Function):
    """Sign of the argument, 0 at 0, derivative 0."""

    is_real = True

    @classmethod
    def eval(cls, a: sp.Expr) -> sp.Expr | None:
        """Work out a fraction."""
        return sp.sign(a) if a.is_Rational else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return 0, the derivative almost everywhere."""
        return sp.S.Zero


class absolute(sp.Function):
    """``|a|`` with derivative ``sign(a)``, so 0 at 0."""

    is_real = True

    @classmethod
    def eval(cls, a: sp.Expr) -> sp.Expr | None:
        """Work out a fraction."""
        return abs(a) if a.is_Rational else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return ``sign(a)``."""
        return signum(self.args[0])


class round_down(sp.Function):
    """Largest integer not above the argument, derivative 0."""

    is_real = True

    @classmethod
    def eval(cls, a: sp.Expr) -> sp.Expr | None:
        """Work out a fraction."""
        return sp.floor(a) if a.is_Rational else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return 0, the derivative almost everywhere."""
        return sp.S.Zero


class modulo(sp.Function):
    """``a mod b = a - b floor(a / b)``."""

    is_real = True

    @classmethod
    def eval(cls, a: sp.Expr, b: sp.Expr) -> sp.Expr | None:
        """Work out a fraction."""
        return a - b * sp.floor(a / b) if a.is_Rational and b.is_Rational else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return ``1`` with respect to ``a`` and ``-floor(a / b)`` with respect to ``b``."""
        a, b = self.args
        return sp.S.One if argindex == 1 else -round_down(a / b)


class maximum(sp.Function):
    """Larger of two values; at a tie the derivative goes to the second.

    A number is kept as the second argument, so ``Max(0, a)`` has the derivative of ``relu(a)``.
    """

    is_real = True

    @classmethod
    def eval(cls, a: sp.Expr, b: sp.Expr) -> sp.Expr | None:
        """Work out fractions and equals; move a number to the second place."""
        if a == b:
            return a
        if a.is_Rational and b.is_Rational:
            return max(a, b)
        return cls(b, a) if a.is_number and not b.is_number else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return ``1[a > b]`` with respect to ``a``, its complement with respect to ``b``."""
        a, b = self.args
        return step(a - b) if argindex == 1 else 1 - step(a - b)


class minimum(sp.Function):
    """Smaller of two values; at a tie the derivative goes to the second, a number's place."""

    is_real = True

    @classmethod
    def eval(cls, a: sp.Expr, b: sp.Expr) -> sp.Expr | None:
        """Work out fractions and equals; move a number to the second place."""
        if a == b:
            return a
        if a.is_Rational and b.is_Rational:
            return min(a, b)
        return cls(b, a) if a.is_number and not b.is_number else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return ``1[a < b]`` with respect to ``a``, its complement with respect to ``b``."""
        a, b = self.args
        return step(b - a) if argindex == 1 else 1 - step(b - a)


def _fold(binary: Callable[[sp.Expr, sp.Expr], sp.Expr]) -> Callable[..., sp.Expr]:
    def folded(*args: sp.Expr) -> sp.Expr:
        result = args[0]
        for arg in args[1:]:
            result = binary(result, arg)
        return result

    return folded


@dataclass(frozen=True)
class Elementary:
    """One function of the language: its SymPy form, its LaTeX, and how many arguments it takes."""

    sympy: Callable[..., sp.Expr]
    latex: str
    least: int = 1
    most: int = 1


FUNCTIONS: dict[str, Elementary] = {
    "sigmoid": Elementary(sigmoid, r"\sigma"),
    "tanh": Elementary(sp.tanh, r"\tanh"),
    "relu": Elementary(relu, r"\operatorname{ReLU}"),
    "softplus": Elementary(softplus, r"\operatorname{softplus}"),
    "step": Elementary(step, r"\operatorname{step}"),
    "sign": Elementary(signum, r"\operatorname{sign}"),
    "exp": Elementary(sp.exp, r"\exp"),
    "log": Elementary(sp.log, r"\log"),
    "sqrt": Elementary(sp.sqrt, r"\sqrt"),
    "sin": Elementary(sp.sin, r"\sin"),
    "cos": Elementary(sp.cos, r"\cos"),
    "tan": Elementary(sp.tan, r"\tan"),
    "sinh": Elementary(sp.sinh, r"\sinh"),
    "cosh": Elementary(sp.cosh, r"\cosh"),
    "asinh": Elementary(sp.asinh, r"\operatorname{arsinh}"),
    "atan": Elementary(sp.atan, r"\arctan"),
    "erf": Elementary(sp.erf, r"\operatorname{erf}"),
    "floor": Elementary(round_down, r"\operatorname{floor}"),
    "Abs": Elementary(absolute, r"\operatorname{abs}"),
    "Max": Elementary(_fold(maximum), r"\max", 2, 99),
    "Min": Elementary(_fold(minimum), r"\min", 2, 99),
}
"""Every elementwise function a cell's equations may call, by the name it is called."""
