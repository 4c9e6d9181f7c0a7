r"""The parameter gradient of backpropagation through time, each lag's contribution kept apart.

.. math::

   \frac{\partial L}{\partial\theta} = \sum_{\ell \ge 0} C_\ell, \qquad
   C_\ell = \sum_t \frac{\partial L}{\partial s_t} P(t, t-\ell)
   \frac{\partial^+ s_{t-\ell}}{\partial\theta}

(the temporal components of Pascanu, Mikolov & Bengio, ICML 2013, eqs. 3-5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array
from gradflow.errors import UsageError
from gradflow.spectra.numerics.logdomain import Floats, normalized, unit_rows

if TYPE_CHECKING:
    from gradflow.spectra.trajectory import Trajectory


@dataclass(frozen=True, eq=False)
class ParameterGradient:
    r"""The gradient of a loss by every parameter, and its contributions by lag.

    Parameters
    ----------
    total
        Parameter to its gradient, all lags.
    lag
        (lags,) lags kept, 0 first.
    by_lag
        Parameter to (lags, *shape): ``C_lag``, scaled by ``exp(-log_scale[lag])``.
    log_scale
        (lags,) natural log of the factor taken out, so that no contribution underflows.
    log_norm
        Parameter to (lags,): natural log of the Frobenius norm of ``C_lag``.
    """

    total: Mapping[str, Floats]
    lag: np.ndarray[Any, np.dtype[np.int64]]
    by_lag: Mapping[str, Floats]
    log_scale: Floats
    log_norm: Mapping[str, Floats]

    def _repr_html_(self) -> str:
        rows = ", ".join(
            f"{name} {np.linalg.norm(value):.4g}" for name, value in self.total.items()
        )
        return f"<b>parameter gradient</b>, {len(self.lag)} lags kept; norms: {rows}"

    def contribution(self, lag: int) -> dict[str, Floats]:
        """Return ``C_lag`` of every parameter in plain floats (zero where it underflows)."""
        if not 0 <= lag < len(self.lag):
            raise UsageError(f"contribution: lag {lag} is not kept; 0 to {len(self.lag) - 1} are.")
        factor = np.exp(self.log_scale[lag])
        return {name: factor * values[lag] for name, values in self.by_lag.items()}


def parameter_gradient(
    trajectory: Trajectory, gradient: ArrayLike, lags: int | None = None
) -> ParameterGradient:
    r"""Backpropagate a loss to the parameters of one trajectory.

    Parameters
    ----------
    trajectory
        A run of ``T`` steps without batch axes.
    gradient
        (T, d) direct gradients :math:`\partial L/\partial s_t` at steps 1 to T, or (d,) for a loss
        of the last state alone.
    lags
        Number of lags to keep apart (all ``T`` by default); the total always has all of them.

    Raises
    ------
    UsageError
        If shapes do not fit or the trajectory has batch axes.
    """
    trajectory.require_single("parameter_gradient")
    steps, width = trajectory.steps, trajectory.width
    direct = real_array(gradient, "parameter_gradient", "the gradient", finite=False)
    if direct.shape == (width,):
        direct = np.concatenate([np.zeros((steps - 1, width)), direct[None]])
    if direct.shape != (steps, width):
        raise UsageError(
            f"parameter_gradient: gradient has shape {direct.shape}; it needs ({steps}, {width}) "
            f"for the gradient at every step, or ({width},) for the last."
        )
    kept = steps if lags is None else lags
    if not 1 <= kept <= steps:
        raise UsageError(f"parameter_gradient: lags={lags}; from 1 to {steps} can be kept.")
    names = trajectory.cell.parameters
    by_lag: dict[str, list[Floats]] = {name: [] for name in names}
    scales = []
    rows, log_scale = _rescaled(direct, 0.0)
    for lag in range(kept):
        scales.append(log_scale)
        # Row t of the loss has reached step k = t - lag, which takes the state before it.
        window = slice(0, steps - lag)
        found = trajectory.parameter_vjp(rows[lag:], window)
        for name in names:
            by_lag[name].append(found[name])
        rows[lag:] = trajectory.vjp(rows[lag:], window)
        rows[lag] = 0.0
        rows, log_scale = _rescaled(rows, log_scale)
    stacked = {name: np.stack(values) for name, values in by_lag.items()}
    scale = np.array(scales)
    log_norm = {n: unit_rows(v.reshape(kept, -1))[1] + scale for n, v in stacked.items()}
    total = _total(trajectory, direct)
    return ParameterGradient(total, np.arange(kept), stacked, scale, log_norm)


def _rescaled(rows: Floats, log_scale: float) -> tuple[Floats, float]:
    modest, exponent = normalized(rows, axis=(-1, -2))
    return modest, log_scale + float(exponent[0, 0]) * np.log(2)


def _total(trajectory: Trajectory, direct: Floats) -> dict[str, Floats]:
    """One backward sweep: the gradient that a framework computes."""
    arriving = direct.copy()
    for k in range(trajectory.steps - 1, 0, -1):
        arriving[k - 1] += trajectory.vjp(arriving[k], k)
    return trajectory.parameter_vjp(arriving, slice(0, trajectory.steps))
