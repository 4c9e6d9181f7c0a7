"""A cell run over an input: its states, and every analysis as a method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array
from gradflow.cells.cell import Cell
from gradflow.codegen import Bound, Code, compile
from gradflow.codegen.over_time import pull_back
from gradflow.errors import UsageError
from gradflow.spectra.decay.by_lag import ParameterGradient, parameter_gradient
from gradflow.spectra.decay.decay import Decay, product_decay, pulled_decay
from gradflow.spectra.decay.paths import PathDecay, path_decay
from gradflow.spectra.lyapunov.of_trajectory import trajectory_spectrum
from gradflow.spectra.lyapunov.spectrum import LyapunovSpectrum
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.products.eigenvalues import ProductEigenvalues, product_eigenvalues
from gradflow.spectra.products.singular_values import SingularValues, singular_values

# Jacobians are made this many bytes at a time where a long run streams them.
_CHUNK_BYTES = 2**26


@dataclass(frozen=True, eq=False)
class Trajectory:
    """States of a cell over ``T`` steps, batch axes first.

    Parameters
    ----------
    cell, params
        What was run.
    flat_states
        (..., T + 1, d): the whole state, parts side by side; index 0 is the initial state.
    inputs
        (..., T, input) by name.
    backend
        The target that ran it, and that runs what follows.
    bound
        The compiled cell with its parameters.
    """

    cell: Cell
    params: Mapping[str, Floats]
    flat_states: Floats
    inputs: Mapping[str, Floats]
    backend: str = "numpy"
    bound: Bound = field(default=None, kw_only=True, repr=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Bind the parameters where they come unbound."""
        if self.bound is None:
            bound = compile(self.cell, self.backend).bind(self.params, self.flat_states)
            object.__setattr__(self, "bound", bound)

    @property
    def code(self) -> Code:
        """The compiled cell."""
        return compile(self.cell, self.backend)

    @property
    def steps(self) -> int:
        """Number of steps ``T``."""
        return int(self.flat_states.shape[-2]) - 1

    @property
    def width(self) -> int:
        """Size ``d`` of the whole state."""
        return int(self.flat_states.shape[-1])

    @cached_property
    def parts(self) -> dict[str, slice]:
        """State part to its slice of the flat state."""
        sizes = self.bound.part_sizes()
        stops = np.cumsum([0, *sizes.values()])
        return {p: slice(int(stops[i]), int(stops[i + 1])) for i, p in enumerate(sizes)}

    @cached_property
    def states(self) -> dict[str, Floats]:
        """State part to (..., T + 1, units); index 0 is the initial state."""
        return {p: self.flat_states[..., s] for p, s in self.parts.items()}

    def _repr_html_(self) -> str:
        parts = ", ".join(f"{p}: {s.stop - s.start}" for p, s in self.parts.items())
        batch = self.flat_states.shape[:-2]
        return f"<b>{self.cell.name}</b>: {self.steps} steps, units {parts}, batch axes {batch}"

    def require_single(self, what: str) -> None:
        """Raise ``UsageError`` if the trajectory has batch axes."""
        if self.flat_states.ndim != 2:
            raise UsageError(
                f"{what}: needs one trajectory; this one has batch axes "
                f"{self.flat_states.shape[:-2]}, so run it one sequence at a time."
            )

    def _at(self, where: int | slice) -> tuple[Floats, dict[str, Floats] | None, Any]:
        states = self.flat_states[..., :-1, :][..., where, :]
        inputs = {n: x[..., where, :] for n, x in self.inputs.items()} or None
        return states, inputs, np.arange(1, self.steps + 1)[where]

    def jacobians(self, where: int | slice = slice(None)) -> Floats:
        """Return the step Jacobians (..., T, d, d), or those of 0-based steps ``where``."""
        states, inputs, t = self._at(where)
        return np.asarray(self.bound.jacobian(states, inputs, t))

    def jacobian(self, t: int) -> Floats:
        """Return ``J_t`` (..., d, d) of step ``t``, counted from 1. Raises ``UsageError``."""
        if not 1 <= t <= self.steps:
            raise UsageError(f"jacobian: t={t}; this run has the steps 1 to {self.steps}.")
        return self.jacobians(t - 1)

    def chunks(self, *, overwrite: bool = False) -> Iterator[Floats]:
        """Yield the step Jacobians of one trajectory in blocks (m, d, d), first step first.

        With ``overwrite`` a block may lie in the memory of the one before it.
        """
        self.require_single("chunks")
        size = min(self.steps, max(1, _CHUNK_BYTES // (8 * self.width**2)))
        memory = np.empty((size, self.width, self.width)) if overwrite else None
        for start in range(0, self.steps, size):
            states, inputs, t = self._at(slice(start, start + size))
            out = memory[: len(t)] if memory is not None else None
            yield np.asarray(self.bound.jacobian(states, inputs, t, out))

    def vjp(self, u: ArrayLike, where: int | slice) -> Floats:
        """Return ``u J_t`` for covectors on the new states of 0-based steps ``where``."""
        states, inputs, t = self._at(where)
        return np.asarray(self.bound.vjp(states, u, inputs, t))

    def parameter_vjp(self, u: ArrayLike, where: int | slice) -> dict[str, Floats]:
        """Return ``u d+s_t/dtheta`` summed over the 0-based steps ``where``."""
        states, inputs, t = self._at(where)
        return self.bound.parameter_vjp(states, u, inputs, t)

    def decay(self) -> Decay:
        r"""Return :math:`\|P(T, T-\ell)\|_2` against lag."""
        return product_decay(self.jacobians(), f"{self.cell.name}: product of Jacobians")

    def gradient_decay(
        self, gradient: ArrayLike | Mapping[str, ArrayLike], *, units: bool = True
    ) -> Decay:
        r"""Return :math:`\|\partial L/\partial s_k\|` against lag; no Jacobian is formed.

        ``gradient`` is :math:`\partial L/\partial s_T`, flat (..., d) or by part; parts left out
        are zero. ``units`` keeps the gradient of every unit too, as large as the states.
        """
        row = self.checked_covector(gradient)
        pulled = pull_back(self.bound, self.flat_states, self.inputs, row, rows=units)
        return pulled_decay(pulled, list(self.parts), f"{self.cell.name}: gradient", units)

    def checked_covector(self, gradient: ArrayLike | Mapping[str, ArrayLike]) -> Floats:
        """Return ``covector(gradient)`` once it is finite and fits. Raises ``UsageError``."""
        row = real_array(self.covector(gradient), "gradient", "gradient's entries", many=True)
        batch = self.flat_states.shape[:-2]
        lead = row.shape[:-1]
        fits = row.ndim > 0 and row.shape[-1] == self.width and len(lead) <= len(batch)
        if not fits or any(r not in (1, b) for r, b in zip(lead[::-1], batch[::-1], strict=False)):
            raise UsageError(
                f"gradient: it has shape {row.shape} and the states {self.flat_states.shape}; give "
                f"(..., {self.width}), one row a trajectory or one for all."
            )
        return row

    def covector(self, gradient: ArrayLike | Mapping[str, ArrayLike]) -> Floats:
        """Return a flat covector (..., d) from one, or from parts with zeros elsewhere."""
        if not isinstance(gradient, Mapping):
            return real_array(gradient, "gradient", "gradient's entries", finite=False, many=True)
        given = {
            p: real_array(v, "gradient", f"entries of part {p!r}", finite=False, many=True)
            for p, v in gradient.items()
        }
        for part, value in given.items():
            if part not in self.parts:
                known = ", ".join(self.parts)
                raise UsageError(f"gradient: no state part {part!r}; there are {known}.")
            size = self.parts[part].stop - self.parts[part].start
            if value.ndim < 1 or value.shape[-1] != size:
                raise UsageError(
                    f"gradient: part {part!r} has shape {value.shape}; its last axis needs {size}."
                )
        lead = np.broadcast_shapes(*(v.shape[:-1] for v in given.values()))
        flat = np.zeros((*lead, self.width))
        for part, value in given.items():
            flat[..., self.parts[part]] = value
        return flat

    def paths(self, gradient: ArrayLike | Mapping[str, ArrayLike]) -> PathDecay:
        """Return the gradient against lag split by path; ``gradient`` as in ``gradient_decay``."""
        self.require_single("paths")
        states, inputs, t = self._at(slice(None))
        by_path = self.bound.path_jacobians(states, inputs, t)
        return path_decay(self.jacobians(), by_path, self.covector(gradient))

    def parameter_gradient(self, gradient: ArrayLike, lags: int | None = None) -> ParameterGradient:
        """Backpropagate to the parameters; see :func:`gradflow.spectra.parameter_gradient`."""
        return parameter_gradient(self, gradient, lags)

    def singular_values(self, lags: Sequence[int] | None = None) -> SingularValues:
        """Return log singular values of ``P(T, T - lag)``, every one accurate."""
        self.require_single("singular_values")
        return singular_values(self.jacobians(), lags)

    def eigenvalues(self, t: int | None = None) -> Any:
        """Return the eigenvalues of every step Jacobian (..., T, d) complex, or of step ``t``.

        For the eigenvalues of the whole product see ``product_eigenvalues``.
        """
        found = np.linalg.eigvals(self.jacobians() if t is None else self.jacobian(t))
        return found.astype(np.complex128)

    def product_eigenvalues(self, lag: int | None = None) -> ProductEigenvalues:
        """Return the eigenvalues of ``P(T, T - lag)`` (all steps by default), log magnitudes."""
        self.require_single("product_eigenvalues")
        count = self.steps if lag is None else lag
        if not 0 <= count <= self.steps:
            raise UsageError(f"product_eigenvalues: lag={lag}; from 0 to {self.steps} is possible.")
        return product_eigenvalues(self.jacobians(slice(self.steps - count, self.steps)))

    def lyapunov(self, part: str | None = None, **options: Any) -> LyapunovSpectrum:
        """Return the Lyapunov spectrum of the whole state, (..., k) for leading axes (...).

        ``part="h"`` uses the block ``dh'/dh`` alone, as tools do that drop ``c``: the label says
        so, and the number is wrong for a cell with more than one part. ``options`` go to
        :func:`gradflow.spectra.lyapunov_spectrum`; the transient is a tenth of all steps by
        default. With ``leading=k`` the Jacobians are not formed where that is cheaper, see
        :func:`gradflow.spectra.cheaper_unformed`, and all trajectories go forward together.
        """
        if part is not None and part not in self.parts:
            raise UsageError(
                f"lyapunov: no state part {part!r}; there are {', '.join(self.parts)}."
            )
        if part is not None and len(self.parts) > 1:
            options = {"label": f"{part} only (what others print)", **options}
        return trajectory_spectrum(self, part, options)
