"""The elementwise functions of numbers in logarithms, digits kept where their values are tiny.

What has no entry here goes through its definition, or through float64: a function whose value is
not tiny for an argument that float64 holds loses nothing by that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import erf, erfc, erfcx

from gradflow.codegen.logarithms.numbers import (
    Floats,
    Logs,
    added,
    either,
    logs,
    opposite,
    positive,
    power,
    signed,
)

# Below it a function with f(0) = 0 and f'(0) = 1 is its argument, to all digits.
_TINY = -300.0
# Beyond it cosh and sinh are half an exponential and softplus is one, to all digits.
_LARGE = 40.0


def _sigmoid(a: Logs) -> Logs:
    return positive(-np.logaddexp(0.0, -a.value))


def _tanh_slope(a: Logs) -> Logs:
    size = np.abs(a.value)
    return positive(math.log(4) - 2 * size - 2 * np.log1p(np.exp(-2 * size)))


def _softplus(a: Logs) -> Logs:
    # log(1 + u) is u to all digits where u = e^a is tiny
    return either(a.value < -_LARGE, positive(a.value), logs(np.logaddexp(0.0, a.value)))


def _through_zero(of_floats: Callable[[Floats], Floats]) -> Callable[[Logs], Logs]:
    return lambda a: either(a.log < _TINY, a, logs(of_floats(a.value)))


def _cosh(a: Logs) -> Logs:
    size = np.abs(a.value)
    return positive(size - math.log(2) + np.log1p(np.exp(-2 * size)))


def _sinh(a: Logs) -> Logs:
    near = _through_zero(np.sinh)(a)
    return either(np.abs(a.value) < _LARGE, near, signed(a.sign, np.abs(a.value) - math.log(2)))


def _erf(a: Logs) -> Logs:
    near = signed(a.sign, a.log + math.log(2) - math.log(math.pi) / 2)
    return either(a.log < _TINY, near, logs(erf(a.value)))


def _erf_rest(a: Logs) -> Logs:
    positive_part = np.maximum(a.value, 0.0)
    tail = positive(np.log(erfcx(positive_part)) - positive_part**2)
    return either(a.value > 0, tail, logs(erfc(a.value)))


def _larger(a: Logs, b: Logs) -> Logs:
    return either(added([a, opposite(b)]).sign > 0, a, b)


FUNCTIONS: Mapping[str, Callable[..., Logs]] = {
    "exp": lambda a: positive(a.value),
    "log": lambda a: logs(np.where(a.sign < 0, np.nan, a.log)),
    "sqrt": lambda a: power(a, 0.5),
    "sigmoid": _sigmoid,
    "sigmoid_rest": lambda a: _sigmoid(opposite(a)),
    "tanh_slope": _tanh_slope,
    "softplus": _softplus,
    "erf": _erf,
    "erf_rest": _erf_rest,
    "cosh": _cosh,
    "sinh": _sinh,
    "relu": lambda a: either(a.sign > 0, a, logs(0.0)),
    "step": lambda a: logs(np.where(a.sign > 0, 1.0, 0.0)),
    "sign": lambda a: logs(a.sign),
    "Abs": lambda a: either(a.sign < 0, opposite(a), a),
    "Max": _larger,
    "Min": lambda a, b: opposite(_larger(opposite(a), opposite(b))),
    "tanh": _through_zero(np.tanh),
    "sin": _through_zero(np.sin),
    "tan": _through_zero(np.tan),
    "atan": _through_zero(np.arctan),
    "asinh": _through_zero(np.arcsinh),
}
"""By the name of the record."""
