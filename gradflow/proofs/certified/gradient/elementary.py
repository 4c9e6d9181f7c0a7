r"""Exponentials, logarithms, square roots and inverses of balls, and their slopes.

None of them has a value or a bound everywhere, so that each is refused where its ball is too wide.
``exp x`` is ``2^k exp(x - k log 2)``; ``log x`` is found by Newton's iteration from exponentials,
and its residual is what counts; a root is one of whole numbers, an inverse one division. The same
arithmetic, step by step, is proved in Coq (``bval``, ``bdom`` and ``bslope`` of ``NumGrad.v``).
"""

from __future__ import annotations

from math import isqrt

from gradflow.proofs.certified.gradient.whole import (
    Ball,
    Scale,
    UndecidedError,
    minus,
    product,
    rounded,
)

FUNCTIONS = ("exp", "log", "sqrt", "inverse")


def value(scale: Scale, name: str, x: Ball) -> Ball:
    """Return a function of a ball. Raises ``UndecidedError`` where the ball is too wide for it."""
    match name:
        case "exp":
            return _exp(scale, x)
        case "log":
            return _log(scale, x)
        case "sqrt":
            return _root(scale, x)
    return _inverse(scale, x)


def slope(scale: Scale, name: str, x: Ball, y: Ball) -> Ball:
    """Return the derivative of a function at ``x``, where it is ``y``, as a ball of scale m."""
    match name:
        case "exp":
            return scale.short(y)
        case "log":
            return scale.short(_inverse(scale, x))
        case "sqrt":
            half = scale.short(_inverse(scale, (2 * x[0], 2 * x[1])))
            return product(scale.m, scale.short(y), half)
    short = scale.short(y)
    return minus((0, 0), product(scale.m, short, short))


def _inverse(scale: Scale, x: Ball) -> Ball:
    c, r = x
    if abs(c) <= r:
        raise UndecidedError("inverse")
    radius = (r << (2 * scale.p)) // (abs(c) * (abs(c) - r)) + 2
    return (scale.one << scale.p) // c, radius


def _root(scale: Scale, x: Ball) -> Ball:
    c, r = x
    if c <= r:
        raise UndecidedError("sqrt")
    root = isqrt(c << scale.p)
    return root, (r << scale.p) // root + 2


def _exp(scale: Scale, x: Ball) -> Ball:
    c, r = x
    k = 0 if c <= 0 else (c >> (scale.p - 16)) // 45425 + 1
    below, spread = k * scale.ln2[0] - c, r + k * scale.ln2[1]
    if below < 0 or 2 * spread > scale.one:
        raise UndecidedError("exp")
    e, f = scale.exp_minus(below)
    wide = spread + (2 * spread * spread >> scale.p) + 1
    return e << k, (f + ((abs(e) + f) * wide >> scale.p) + 1) << k


def _log(scale: Scale, x: Ball) -> Ball:
    c, r = x
    if c <= r:
        raise UndecidedError("log")
    k = c.bit_length() - 1 - scale.p
    near = rounded(k, x) if k >= 0 else (c << -k, r << -k)
    s = max(0, near[0] - scale.one)
    for _ in range(scale.p.bit_length() - 1):
        s = max(0, s + (near[0] * scale.exp_minus(s)[0] >> scale.p) - scale.one)
    w = scale.times(scale.exp_minus(s), near)
    rest = abs(w[0] - scale.one) + w[1]
    if 2 * rest > scale.one:
        raise UndecidedError("log")
    radius = rest + (2 * rest * rest >> scale.p) + 1 + abs(k) * scale.ln2[1]
    return s + k * scale.ln2[0], radius
