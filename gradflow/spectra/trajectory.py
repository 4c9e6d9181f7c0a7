"""A run with every analysis as a method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array, whole_number
from gradflow.errors import UsageError
from gradflow.given import choice, flag
from gradflow.memory import FLOAT, require
from gradflow.spectra.beyond import products
from gradflow.spectra.beyond.paths import paths
from gradflow.spectra.beyond.rows import without_loss
from gradflow.spectra.decay.blocks import (
    Block,
    block_log_norms,
    block_singular_values,
    block_slices,
)
from gradflow.spectra.decay.by_lag import ParameterGradient, parameter_gradient
from gradflow.spectra.decay.decay import Decay, matrix_decay, pulled_decay
from gradflow.spectra.decay.paths import PathDecay, path_decay
from gradflow.spectra.decay.truncation import Truncation, truncation
from gradflow.spectra.faults.told import told
from gradflow.spectra.linearised import Linearised, Steps
from gradflow.spectra.linearised_cell import LinearisedCell
from gradflow.spectra.lyapunov.conditional import conditional
from gradflow.spectra.lyapunov.covariant import CovariantVectors, covariant_of_run
from gradflow.spectra.lyapunov.exponents import LyapunovSpectrum
from gradflow.spectra.lyapunov.finite_time import FiniteTimeExponents, finite_time_of_run
from gradflow.spectra.lyapunov.of_trajectory import trajectory_spectrum
from gradflow.spectra.numerics.logdomain import Floats, log_norms_backward
from gradflow.spectra.products.eigenvalues import ProductEigenvalues, product_eigenvalues
from gradflow.spectra.products.singular_values import (
    SingularValues,
    checked_lags,
    singular_values,
)

# Jacobians that exist at one time, for one of each step an analysis needs, and for a
# decay in all; the states' size that the gradient of every unit takes.
_SINGULAR_COPIES, _EIGEN_COPIES, _STREAMED_COPIES, _UNIT_COPIES = 2.0, 6.0, 8, 5
# Seconds that the eigenvalues of d x d numbers take over d^3, and those that a call may take: each
# step is on its own, so that who wants hours of them asks several times.
_EIGEN_SECONDS, _LONGEST = 7e-10, 3600.0


class Analysed(Linearised):
    """The analyses of a run that need nothing but its states and Jacobians, whatever was run."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self._told()}>"

    def _repr_html_(self) -> str:
        return f"<b>{self.name}</b>: {self._told()}"

    def _told(self) -> str:
        parts = ", ".join(f"{p}: {s.stop - s.start}" for p, s in self.parts.items())
        return f"{self.steps} steps, units {parts}, batch axes {self.batch}"

    @told
    def decay(self, *, block: Block | None = None) -> Decay:
        r"""Return :math:`\|P(T, T-\ell)\|_2` against lag.

        With ``block=("c", "h")``, that of :math:`\partial c_T/\partial h_{T-\ell}` alone: a block
        of the product of whole Jacobians, no product of blocks.
        """
        if self.in_doubt().any():
            return products.decay(self, block)
        steps = self._streamed("decay")
        if block is None:
            label = f"{self.name}: product of Jacobians"
            return matrix_decay(log_norms_backward(steps), r"\|P(t,k)\|_2", label)
        of, by = block_slices(block, self.parts, "decay")
        quantity = rf"\|\partial {block[0]}_t / \partial {block[1]}_k\|_2"
        label = f"{self.name}: block ({block[0]}, {block[1]}) of the product"
        return matrix_decay(block_log_norms(steps, self.width, of, by), quantity, label)

    @told
    def gradient_decay(
        self, gradient: ArrayLike | Mapping[str, ArrayLike], *, units: bool = True
    ) -> Decay:
        r"""Return :math:`\|\partial L/\partial s_k\|` against lag; no Jacobian is formed.

        ``gradient`` is :math:`\partial L/\partial s_T`, flat (..., d) or by part; parts left out
        are zero. ``units`` keeps the gradient of every unit too, as large as the states.
        """
        units = flag(units, "gradient_decay: units")
        row = self.checked_covector(gradient)
        if units:
            require(
                _UNIT_COPIES * self.flat_states.nbytes,
                "gradient_decay",
                "the gradient of every unit at every step",
                "give units=False for the norm alone",
            )
        pulled = without_loss(self, row, self.pull_back(row, rows=units), units)
        return pulled_decay(pulled, list(self.parts), f"{self.name}: gradient", units)

    @told
    def paths(self, gradient: ArrayLike | Mapping[str, ArrayLike]) -> PathDecay:
        """Return the gradient against lag split by path; ``gradient`` as in ``gradient_decay``."""
        row = self.checked_covector(gradient)
        if self.in_doubt().any():
            return paths(self, row)
        return path_decay(self._path_chunks(), row)

    @told
    def parameter_gradient(self, gradient: ArrayLike, lags: int | None = None) -> ParameterGradient:
        r"""Backpropagate a loss to the parameters, each lag's contribution kept apart.

        ``gradient`` is (T, d), the direct gradients :math:`\partial L/\partial s_t` at the steps 1
        to T, or (d,) for a loss of the last state alone; either may have the run's batch axes
        before. So many ``lags`` are kept apart, all ``T`` by default; the total always has all of
        them.
        """
        return parameter_gradient(self, gradient, lags)

    @told
    def truncation(
        self, gradient: ArrayLike, windows: Sequence[int], *, sliding: bool = True
    ) -> Truncation:
        """Return what truncated backpropagation leaves out of the parameter gradient.

        For each of the ``windows``, in steps: every loss reaches back so many, or, not ``sliding``,
        to the start of its chunk of so many. ``gradient`` as in ``parameter_gradient``.
        """
        return truncation(self, gradient, windows, sliding)

    @told
    def singular_values(
        self, lags: Sequence[int] | None = None, *, block: Block | None = None
    ) -> SingularValues:
        """Return log singular values (..., m, d) of ``P(T, T - lag)``, every one accurate.

        With ``block=("c", "h")``, of its block ``dc_T/dh_{T - lag}``; see :meth:`decay`. Every
        trajectory of a batch has its own.
        """
        if self.in_doubt().any():
            return products.values(self, lags, block)
        longest = self.steps
        if lags is not None:
            lags = checked_lags(lags, self.steps).tolist()
            longest = max(lags, default=0)
        jacobians = self._last(longest, "singular_values", "lags up to", _SINGULAR_COPIES)
        if block is None:
            return singular_values(jacobians, lags)
        of, by = block_slices(block, self.parts, "singular_values")
        return block_singular_values(jacobians, of, by, lags)

    @told
    def eigenvalues(self, t: Steps | None = None) -> NDArray[np.complex128]:
        """Return the eigenvalues (..., steps, d) of every step Jacobian, or of those at ``t``.

        ``t`` as in ``jacobians``. For those of the whole product see ``product_eigenvalues``.
        Raises ``UsageError`` for so many steps that they would take hours.
        """
        where = self._where("eigenvalues", t)
        self._require_steps(1, "eigenvalues", "take fewer trajectories at once, by run.one(...)")
        chosen = np.arange(self.steps)[where]
        require(
            2 * FLOAT * chosen.size * self.flat_states[..., 0, :].size,
            "eigenvalues",
            f"those of {chosen.size} Jacobians",
            "ask for fewer steps at once",
        )
        self._require_time(chosen.size)
        found = [
            np.linalg.eigvals(real_array(steps, "eigenvalues", "step Jacobians", many=True))
            for piece in self._pieces(chosen.size)
            for steps in [self._jacobians(where if chosen.ndim == 0 else chosen[piece])]
        ]
        whole = found[0] if chosen.ndim == 0 else np.concatenate(found, axis=-2)
        return whole.astype(np.complex128)

    @told
    def product_eigenvalues(self, lag: int | None = None) -> ProductEigenvalues:
        """Return the eigenvalues of ``P(T, T - lag)`` (all steps by default), log magnitudes.

        Every trajectory of a batch has its own (..., d).
        """
        given = self.steps if lag is None else lag
        count = whole_number(given, "product_eigenvalues: lag", 0, self.steps)
        if self.in_doubt().any():
            return products.eigenvalues(self, count)
        jacobians = self._last(count, "product_eigenvalues", "a lag up to", _EIGEN_COPIES)
        return product_eigenvalues(jacobians)

    @told
    def conditional_exponents(self, of: str | Sequence[str], **options: Any) -> LyapunovSpectrum:
        """Return the Lyapunov spectrum (..., k) of a state part, or several, given all others.

        Those of the whole state given the inputs are ``lyapunov``. All negative, copies of the
        part with one drive and different beginnings become one. ``options`` as in ``lyapunov``.
        """
        return conditional(self, of, options)

    @told
    def finite_time_exponents(
        self, window: int, *, transient: int | None = None, leading: int | None = None
    ) -> FiniteTimeExponents:
        """Return growth rates (..., m, k) over consecutive windows of so many steps.

        Arguments as in :func:`gradflow.spectra.finite_time_exponents`.
        """
        return finite_time_of_run(self, window, transient, leading)

    @told
    def covariant_vectors(
        self, *, leading: int | None = None, transient: int | None = None
    ) -> CovariantVectors:
        """Return the covariant Lyapunov vectors of one trajectory.

        Arguments as in :func:`gradflow.spectra.covariant_vectors`.
        """
        return covariant_of_run(self, leading, transient)

    def _streamed(self, where: str) -> Iterator[Floats]:
        """Yield the step Jacobians from the last block back, if a few of them can be held."""
        advice = "take fewer trajectories at once, by run.one(...)"
        self._require_steps(1, where, advice, _STREAMED_COPIES)
        return self.chunks(backward=True)

    def _require_time(self, count: int) -> None:
        """Raise ``UsageError`` if the eigenvalues of so many steps take longer than an hour."""
        one = _EIGEN_SECONDS * self.width * self.flat_states[..., 0, :].size * self.width
        if count > 1 and count * one > _LONGEST:
            most = max(1, int(_LONGEST / one))
            raise UsageError(
                f"eigenvalues: those of {count} Jacobians, {self.width} x {self.width} numbers "
                f"each, would take about {count * one / 3600:.2g} hours, and an hour may be taken; "
                f"ask for up to {most} steps at once, such as range(1, {most + 1})."
            )

    def _last(self, count: int, where: str, shorter: str, copies: float) -> Floats:
        """Return the Jacobians of the last ``count`` steps, if so many copies can be held."""
        most = self._most_steps(copies)
        advice = f"ask for {shorter} {most}" if most else "no lag is short enough"
        self._require_steps(count, where, advice, copies)
        return self._jacobians(slice(self.steps - count, self.steps))


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Trajectory(LinearisedCell, Analysed):
    """A cell run over an input: its states (..., T + 1, d), and every analysis as a method.

    Made by :func:`gradflow.run`. Steps are counted from 1, as in the equations: ``jacobian(t)``
    leads from ``flat_states[t - 1]`` to ``flat_states[t]``.

    Parameters
    ----------
    bound
        The compiled cell with its parameters, which ran it and runs what follows: ``code`` and
        ``params``.
    flat_states
        (..., T + 1, d): the whole state, parts side by side; index 0 is the initial state.
    inputs
        (..., T, input) by name.

    Examples
    --------
    >>> import gradflow as gf
    >>> run = gf.run(gf.cells.scalar, {"w": [0.5]}, state=[1.0], steps=7)
    >>> run
    <Trajectory scalar: 7 steps, units y: 1, batch axes ()>
    >>> run.jacobian(1), run.jacobians(range(1, 4)).shape
    (array([[0.5]]), (3, 1, 1))
    >>> run.decay().horizon(0.01)
    7
    """

    @told
    def lyapunov(
        self, part: str | None = None, *, leading: int | None = None, **options: Any
    ) -> LyapunovSpectrum:
        """Return the Lyapunov spectrum of the whole state, (..., k) for leading axes (...).

        ``part="h"`` uses the block ``dh'/dh`` alone, as tools do that drop ``c``: the label says
        so, and the number is wrong for a cell with more than one part. ``options`` go to
        :func:`gradflow.spectra.lyapunov_spectrum`; the transient is a tenth of all steps by
        default. With ``leading=k`` the Jacobians are not formed where that is cheaper, and all
        trajectories go forward together.
        """
        if part is not None:
            choice(part, "lyapunov: part", self.parts)
        if leading is not None:
            options = {**options, "leading": leading}
        if part is not None and len(self.parts) > 1:
            options = {"label": f"{part} only (what others print)", **options}
        return trajectory_spectrum(self, part, options)
