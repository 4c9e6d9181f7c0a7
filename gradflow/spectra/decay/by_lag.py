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
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array, whole_number
from gradflow.errors import UsageError
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.numerics.logdomain import Floats, normalized, unit_rows


@dataclass(frozen=True, eq=False, kw_only=True)
class ParameterGradient:
    r"""The gradient of a loss by every parameter, and its contributions by lag.

    Parameters
    ----------
    total
        Parameter to its gradient, all lags.
    lag
        (lags,) lags kept, 0 first.
    by_lag
        Parameter to (lags, *shape): ``C_lag``, scaled by ``exp(-log_scale[lag])``, so that
        ``exp(log_scale[lag]) * by_lag[name][lag]`` is it in plain floats.
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

    def __repr__(self) -> str:
        norm = np.linalg.norm([np.linalg.norm(value) for value in self.total.values()])
        return (
            f"<ParameterGradient by {len(self.total)} parameters, norm {norm:.4g}, "
            f"{len(self.lag)} lags kept>"
        )

    def _repr_html_(self) -> str:
        rows = ", ".join(
            f"{name} {np.linalg.norm(value):.4g}" for name, value in self.total.items()
        )
        return f"<b>parameter gradient</b>, {len(self.lag)} lags kept; norms: {rows}"


def parameter_gradient(
    run: Linearised, gradient: ArrayLike, lags: int | None = None
) -> ParameterGradient:
    r"""Backpropagate a loss to the parameters of one trajectory.

    Parameters
    ----------
    run
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
    run.require_single("parameter_gradient")
    steps, width = run.steps, run.width
    direct = real_array(gradient, "parameter_gradient", "the gradient", finite=False)
    if direct.shape == (width,):
        direct = np.concatenate([np.zeros((steps - 1, width)), direct[None]])
    if direct.shape != (steps, width):
        raise UsageError(
            f"parameter_gradient: gradient has shape {direct.shape}; it needs ({steps}, {width}) "
            f"for the gradient at every step, or ({width},) for the last."
        )
    given = steps if lags is None else lags
    kept = whole_number(given, "parameter_gradient: lags", 1, steps)
    total = _total(run, direct)
    by_lag: dict[str, list[Floats]] = {name: [] for name in total}
    scales = []
    rows, log_scale = _rescaled(direct, 0.0)
    for lag in range(kept):
        scales.append(log_scale)
        # Row t of the loss has reached step k = t - lag, which takes the state before it.
        window = range(1, steps - lag + 1)
        found = run.parameter_vjp(rows[lag:], window)
        for name, value in found.items():
            by_lag[name].append(value)
        rows[lag:] = run.vjp(rows[lag:], window)
        rows[lag] = 0.0
        rows, log_scale = _rescaled(rows, log_scale)
    stacked = {name: np.stack(values) for name, values in by_lag.items()}
    scale = np.array(scales)
    log_norm = {n: unit_rows(v.reshape(kept, -1))[1] + scale for n, v in stacked.items()}
    return ParameterGradient(
        total=total, lag=np.arange(kept), by_lag=stacked, log_scale=scale, log_norm=log_norm
    )


def _rescaled(rows: Floats, log_scale: float) -> tuple[Floats, float]:
    modest, exponent = normalized(rows, axis=(-1, -2))
    return modest, log_scale + float(exponent[0, 0]) * np.log(2)


def _total(run: Linearised, direct: Floats) -> dict[str, Floats]:
    """One backward sweep: the gradient that a framework computes."""
    arriving = direct.copy()  # row k is dL/ds at step k + 1
    for k in range(run.steps - 1, 0, -1):
        arriving[k - 1] += run.vjp(arriving[k], k + 1)
    return run.parameter_vjp(arriving)
