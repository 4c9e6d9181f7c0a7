"""The run of one cell, linearised: every call of its compiled code that an analysis needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import whole_number
from gradflow.cells.cell import Cell
from gradflow.codegen import Bound, Code
from gradflow.codegen.logarithms.numbers import Logs, joined
from gradflow.codegen.logarithms.steps import log_input_jacobians, log_jacobians, log_least
from gradflow.codegen.over_time import Pulled, pull_back
from gradflow.codegen.varying import Varying
from gradflow.errors import UsageError
from gradflow.given import flag
from gradflow.memory import rows_together
from gradflow.spectra.faults.fault import Fault
from gradflow.spectra.faults.of_slopes import fault_of_slopes
from gradflow.spectra.linearised import Linearised, Where
from gradflow.spectra.numerics.logdomain import Floats

# a slope that is not finite is told by the analysis that meets it
_QUIET: Any = {"over": "ignore", "invalid": "ignore", "divide": "ignore"}


def _alike(
    bound: Bound | Varying, t: NDArray[np.int64], span: slice
) -> Iterator[tuple[Bound, slice]]:
    """Yield slices of steps ``t`` that have the same parameters, with the code bound to them."""
    if isinstance(bound, Bound):
        yield bound, span
        return
    for k in range(*span.indices(len(t))):
        yield bound.at(int(t[k])), slice(k, k + 1)


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

    def until(self, t: int) -> Self:
        """Return the run as far as the state after step ``t``, counted from 1.

        Raises ``UsageError`` for a step that the run does not have.
        """
        stop = whole_number(t, "until: t", 1, self.steps)
        inputs = {name: x[..., :stop, :] for name, x in self.inputs.items()}
        return replace(self, flat_states=self.flat_states[..., : stop + 1, :], inputs=inputs)

    def pull_back(self, covector: Floats, *, rows: bool = False) -> Pulled:
        """Return the logs of ``u P(T, T - lag)`` for lag 0 to T, and with ``rows`` directions."""
        return pull_back(self.bound, self.flat_states, self.inputs, covector, rows=rows)

    def log_least(self, *, by_inputs: bool = False, closely: bool = False) -> Floats:
        """Return (..., T) a log below which no entry of the step's Jacobian lies but zeros.

        That ``by_inputs`` if asked for. It is a single number where that is enough to see that
        nothing is lost, unless ``closely``.
        """
        by_inputs = flag(by_inputs, "log_least: by_inputs")
        closely = flag(closely, "log_least: closely")
        if not (by_inputs or closely):
            return self._log_least
        return self._least_of_steps(by_inputs, closely)

    @cached_property
    def _log_least(self) -> Floats:
        return self._least_of_steps(by_inputs=False, closely=False)

    def _least_of_steps(self, by_inputs: bool, closely: bool) -> Floats:
        *batch, steps, width = self.flat_states[..., 1:, :].shape
        states = self.flat_states[..., :-1, :].reshape(-1, width)
        inputs = {
            n: np.broadcast_to(x, (*batch, *x.shape[-2:])).reshape(-1, x.shape[-1])
            for n, x in self.inputs.items()
        }
        t = np.broadcast_to(np.arange(1, steps + 1), (*batch, steps)).ravel()
        bound = self.bound.with_state(self.flat_states)
        found = np.empty(len(states))
        together = rows_together(width)
        for i in range(0, len(states), together):
            for here, some in _alike(bound, t, slice(i, i + together)):
                own = {n: x[some] for n, x in inputs.items()}
                found[some] = log_least(
                    here, states[some], own, t[some], by_inputs=by_inputs, closely=closely
                )
        return found.reshape(*batch, steps)

    def log_path_jacobians(self, where: NDArray[np.int64]) -> dict[str, Logs]:
        """Return `path_jacobians` of some steps of one trajectory, from 0, in logarithms."""
        states, inputs, t = self._at(where)
        bound = self.bound.with_state(self.flat_states)
        parts = [
            log_jacobians(
                here, states[some], {n: x[some] for n, x in (inputs or {}).items()}, t[some]
            )
            for here, some in _alike(bound, t, slice(0, len(t)))
        ]
        return {path: joined([part[path] for part in parts]) for path in parts[0]}

    def log_input_jacobians(self, where: NDArray[np.int64]) -> Logs:
        """Return the derivatives (m, d, units) by the inputs at such steps, in logarithms."""
        states, inputs, t = self._at(where)
        bound = self.bound.with_state(self.flat_states)
        return joined(
            [
                log_input_jacobians(
                    here, states[some], {n: x[some] for n, x in (inputs or {}).items()}, t[some]
                )
                for here, some in _alike(bound, t, slice(0, len(t)))
            ]
        )

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

    def _path_jacobians(self, where: Where) -> dict[str, Floats]:
        states, inputs, t = self._at(where)
        with np.errstate(**_QUIET):
            return self.bound.path_jacobians(states, inputs, t)

    def _vjp(self, u: ArrayLike, where: Where) -> Floats:
        states, inputs, t = self._at(where)
        with np.errstate(**_QUIET):
            return np.asarray(self.bound.vjp(states, u, inputs, t))

    def _full_vjp(self, u: Floats, where: Where) -> tuple[Floats, Floats]:
        """Return gradients (..., d) by the old state and (..., input) by what the step reads.

        ``u`` (..., d) are covectors on the new states of steps from 0; inputs lie side by side.
        """
        states, inputs, t = self._at(where)
        with np.errstate(**_QUIET):
            old, read = self.bound.full_vjp(states, u, inputs, t)
        return np.asarray(old), np.asarray(read)

    def _parameter_vjp(self, u: ArrayLike, where: Where) -> dict[str, Floats]:
        states, inputs, t = self._at(where)
        return self.bound.parameter_vjp(states, u, inputs, t)
