r"""Exponents of finite time: how the growth over so many steps is distributed along a run.

The exponents are limits over ever more steps. Over w of them growth scatters, as

.. math:: \mathrm{var}\,\lambda_i^{(w)} \approx D_i / w

once w is long against the correlation of the steps; where the spread is as large as the mean, a
gradient that vanishes on average explodes on some stretches.

Convention: growth is that of the columns of an orthonormal frame carried along, ``log |R[i, i]|``,
so that the mean over all windows is the Lyapunov spectrum itself, to rounding. The other
convention, singular values of the product over each window, has no such mean and is
``run.singular_values``.

Sources: P. Grassberger, R. Badii, A. Politi, J. Stat. Phys. 51 (1988) 135; A. Pikovsky, A. Politi,
Lyapunov Exponents (Cambridge, 2016), chapter 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array, whole_number
from gradflow.codegen.over_time import one_thread
from gradflow.errors import UsageError, shown
from gradflow.spectra.beyond.refusal import require_held
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.lyapunov.spectrum import initial_frame
from gradflow.spectra.numerics.logdomain import Floats, as_steps
from gradflow.spectra.numerics.orthonormal import windows

_WHERE = "finite_time_exponents"


@dataclass(frozen=True, eq=False, kw_only=True)
class FiniteTimeExponents:
    """Growth rates over consecutive windows of one trajectory, or of each in a batch.

    Attributes
    ----------
    values : (..., m, k)
        Nats per step of each window, first window first, columns in the order of the frame.
        ``-inf`` from the window on in which a direction met an exactly singular Jacobian.
    window : int
        Steps of a window; those left over at the end are not used.
    transient : int
        Steps discarded at the start.
    """

    values: Floats
    window: int
    transient: int

    def __repr__(self) -> str:
        *batch, count, _ = self.values.shape
        first = (0,) * len(batch)
        of = f" (the first of {math.prod(batch)} trajectories)" if batch else ""
        return (
            f"<FiniteTimeExponents leading {self.exponents[(*first, 0)]:.4g}, spread "
            f"{self.spread[(*first, 0)]:.2g} nats a step{of}, {count} windows of {self.window} "
            "steps>"
        )

    @property
    def exponents(self) -> Floats:
        """Means (..., k) over the windows: the Lyapunov spectrum."""
        return np.asarray(self.values.mean(axis=-2))

    @property
    def spread(self) -> Floats:
        """Standard deviations (..., k) over the windows; nan for one window or a lost direction."""
        finite = np.asarray(np.isfinite(self.values).all(axis=-2))
        kept = np.where(finite[..., None, :], self.values, 0.0)
        if self.values.shape[-2] < 2:
            return np.full(finite.shape, np.nan)
        return np.where(finite, kept.std(axis=-2, ddof=1), np.nan)

    @property
    def diffusion(self) -> Floats:
        """Window times variance (..., k): settles to a constant as windows get long."""
        return np.asarray(self.window * self.spread**2)

    def quantiles(self, shares: ArrayLike) -> Floats:
        """Return quantiles (shares, ..., k) over the windows, as `numpy.quantile`.

        Raises ``UsageError`` for a share that is not from 0 to 1.
        """
        given = real_array(shares, "quantiles", "shares", many=True)
        if given.ndim > 1 or ((given < 0) | (given > 1)).any():
            raise UsageError(
                f"quantiles: shares is {shown(shares)}; give a share of the windows, from 0 to 1, "
                "or a list of them."
            )
        # by values that occur: between -inf and a number there is none
        return np.quantile(self.values, given, axis=-2, method="inverted_cdf")


def finite_time_exponents(
    jacobians: ArrayLike, window: int, *, transient: int | None = None, leading: int | None = None
) -> FiniteTimeExponents:
    """Return the growth rates of consecutive windows of a trajectory of step Jacobians.

    Parameters
    ----------
    jacobians : (T, d, d)
        Step Jacobians, first step first.
    window : int
        Steps of a window.
    transient : int, optional
        Steps to discard while the frame turns to its final order; a tenth of all by default.
    leading : int, optional
        Number of exponents, from the largest; all d by default.

    Raises
    ------
    UsageError
        Shapes or numbers that are not as above, and no whole window after the transient.
    PrecisionError
        As :func:`lyapunov_spectrum`.

    Examples
    --------
    >>> import numpy as np
    >>> steps = np.exp(np.random.default_rng(0).normal(-0.1, 0.3, 4000))[:, None, None]
    >>> found = finite_time_exponents(steps, 25, transient=0)
    >>> found.values.shape, found.spread.round(3)  # 0.3 / 5
    ((160, 1), array([0.06]))
    >>> found
    <FiniteTimeExponents leading -0.1045, spread 0.06 nats a step, 160 windows of 25 steps>
    """
    steps = as_steps(jacobians, _WHERE)
    return _over_windows(steps.__getitem__, len(steps), steps.shape[-1], window, transient, leading)


def finite_time_of_run(
    run: Linearised, window: int, transient: int | None, leading: int | None
) -> FiniteTimeExponents:
    """Return them for each trajectory of a run, (..., m, k)."""
    require_held(run, _WHERE)
    each = [
        _over_windows(run.one(*index)._jacobians, run.steps, run.width, window, transient, leading)
        for index in np.ndindex(*run.batch)
    ]
    values = np.array([found.values for found in each])
    return replace(each[0], values=values.reshape(*run.batch, *values.shape[1:]))


def _over_windows(
    some: Callable[[slice], Floats],
    steps: int,
    width: int,
    window: int,
    transient: int | None,
    leading: int | None,
) -> FiniteTimeExponents:
    """Return them for ``steps`` Jacobians of which ``some`` returns those of a slice."""
    length = whole_number(window, f"{_WHERE}: window", 1)
    given = steps // 10 if transient is None else transient
    discard = whole_number(given, f"{_WHERE}: transient", 0)
    frame = initial_frame(width, leading, None)
    count = (steps - discard) // length
    if count < 1:
        raise UsageError(
            f"{_WHERE}: {steps} steps are given, {discard} of them are discarded as transient, and "
            f"no window of {length} is left; give more steps or a shorter window."
        )
    ends = discard + length * np.arange(1, count + 1)

    def chunks() -> Iterator[Floats]:
        if discard:
            yield some(slice(0, discard))
        for end in ends.tolist():
            yield some(slice(end - length, end))

    values, taken = np.zeros((count, frame.shape[1])), 0
    with one_thread():
        for found in windows(chunks(), frame, discard, length, _WHERE):
            taken += found.length
            if taken > discard:
                row = values[(taken - discard - 1) // length]
                row[: len(found.growth)] += found.growth
                row[len(found.growth) :] = -np.inf
    return FiniteTimeExponents(values=values / length, window=length, transient=discard)
