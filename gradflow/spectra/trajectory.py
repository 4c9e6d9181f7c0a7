"""A run with every analysis as a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import whole_number
from gradflow.given import choice, flag
from gradflow.spectra.decay.blocks import (
    Block,
    block_decay,
    block_singular_values,
    block_slices,
)
from gradflow.spectra.decay.by_lag import ParameterGradient, parameter_gradient
from gradflow.spectra.decay.decay import Decay, product_decay, pulled_decay
from gradflow.spectra.decay.paths import PathDecay, path_decay
from gradflow.spectra.decay.truncation import Truncation, truncation
from gradflow.spectra.linearised import Linearised, Steps
from gradflow.spectra.linearised_cell import LinearisedCell
from gradflow.spectra.lyapunov.of_trajectory import trajectory_spectrum
from gradflow.spectra.lyapunov.spectrum import LyapunovSpectrum
from gradflow.spectra.products.eigenvalues import ProductEigenvalues, product_eigenvalues
from gradflow.spectra.products.singular_values import SingularValues, singular_values


class Analysed(Linearised):
    """The analyses of a run that need nothing but its states and Jacobians, whatever was run."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self._told()}>"

    def _repr_html_(self) -> str:
        return f"<b>{self.name}</b>: {self._told()}"

    def _told(self) -> str:
        parts = ", ".join(f"{p}: {s.stop - s.start}" for p, s in self.parts.items())
        return f"{self.steps} steps, units {parts}, batch axes {self.batch}"

    def decay(self, *, block: Block | None = None) -> Decay:
        r"""Return :math:`\|P(T, T-\ell)\|_2` against lag.

        With ``block=("c", "h")``, that of :math:`\partial c_T/\partial h_{T-\ell}` alone: a block
        of the product of whole Jacobians, no product of blocks.
        """
        if block is None:
            return product_decay(self.jacobians(), f"{self.name}: product of Jacobians")
        of, by = block_slices(block, self.parts, "decay")
        quantity = rf"\|\partial {block[0]}_t / \partial {block[1]}_k\|_2"
        label = f"{self.name}: block ({block[0]}, {block[1]}) of the product"
        return block_decay(self.jacobians(), of, by, label, quantity)

    def gradient_decay(
        self, gradient: ArrayLike | Mapping[str, ArrayLike], *, units: bool = True
    ) -> Decay:
        r"""Return :math:`\|\partial L/\partial s_k\|` against lag; no Jacobian is formed.

        ``gradient`` is :math:`\partial L/\partial s_T`, flat (..., d) or by part; parts left out
        are zero. ``units`` keeps the gradient of every unit too, as large as the states.
        """
        units = flag(units, "gradient_decay: units")
        row = self.checked_covector(gradient)
        pulled = self.pull_back(row, rows=units)
        return pulled_decay(pulled, list(self.parts), f"{self.name}: gradient", units)

    def paths(self, gradient: ArrayLike | Mapping[str, ArrayLike]) -> PathDecay:
        """Return the gradient against lag split by path; ``gradient`` as in ``gradient_decay``."""
        row = self.checked_covector(gradient)
        return path_decay(self.jacobians(), self.path_jacobians(), row)

    def parameter_gradient(self, gradient: ArrayLike, lags: int | None = None) -> ParameterGradient:
        r"""Backpropagate a loss to the parameters, each lag's contribution kept apart.

        ``gradient`` is (T, d), the direct gradients :math:`\partial L/\partial s_t` at the steps 1
        to T, or (d,) for a loss of the last state alone; either may have the run's batch axes
        before. So many ``lags`` are kept apart, all ``T`` by default; the total always has all of
        them.
        """
        return parameter_gradient(self, gradient, lags)

    def truncation(
        self, gradient: ArrayLike, windows: Sequence[int], *, sliding: bool = True
    ) -> Truncation:
        """Return what truncated backpropagation leaves out of the parameter gradient.

        For each of the ``windows``, in steps: every loss reaches back so many, or, not ``sliding``,
        to the start of its chunk of so many. ``gradient`` as in ``parameter_gradient``.
        """
        return truncation(self, gradient, windows, sliding)

    def singular_values(
        self, lags: Sequence[int] | None = None, *, block: Block | None = None
    ) -> SingularValues:
        """Return log singular values of ``P(T, T - lag)``, every one accurate.

        With ``block=("c", "h")``, of its block ``dc_T/dh_{T - lag}``; see :meth:`decay`.
        """
        self.require_single("singular_values")
        if block is None:
            return singular_values(self.jacobians(), lags)
        of, by = block_slices(block, self.parts, "singular_values")
        return block_singular_values(self.jacobians(), of, by, lags)

    def eigenvalues(self, t: Steps | None = None) -> NDArray[np.complex128]:
        """Return the eigenvalues (..., steps, d) of every step Jacobian, or of those at ``t``.

        ``t`` as in ``jacobians``. For those of the whole product see ``product_eigenvalues``.
        """
        return np.linalg.eigvals(self.jacobians(t)).astype(np.complex128)

    def product_eigenvalues(self, lag: int | None = None) -> ProductEigenvalues:
        """Return the eigenvalues of ``P(T, T - lag)`` (all steps by default), log magnitudes."""
        self.require_single("product_eigenvalues")
        given = self.steps if lag is None else lag
        count = whole_number(given, "product_eigenvalues: lag", 0, self.steps)
        return product_eigenvalues(self.jacobians(range(self.steps - count + 1, self.steps + 1)))


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
