"""Initial values of a cell's parameters, all drawn from one passed seed or generator.

Every initializer is a frozen value with a printed form, so a report can say what was drawn:
``gaussian:1.5`` on the command line is ``gaussian(1.5)`` in Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import UsageError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Initializer:
    """A rule with its numbers; ``draw(generator, shape)`` makes the array."""

    rule: str
    values: tuple[float, ...] = ()

    def __str__(self) -> str:
        """Return ``rule:value``, the form the command line reads."""
        short = [f"{v:g}" for v in self.values]
        exact = [s if float(s) == v else repr(v) for s, v in zip(short, self.values, strict=True)]
        return ":".join([self.rule, *exact])

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Return a float64 array of ``shape``."""
        return _DRAWS[self.rule](rng, shape, *self.values)


def gaussian(g: float = 1.0) -> Initializer:
    """Independent normal entries of standard deviation ``g / sqrt(n)``, n the number of columns.

    For large square matrices the eigenvalues fill the disc of radius ``g`` (circular law).
    """
    return Initializer("gaussian", (g,))


def glorot() -> Initializer:
    """Uniform on ``+-sqrt(6 / (rows + columns))`` (Glorot & Bengio, AISTATS 2010, eq. 16)."""
    return Initializer("glorot")


def orthogonal(gain: float = 1.0) -> Initializer:
    """``gain`` times a Haar-distributed matrix with orthonormal rows or columns.

    Saxe, McClelland & Ganguli (ICLR 2014); signs fixed as in Mezzadri (2007).
    """
    return Initializer("orthogonal", (gain,))


def identity(a: float = 1.0) -> Initializer:
    """``a`` times the identity (Le, Jaitly & Hinton, arXiv:1504.00941)."""
    return Initializer("identity", (a,))


def identity_plus_noise(a: float = 1.0, std: float = 0.01) -> Initializer:
    """``a I`` plus independent normal entries of standard deviation ``std``."""
    return Initializer("identity_plus_noise", (a, std))


def constant(value: float) -> Initializer:
    """Every entry equal to ``value``."""
    return Initializer("constant", (value,))


def chrono(longest: float) -> Initializer:
    """``log u`` with ``u`` uniform on ``[1, longest - 1]``, for a forget gate's bias.

    Memories then last between 1 and ``longest`` steps (Tallec & Ollivier, ICLR 2018, eq. 16).
    """
    if not (isinstance(longest, Real) and longest > 2):
        raise UsageError(
            f"initializer chrono: longest memory {longest!r}; it must be above 2 steps."
        )
    return Initializer("chrono", (longest,))


def clock_periods(modules: int = 8) -> Initializer:
    """Periods 1, 2, 4, ... of ``modules`` equal blocks of units (Koutnik et al., ICML 2014)."""
    if not modules >= 1:
        raise UsageError(f"initializer clock_periods: {modules} modules; it must be 1 or more.")
    return Initializer("clock_periods", (modules,))


RULES: dict[str, Callable[..., Initializer]] = {
    "gaussian": gaussian,
    "glorot": glorot,
    "orthogonal": orthogonal,
    "identity": identity,
    "identity_plus_noise": identity_plus_noise,
    "constant": constant,
    "chrono": chrono,
    "clock_periods": clock_periods,
}


def _draw_gaussian(rng: np.random.Generator, shape: tuple[int, ...], g: float) -> Array:
    return rng.standard_normal(shape) * (g / math.sqrt(shape[-1]))


def _draw_glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    limit = math.sqrt(6.0 / (shape[0] + shape[-1]))
    return rng.uniform(-limit, limit, shape)


def _draw_orthogonal(rng: np.random.Generator, shape: tuple[int, ...], gain: float) -> Array:
    rows, columns = _matrix("orthogonal", shape)
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q = gain * q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return q if rows >= columns else q.T


def _draw_identity(rng: np.random.Generator, shape: tuple[int, ...], a: float) -> Array:
    return a * np.eye(*_matrix("identity", shape))


def _draw_identity_plus_noise(
    rng: np.random.Generator, shape: tuple[int, ...], a: float, std: float
) -> Array:
    return a * np.eye(*_matrix("identity_plus_noise", shape)) + std * rng.standard_normal(shape)


def _draw_constant(rng: np.random.Generator, shape: tuple[int, ...], value: float) -> Array:
    return np.full(shape, float(value))


def _draw_chrono(rng: np.random.Generator, shape: tuple[int, ...], longest: float) -> Array:
    return np.log(rng.uniform(1, longest - 1, shape))


def _draw_clock_periods(rng: np.random.Generator, shape: tuple[int, ...], modules: float) -> Array:
    blocks = np.array_split(np.arange(shape[0]), max(1, min(int(modules), shape[0])))
    return np.concatenate([np.full(len(b), 2.0**i) for i, b in enumerate(blocks)])


_DRAWS: dict[str, Callable[..., Array]] = {
    "gaussian": _draw_gaussian,
    "glorot": _draw_glorot,
    "orthogonal": _draw_orthogonal,
    "identity": _draw_identity,
    "identity_plus_noise": _draw_identity_plus_noise,
    "constant": _draw_constant,
    "chrono": _draw_chrono,
    "clock_periods": _draw_clock_periods,
}


def _matrix(rule: str, shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 2:
        raise UsageError(f"initializer {rule}: is for maps, not for a vector of shape {shape}.")
    return shape[0], shape[1]
