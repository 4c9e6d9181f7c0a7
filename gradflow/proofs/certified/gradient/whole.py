"""Balls of whole numbers: ``(c, r)`` of scale p holds x when ``|x 2^p - c| <= r``.

The same arithmetic, step by step, is proved in Coq (``NumGrad.v``); here it is plain Python, with
no library at all. Exact numbers are whole multiples of ``2^-q``. Rounding is a shift, which loses
less than 1, and a shifted radius grows by 2; 0 stays exactly 0. The exponential of a number that is
not positive is ``2^-k`` times factors ``1 + 2^-i``, chosen greedily, and three terms of the series
of what is left; a sigmoid takes one quotient, whose rest is counted, and
``tanh x = 2 sigmoid(2 x) - 1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import isqrt


class UndecidedError(Exception):
    """A ball on a kink, or where a function has no value: more precision may settle it."""


Ball = tuple[int, int]
Vector = list[Ball]


@dataclass(frozen=True, eq=False)
class Scale:
    """Arithmetic with ``p`` bits, weights of ``q`` bits and ``m`` bits for factors of adjoints."""

    p: int
    q: int
    m: int
    one: int = field(init=False)
    ln2: Ball = field(init=False)
    table: tuple[tuple[int, Ball], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Work out the logs of 2 and of 1 + 2^-i."""
        if not self.p >= 32 or not 0 <= self.q <= self.p or not 0 <= self.m <= self.p:
            raise ValueError(f"p={self.p}, q={self.q}, m={self.m}: 32 <= p, and q, m in [0, p]")
        object.__setattr__(self, "one", 1 << self.p)
        object.__setattr__(self, "ln2", self._log(1, alternating=False))
        rows = range(1, self.p // 3 + 5)
        table = tuple((i, self._log(i, alternating=True)) for i in rows)
        object.__setattr__(self, "table", table)

    def _log(self, i: int, *, alternating: bool) -> Ball:
        """Return ``log(1 + 2^-i)``, or ``-log(1 - 2^-i)``, by its series."""
        w = self.p + 12
        total = 0
        for k in range(1, w // i + 1):
            term = 2 ** (w - i * k) // k
            total += -term if alternating and k % 2 == 0 else term
        return rounded(12, (total, w // i + 2))

    def times(self, a: Ball, b: Ball) -> Ball:
        """Return the product of two balls of scale p."""
        return product(self.p, a, b)

    def short(self, b: Ball) -> Ball:
        """Return a ball of scale m."""
        return rounded(self.p - self.m, b)

    def exact(self, z: int) -> Ball:
        """Return the ball of ``z 2^-q``."""
        return z << (self.p - self.q), 0

    def fraction(self, number: Fraction) -> Ball:
        """Return a ball that holds a fraction, exact where it can be."""
        scaled, rest = divmod(number.numerator << self.p, number.denominator)
        return scaled, int(rest != 0)

    def exp_minus(self, c: int) -> Ball:
        """Return ``exp(-c 2^-p)`` for a whole number ``c >= 0``."""
        k = (c >> (self.p - 16)) // 45425 + 1
        rest, count, v, e = k * self.ln2[0] - c, k * self.ln2[1], self.one, 0
        for i, (log, radius) in self.table:
            if rest - log >= 0:
                rest, count = rest - log, count + radius
                v, e = v + (v >> i), e + (e >> i) + 2
        if (abs(rest) + count) >> (2 * self.p // 3 - 1):
            return 0, self.one
        near = self.one + rest + (rest * rest >> (self.p + 1))
        return rounded(k, self.times((near, 2 * count + 2), (v, e)))

    def reciprocal(self, d: int) -> int:
        """Return about ``2^(2p) / d`` for ``d`` from ``2^p`` on, by Newton; it is not trusted."""
        levels, level = [], self.p
        for _ in range(6):
            levels.append(level)
            level = (level + 1) // 2 + 2
        bits, x = 24, (1 << 48) // (d >> (self.p - 24))
        for level in reversed(levels):
            if 24 < level <= self.p:
                t = x << (level - bits) if level >= bits else x >> (bits - level)
                r = (1 << (2 * level)) - t * (d >> (self.p - level))
                bits, x = level, t + ((x * (r >> level)) >> bits)
        return x

    def _sigmoid_of(self, c: int) -> Ball:
        if c < 0:
            x, r = self._sigmoid_of(-c)
            return self.one - x, r
        e = self.exp_minus(c)
        d = self.one + e[0]
        x, rest = divmod(self.one << self.p, d)
        return x, ((rest + x * e[1]) >> self.p) + 1

    def sigmoid(self, b: Ball) -> Ball:
        """Return the sigmoid of a ball; its radius goes by the slope at hand."""
        x, e = self._sigmoid_of(b[0])
        a, f = x >> (self.p - 24), (e >> (self.p - 24)) + 2
        slope = ((abs(a) + f) * (abs(16777216 - a) + f)) >> 32
        slope += (b[1] >> (self.p - 14)) + 2
        return x, ((slope * b[1]) >> 16) + 1 + e

    def tanh(self, b: Ball) -> Ball:
        """Return the hyperbolic tangent of a ball."""
        x, r = self.sigmoid((2 * b[0], 2 * b[1]))
        return 2 * x - self.one, 2 * r

    def affine(self, matrix: Sequence[Sequence[int]], k: Sequence[int], v: Vector) -> Vector:
        """Return ``W v + k``, exact weights of scale q and constants of scale 2q; one rounding."""
        shift = self.p - self.q
        return [
            rounded(
                self.q,
                (
                    sum(w * b[0] for w, b in zip(row, v, strict=True)) + (z << shift),
                    sum(abs(w) * b[1] for w, b in zip(row, v, strict=True)),
                ),
            )
            for row, z in zip(matrix, k, strict=True)
        ]

    def transposed(self, columns: Sequence[Sequence[int]], a: Vector) -> Vector:
        """Return ``W^T a``; ``columns`` are those of W."""
        return [
            rounded(
                self.q,
                (
                    sum(w * b[0] for w, b in zip(column, a, strict=True)),
                    sum(abs(w) * b[1] for w, b in zip(column, a, strict=True)),
                ),
            )
            for column in columns
        ]

    def softmax(self, scores: Vector, target: int) -> Vector:
        """Return the softmax of balls, less 1 at the target: the derivative of cross-entropy."""
        top = max(c for c, _ in scores)
        powers = []
        for c, r in scores:
            x = self.exp_minus(top - c)
            powers.append((x[0], x[1] + 2 * r))
        total = (0, 0)
        for x in reversed(powers):
            total = plus(x, total)
        wide = any(2 * r > self.one for _, r in scores)
        if wide or self.one > 2 * (total[0] - total[1]):
            return [(0, self.one)] * len(scores)
        y = self.reciprocal(total[0])
        off = abs((self.one << self.p) - y * total[0]) + abs(y) * total[1]
        inverse = (y, 2 * ((off >> self.p) + 1))
        found = [self.times(x, inverse) for x in powers]
        found[target] = minus(found[target], (self.one, 0))
        return found


def rounded(j: int, b: Ball) -> Ball:
    """Return a ball of scale ``k + j`` at scale ``k``; 0 stays exact."""
    return (0, 0) if b == (0, 0) else (b[0] >> j, (b[1] >> j) + 2)


def product(j: int, a: Ball, b: Ball) -> Ball:
    """Return the product of balls of scales j and k, at scale k."""
    return rounded(j, (a[0] * b[0], abs(a[0]) * b[1] + a[1] * (abs(b[0]) + b[1])))


def plus(a: Ball, b: Ball) -> Ball:
    """Return the sum."""
    return a[0] + b[0], a[1] + b[1]


def minus(a: Ball, b: Ball) -> Ball:
    """Return the difference."""
    return a[0] - b[0], a[1] + b[1]


def norm(v: Sequence[Ball]) -> tuple[int, int]:
    """Return whole numbers below and above the Euclidean norm, of the scale of the balls."""
    low = sum(max(0, abs(c) - r) ** 2 for c, r in v)
    high = sum((abs(c) + r) ** 2 for c, r in v)
    return isqrt(low), isqrt(high) + 1 if high else 0
