"""The run of one cell, linearised: every call of its compiled code that an analysis needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import whole_number
from gradflow.cells.cell import Cell
from gradflow.codegen import Bound, Code
from gradflow.codegen.over_time import Pulled, pull_back
from gradflow.codegen.varying import Varying
from gradflow.errors import UsageError
from gradflow.spectra.faults.fault import Fault
from gradflow.spectra.faults.of_slopes import fault_of_slopes
from gradflow.spectra.linearised import Linearised, Where
from gradflow.spectra.numerics.logdomain import Floats

# a slope that is not finite is told by the analysis that meets it
_QUIET: Any = {"over": "ignore", "invalid": "ignore", "divide": "ignore"}


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class LinearisedCell(Linearised):
    """A run of one cell.

    Parameters
    ----------
    bound
        The compiled cell with its parameters, which ran it and runs what follows; one of
        :class:`gradflow.codegen.varying.Varying` where they change from step to step.
    flat_states
        (..., T + 1, d): the whole state, parts side by side; index 0 is the initial state.
    inputs
        (..., T, input) by name.
    """

    bound: Bound | Varying
    inputs: Mapping[str, Floats]

    @property
    def code(self) -> Code:
        """The compiled cell."""
        return self.bound.code  # type: ignore[return-value]

    @property
    def params(self) -> Mapping[str, Floats]:
        """The arrays of the cell by name."""
        return self.bound.params

    @property
    def backend(self) -> str:
        """Name of the target that ran it."""
        return self.bound.code.backend

    @property
    def cell(self) -> Cell:
        """The cell that was run."""
        return self.bound.cell

    @property
    def name(self) -> str:
        """The cell's name."""
        return self.cell.name

    def require_constant(self, what: str) -> None:
        """Raise ``UsageError`` if a parameter changes from step to step."""
        if isinstance(self.bound, Varying):
            moving = ", ".join(self.bound.moving)
            raise UsageError(
                f"{what}: its statement is about weights that stay, and {moving} of cell "
                f"{self.name!r} change at every step; run the cell with one array for each."
            )

    def part_sizes(self) -> Mapping[str, int]:
        """Return the number of units of each state part, in flattening order."""
        return self.bound.part_sizes(self.flat_states)

    def one(self, *index: int) -> Self:
        """Return one trajectory of a batch, by its index along each batch axis."""
        if len(index) != len(self.batch):
            raise UsageError(
                f"one: {len(index)} indices are given; the run has batch axes {self.batch}, and "
                "each needs one."
            )
        index = tuple(
            whole_number(i, f"one: the index along batch axis {axis}", -size, size - 1)
            for axis, (i, size) in enumerate(zip(index, self.batch, strict=True))
        )
        inputs = {
            name: np.broadcast_to(x, (*self.batch, *x.shape[-2:]))[index]
            for name, x in self.inputs.items()
        }
        return replace(self, flat_states=self.flat_states[index], inputs=inputs)

    def path_jacobians(self) -> dict[str, Floats]:
        """Return by path its share of the step Jacobians (..., T, d, d), which add up to them."""
        states, inputs, t = self._at(slice(0, self.steps))
        with np.errstate(**_QUIET):
            return self.bound.path_jacobians(states, inputs, t)

    def pull_back(self, covector: Floats, *, rows: bool = False) -> Pulled:
        """Return the logs of ``u P(T, T - lag)`` for lag 0 to T, and with ``rows`` directions."""
        return pull_back(self.bound, self.flat_states, self.inputs, covector, rows=rows)

    def fault(self) -> Fault | None:
        """Return where a derivative of the run first is NaN or infinite, ``None`` where none is.

        See :func:`gradflow.locate`, which also tells where a run stops that cannot be made.
        """
        return fault_of_slopes(self.bound, self.flat_states, self.inputs)

    def _at(self, where: Where) -> tuple[Floats, dict[str, Floats] | None, NDArray[np.int64]]:
        states = self.flat_states[..., :-1, :][..., where, :]
        inputs = {n: x[..., where, :] for n, x in self.inputs.items()} or None
        return states, inputs, np.asarray(np.arange(1, self.steps + 1)[where])

    def _jacobians(self, where: Where, out: Floats | None = None) -> Floats:
        states, inputs, t = self._at(where)
        with np.errstate(**_QUIET):
            return np.asarray(self.bound.jacobian(states, inputs, t, out))

    def _vjp(self, u: ArrayLike, where: Where) -> Floats:
        states, inputs, t = self._at(where)
        with np.errstate(**_QUIET):
            return np.asarray(self.bound.vjp(states, u, inputs, t))

    def _parameter_vjp(self, u: ArrayLike, where: Where) -> dict[str, Floats]:
        states, inputs, t = self._at(where)
        return self.bound.parameter_vjp(states, u, inputs, t)
