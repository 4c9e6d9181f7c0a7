r"""Certified enclosures of ``|P(T, 0)|`` for one input sequence, at whatever precision it takes.

The product is formed in balls. Its largest singular value is then enclosed: an approximate
eigenbasis ``V`` of ``P^T P``, which need not be trusted, makes ``V^T P^T P V`` nearly diagonal;
Gershgorin and Ostrowski bound the eigenvalues from above, a Rayleigh quotient from below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from gradflow.errors import PrecisionError
from gradflow.given import instance
from gradflow.jacobians import jacobian
from gradflow.proofs.weights.balls import (
    BallCell,
    UndecidedError,
    Vector,
    at_precision,
    ball,
    ball_matrix,
    lower,
    magnitude,
    upper,
)
from gradflow.spectra import Trajectory

_FIRST, _LAST = 128, 16384
_WIDTH = Fraction(1, 10**9)


@dataclass(frozen=True, repr=False)
class Enclosure:
    """``low <= |P(T, 0)| <= high`` for the exact arrays of a run; ``bits`` is what it took.

    Both ends are exact; ``low`` is 0 only where the product is.
    """

    low: Fraction
    high: Fraction
    steps: int
    bits: int

    def __contains__(self, value: float) -> bool:
        """Whether a number lies in the enclosure."""
        return self.low <= Fraction(value) <= self.high

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Enclosure {self}>"

    def __str__(self) -> str:
        """Return the interval in words."""
        low, high = outward(self.low, self.high)
        return f"|P({self.steps}, 0)| lies in [{low!r}, {high!r}]"


def outward(low: Fraction, high: Fraction) -> tuple[float, float]:
    """Return floats below and above two exact numbers."""
    below, above = float(low), float(high)
    below = below if Fraction(below) <= low else float(np.nextafter(below, -np.inf))
    return below, above if Fraction(above) >= high else float(np.nextafter(above, np.inf))


def enclose(run: Trajectory) -> Enclosure:
    """Enclose the spectral norm of the product of all step Jacobians of a run.

    The parameters, the inputs and the initial state of the run are taken as exact; its later states
    are computed anew. Raises ``PrecisionError`` where 16384 bits do not suffice, ``UsageError`` for
    a batch or a function that cannot be enclosed.
    """
    instance(run, "enclose: run", Trajectory, "gradflow.run").require_single("enclose")
    bits = _FIRST
    while bits <= _LAST:
        with at_precision(bits):
            try:
                low, high = norm(_product(run))
            except UndecidedError:
                low, high = Fraction(0), Fraction(1)
        if high - low <= _WIDTH * high:
            return Enclosure(low, high, run.steps, bits)
        bits *= 2
    raise PrecisionError(
        f"enclose: {_LAST} bits do not settle the product of {run.steps} steps; a unit may sit on "
        "a kink of relu, or the run may be too long."
    )


def step_matrix(
    cell: BallCell, values: Mapping[str, Vector], t: int, wrts: Mapping[str, slice]
) -> Any:
    """Return the Jacobian of step ``t`` by state parts or inputs, as a matrix of balls.

    ``wrts`` gives the columns of each part or input.
    """
    run = cell.run
    width = max(s.stop for s in wrts.values())
    whole = ball_matrix(run.width, width, [])
    for out, rows in run.parts.items():
        for wrt, columns in wrts.items():
            for term in jacobian(run.cell)[out, wrt].terms:
                matrix = cell.jacobian_term(term, values, run.cell.spaces[out], t)
                for i in range(matrix.nrows()):
                    for j in range(matrix.ncols()):
                        a, b = rows.start + i, columns.start + j
                        whole[a, b] = whole[a, b] + matrix[i, j]
    return whole


def at(run: Trajectory, k: int) -> dict[str, Vector]:
    """Return the inputs of step ``k``, counted from 0, as exact balls."""
    return {n: [ball(v) for v in a[k]] for n, a in run.inputs.items()}


def start(run: Trajectory) -> dict[str, Vector]:
    """Return the initial state of a run as exact balls."""
    return {p: [ball(v) for v in s[0]] for p, s in run.states.items()}


def identity(size: int) -> Any:
    """Return the identity matrix."""
    return ball_matrix(size, size, [ball(float(i == j)) for i in range(size) for j in range(size)])


def _product(run: Trajectory) -> Any:
    cell = BallCell(run)
    state, whole = start(run), identity(run.width)
    for k in range(run.steps):
        values = cell.values(state, at(run, k), k + 1)
        whole = step_matrix(cell, values, k + 1, run.parts) * whole
        state = {p: values[f"{p}_next"] for p in run.cell.states}
    return whole


def norm(product: Any) -> tuple[Fraction, Fraction]:
    """Return bounds of the largest singular value of a matrix of balls."""
    size = product.ncols()
    gram = product.transpose() * product
    scale = max(magnitude(gram[i, i]) for i in range(size))
    if not scale.is_finite():
        raise UndecidedError("the product")
    if scale == 0:
        return Fraction(0), Fraction(0)
    middle = np.array(
        [[float((gram[i, j] / scale).mid()) for j in range(size)] for i in range(size)]
    )
    vectors = np.linalg.eigh(middle)[1]
    basis = ball_matrix(size, size, [ball(v) for v in vectors.ravel()])
    near = basis.transpose() * gram * basis
    square = basis.transpose() * basis
    off = sum(
        (magnitude(square[i, j] - int(i == j)) ** 2 for i in range(size) for j in range(size)),
        ball(0),
    ).sqrt()
    discs = [
        sum((magnitude(near[i, j]) for j in range(size)), ball(0)).upper() for i in range(size)
    ]
    top = max(discs, key=upper) / (1 - off)
    last = size - 1
    quotient = near[last, last] / square[last, last]
    if not (quotient > 0 and top > 0):
        raise UndecidedError("the norm")
    return lower(quotient.sqrt()), upper(top.sqrt())
