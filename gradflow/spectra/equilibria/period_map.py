r"""A cell under one constant input as a map of its state, over one step or one whole period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Elementwise
from gradflow.cells.language.syntax import TIME
from gradflow.cells.sized import sized_as
from gradflow.codegen.bound import Bound, bind
from gradflow.errors import UsageError
from gradflow.spectra.numerics.graded import EPS
from gradflow.spectra.numerics.logdomain import Floats

# Random relative changes of this size, far above rounding, measure how rounding is amplified.
_CHANGE = 2.0**-40
_DRAWS = 8
_RESOLVED = 1e-3
# A claimed period is tried over so many steps: longer than any clock in use.
_TRIED = 1024


def uses_time(cell: Cell) -> bool:
    """Return whether an equation of the cell depends on the step number ``t``."""
    equations = (s.expression for s in cell.program if isinstance(s, Elementwise))
    return any(TIME in expression.free_symbols for expression in equations)


@dataclass(frozen=True, eq=False)
class PeriodMap:
    r"""The map ``F`` of ``period`` steps ``t = 1 .. period`` under a constant input.

    States are (..., d), and so is every argument named so below. Values outside float64 come out as
    ``inf`` or NaN without a warning.
    """

    bound: Bound
    inputs: Mapping[str, Floats] | None
    period: int

    def image(self, states: Floats) -> Floats:
        """Return ``F(s)``."""
        with np.errstate(all="ignore"):
            for t in range(1, self.period + 1):
                states = self.bound.step(states, self.inputs, t)
        return states

    def shift(self, states: Floats) -> Floats:
        """Return ``F(s) - s``."""
        with np.errstate(all="ignore"):
            return self.image(states) - states

    def jacobian(self, states: Floats) -> Floats:
        """Return ``dF/ds`` (..., d, d): the product of the step Jacobians of the period."""
        with np.errstate(all="ignore"):
            product = self.bound.jacobian(states, self.inputs, 1)
            for t in range(2, self.period + 1):
                states = self.bound.step(states, self.inputs, t - 1)
                product = self.bound.jacobian(states, self.inputs, t) @ product
        return np.asarray(product)

    def vjp(self, states: Floats, u: Floats) -> Floats:
        """Return ``u dF/ds`` for covectors ``u`` (..., d)."""
        with np.errstate(all="ignore"):
            passed = [states]
            for t in range(1, self.period):
                passed.append(self.bound.step(passed[-1], self.inputs, t))
            for t in range(self.period, 0, -1):
                u = self.bound.vjp(passed[t - 1], u, self.inputs, t)
        return u

    def sensitivity(self, states: Floats) -> Floats:
        r"""Return (..., d): by how much one relative rounding unit changes each ``F(s) - s``.

        Measured: parameters, input and state are changed by a small relative amount, with random
        signs, in eight draws; the largest change counts. Below a thousandth of a rounding unit of
        ``s`` it is itself rounding.
        """
        rng = np.random.default_rng(0)
        shift = self.shift(states)
        largest = np.zeros(states.shape)
        with np.errstate(all="ignore"):
            for _ in range(_DRAWS):
                changed = {
                    name: _jittered(value, rng) if name in self.bound.cell.parameters else value
                    for name, value in self.bound.params.items()
                }
                inputs = {n: _jittered(v, rng) for n, v in (self.inputs or {}).items()} or None
                bound = bind(self.bound.code, sized_as(self.bound.params, changed), states)
                other = PeriodMap(bound, inputs, self.period)
                moved = other.shift(_jittered(states, rng)) - shift
                largest = np.maximum(largest, np.abs(moved))
        return np.asarray(largest * (EPS / _CHANGE))

    def rounding(self, states: Floats) -> Floats:
        """Return (...): the size of the rounding error in a computed ``F(s) - s``.

        The sensitivity, and a rounding unit of ``F`` and of ``s`` for the last operations.
        """
        with np.errstate(all="ignore"):
            ends = np.linalg.norm(self.image(states), axis=-1) + np.linalg.norm(states, axis=-1)
            return np.asarray(np.linalg.norm(self.sensitivity(states), axis=-1) + EPS * ends)

    def stuck(self, states: Floats) -> NDArray[np.bool_]:
        """Return (..., d): whether float64 cannot resolve that a unit moves.

        There ``F(s) = s`` says nothing, as no change of parameters, input or state shows in it: the
        unit's gates are saturated, or it has outgrown its change.
        """
        return np.asarray(self.sensitivity(states) < _RESOLVED * EPS * np.abs(states))

    def check_period(self, state: Floats) -> None:
        """Raise ``UsageError`` if the cell is another one ``period`` steps later."""
        t = np.arange(1, _TRIED + 1)
        with np.errstate(all="ignore"):
            now = self.bound.step(state, self.inputs, t)
            later = self.bound.step(state, self.inputs, t + self.period)
        # Equal but for rounding, where t enters by a sine.
        apart = ~np.isclose(now, later, rtol=1e-9, atol=1e-9, equal_nan=True).all(axis=-1)
        if apart.any():
            first = int(t[apart][0])
            raise UsageError(
                f"fixed_points: cell {self.bound.cell.name!r} does not repeat after period="
                f"{self.period}: step {first} and step {first + self.period} differ; give a whole "
                "period, such as the least common multiple of all clocks."
            )


def _jittered(values: Floats, rng: np.random.Generator) -> Floats:
    """`values` changed by `_CHANGE`, relatively, each up or down."""
    return values * (1 + _CHANGE * rng.choice([-1.0, 1.0], size=values.shape))
