"""Derivatives against central differences, by order: halve the step and the error must quarter.

`D(e) = (f(p + e v) - f(p - e v)) / 2e` differs from the derivative by `c e^2 + O(e^4)`, so the
measured slope of log error against log step is 2 + O(e^2) if the derivative is right, and 0 as soon
as it is wrong by more than the error itself. The functions are evaluated in arithmetic of many
digits, so that rounding never enters.
"""

from itertools import pairwise

import mpmath
import numpy as np

# Steps 2^-20 ... 2^-24: short enough to stay on one side of the kinks of ReLU, Max and floor, and
# with 50 digits a difference quotient still has 50 - 7 = 43 of them.
STEPS = [mpmath.mpf(2) ** -k for k in range(20, 25)]
# e^4 against e^2 is 2^-40 = 1e-12, times a ratio of fifth to third derivative of up to 1e6.
BAND = 1e-6
# A quadratic function has no truncation error at all; the quotient's 43 digits less a few remain.
EXACT = mpmath.mpf(10) ** -36


def errors(function, derivative):
    """Norms of `D(e) - derivative` over STEPS; `function(e)` is f(p + e v), an array of mpf."""
    derivative = np.asarray(derivative, dtype=object)
    found = []
    for step in STEPS:
        quotient = (function(step) - function(-step)) / (2 * step)
        gap = np.atleast_1d(quotient - derivative).ravel()
        found.append(mpmath.sqrt(sum((g * g for g in gap), mpmath.mpf(0))))
    return found


def slopes(found):
    """Slope between neighbouring steps, 2 for a right derivative; None where there is no error."""
    if all(error < EXACT for error in found):
        return None
    return [float(mpmath.log(a / b, 2)) if b else float("inf") for a, b in pairwise(found)]


def is_second_order(found):
    """Whether every slope lies within BAND of 2, or the function is linear and has no error."""
    measured = slopes(found)
    return measured is None or all(abs(s - 2) < BAND for s in measured)
