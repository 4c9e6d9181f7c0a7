r"""The parameter gradient of backpropagation through time, each lag's contribution kept apart.

.. math::

   \frac{\partial L}{\partial\theta} = \sum_{\ell \ge 0} C_\ell, \qquad
   C_\ell = \sum_t \frac{\partial L}{\partial s_t} P(t, t-\ell)
   \frac{\partial^+ s_{t-\ell}}{\partial\theta}

(the temporal components of Pascanu, Mikolov & Bengio, ICML 2013, eqs. 3-5).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array, whole_number
from gradflow.errors import PrecisionError, UsageError
from gradflow.memory import FLOAT, budget, require
from gradflow.spectra.beyond.refusal import require_seen
from gradflow.spectra.decay.sums import Scaled, covectors, parameter_sums, pulled, swept
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.numerics.logdomain import ZERO_EXPONENT, Floats, shifted, unit_rows

# Gradients that exist beside those of the lags: totals, terms, directions.
_COPIES = 8
# Natural log of the largest number told as such.
_FLOAT_RANGE = 700.0


@dataclass(frozen=True, repr=False)
class Totals(Mapping[str, Floats]):
    """Parameter to its gradient, for those that float64 holds.

    Asking for another raises ``PrecisionError`` with its size. Beside a larger one, an entry under
    float64's range is 0.
    """

    _held: Mapping[str, Floats]
    _log10: Mapping[str, float]

    def __getitem__(self, name: str) -> Floats:
        if name in self._held or name not in self._log10:
            return self._held[name]
        raise PrecisionError(
            f"parameter_gradient: the gradient by {name} has norm 10^{self._log10[name]:.2f}, and "
            "float64 ends at 10^-308 and 10^308; use its direction and log_total."
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._log10)

    def __len__(self) -> int:
        return len(self._log10)

    def __repr__(self) -> str:
        beyond = len(self._log10) - len(self._held)
        return f"<Totals of {len(self)} parameters, {beyond} of them beyond float64>"


@dataclass(frozen=True, eq=False, kw_only=True)
class ParameterGradient:
    r"""The gradient of a loss by every parameter, and its contributions by lag.

    Leading axes (...) are the batch axes of the run.

    Parameters
    ----------
    total
        Parameter to its gradient ``(..., *shape)``, all lags; of a parameter that changes at every
        step ``*shape`` is (T, ...), the steps first, here and below. For one that float64 does not
        hold ``total[name]`` raises ``PrecisionError``; the others, and the next two, are there.
    direction
        Parameter to its gradient over its Frobenius norm, ``(..., *shape)``; zero for an exact
        zero.
    log_total
        Parameter to the natural log (...) of the Frobenius norm of its gradient; ``-inf`` for an
        exact zero.
    lag
        (lags,) lags kept, 0 first.
    by_lag
        Parameter to ``(..., lags, *shape)``: ``C_lag``, scaled by ``exp(-log_scale[lag])``, so that
        ``exp(log_scale[lag]) * by_lag[name][lag]`` is it in plain floats.
    log_scale
        (..., lags) natural log of the factor taken out, so that no contribution underflows.
    log_norm
        Parameter to (..., lags): natural log of the Frobenius norm of ``C_lag``.

    Examples
    --------
    >>> import gradflow as gf, numpy as np
    >>> run = gf.run("scalar", {"w": np.array([0.5])}, state=np.ones(1), steps=3)
    >>> found = run.parameter_gradient([1.0])  # d(w^3)/dw = 3 w^2
    >>> found.total["w"]
    array([0.75])
    """

    total: Mapping[str, Floats]
    direction: Mapping[str, Floats]
    log_total: Mapping[str, Floats]
    lag: np.ndarray[Any, np.dtype[np.int64]]
    by_lag: Mapping[str, Floats]
    log_scale: Floats
    log_norm: Mapping[str, Floats]

    def __repr__(self) -> str:
        logs = np.array([np.ravel(log)[0] for log in self.log_total.values()])
        return (
            f"<ParameterGradient by {len(self.total)} parameters, norm "
            f"{_told(float(np.logaddexp.reduce(2 * logs)) / 2)}, {len(self.lag)} lags kept"
            f"{self._first_of()}>"
        )

    def _repr_html_(self) -> str:
        rows = ", ".join(
            f"{name} {_told(float(np.ravel(log)[0]))}" for name, log in self.log_total.items()
        )
        return (
            f"<b>parameter gradient</b>, {len(self.lag)} lags kept; norms: {rows}{self._first_of()}"
        )

    def _first_of(self) -> str:
        count = self.log_scale[..., 0].size
        return f" (the first of {count} trajectories)" if self.log_scale.ndim > 1 else ""


def _told(log: float) -> str:
    """Return a number by its natural log, as a power of ten where float64 does not hold it."""
    held = log == -math.inf or abs(log) < _FLOAT_RANGE
    return f"{math.exp(log):.4g}" if held else f"10^{log / math.log(10):.4g}"


class _One(NamedTuple):
    """The gradient of one trajectory, but for the contributions, which have their own place."""

    total: dict[str, Scaled]
    log_scale: Floats
    log_norm: dict[str, Floats]


def parameter_gradient(
    run: Linearised, gradient: ArrayLike, lags: int | None = None
) -> ParameterGradient:
    r"""Backpropagate a loss to the parameters of every trajectory.

    Parameters
    ----------
    run
        A run of ``T`` steps; trajectories along batch axes go one by one.
    gradient
        Direct gradients :math:`\partial L/\partial s_t`, as :func:`direct_gradients` takes them.
    lags
        Number of lags to keep apart (all ``T`` by default); the total always has all of them.

    Raises
    ------
    UsageError
        If shapes do not fit.
    PrecisionError
        If a derivative of a single step is not finite.
    """
    direct = direct_gradients(run, gradient, "parameter_gradient")
    steps, batch = run.steps, run.batch
    given = steps if lags is None else lags
    kept = whole_number(given, "parameter_gradient: lags", 1, steps)
    shapes = _shapes(run)
    _require(shapes, math.prod(batch), kept)
    by_lag = {name: np.zeros((math.prod(batch), kept, *shape)) for name, shape in shapes.items()}
    found = [
        _one(single, direct[index], kept, {name: values[i] for name, values in by_lag.items()})
        for i, (index, single) in enumerate(trajectories(run))
    ]

    lags_of = [np.stack([one.log_norm[n] for one in found]) for n in found[0].log_norm]
    require_seen(run, lags_of, "parameter_gradient")

    def stacked(values: list[Any]) -> Floats:
        whole: Floats = np.stack(values)
        return whole.reshape((*batch, *whole.shape[1:]))

    names = list(found[0].total)
    log10, held, direction, log_total = {}, {}, {}, {}
    for name in names:
        sums = [one.total[name] for one in found]
        log_total[name] = stacked([s.log_norm() for s in sums])
        direction[name] = stacked([_unit(s.value) for s in sums])
        beyond = [s for s in sums if s.value.any() and not -1022 < s.exponent <= 1024]
        log10[name] = (beyond or sums)[0].log_norm() / math.log(10)
        if not beyond:
            held[name] = stacked([shifted(s.value, np.asarray(s.exponent)) for s in sums])
    return ParameterGradient(
        total=Totals(held, log10),
        direction=direction,
        log_total=log_total,
        lag=np.arange(kept),
        by_lag={n: values.reshape(*batch, *values.shape[1:]) for n, values in by_lag.items()},
        log_scale=stacked([one.log_scale for one in found]),
        log_norm={n: stacked([one.log_norm[n] for one in found]) for n in names},
    )


def _unit(value: Floats) -> Floats:
    return unit_rows(value.ravel())[0].reshape(value.shape)


def _shapes(run: Linearised) -> dict[str, tuple[int, ...]]:
    """Return the shape of each parameter's gradient, that of the parameter."""
    single = run.one(*(0 for _ in run.batch)) if run.batch else run
    nothing = single.parameter_vjp(np.zeros((1, run.width)), range(1, 2))
    return {name: value.shape for name, value in nothing.items()}


def _require(shapes: Mapping[str, tuple[int, ...]], count: int, kept: int) -> None:
    """Raise ``UsageError`` if so many lags of ``count`` gradients are more than memory may hold."""
    one = FLOAT * count * max(1, sum(map(math.prod, shapes.values())))
    most = budget() // one - _COPIES
    advice = f"ask for lags={most} or fewer" if most > 0 else "take fewer trajectories at once"
    what = f"the gradients at {kept} lags" + (f" of {count} trajectories" if count > 1 else "")
    require((kept + _COPIES) * one, "parameter_gradient", what, advice)


def _one(run: Linearised, direct: Floats, kept: int, by_lag: Mapping[str, Floats]) -> _One:
    """Backpropagate along one trajectory, contributions by lag into ``by_lag``, zeros so far."""
    steps = run.steps
    rows = covectors(direct)
    total = parameter_sums(run, swept(run, rows), np.arange(1, steps + 1))
    log_norm: dict[str, list[float]] = {name: [] for name in total}
    scales = []
    top = 0
    # Rows of the loss that are not zero, and the step of whose new state they are the gradient.
    step = np.flatnonzero(rows.exponent != ZERO_EXPONENT) + 1
    rows = rows.at(step - 1)
    for lag in range(kept):
        top = int(rows.exponent.max()) if len(step) else top
        scales.append(top * math.log(2))
        sums = parameter_sums(run, rows, step) if len(step) else dict.fromkeys(total)
        for name, found in sums.items():
            if found is not None:
                by_lag[name][lag] = shifted(found.value, np.asarray(found.exponent - top))
            log_norm[name].append(-math.inf if found is None else found.log_norm())
        rows, step = pulled(run, rows, step), step - 1
        reach = (step > 0) & (rows.exponent != ZERO_EXPONENT)
        rows, step = rows.at(reach), step[reach]
    return _One(
        total,
        np.array(scales),
        {name: np.array(values) for name, values in log_norm.items()},
    )


def trajectories(run: Linearised) -> Iterator[tuple[tuple[int, ...], Linearised]]:
    """Yield each trajectory of a run behind its index along the batch axes."""
    for index in np.ndindex(*run.batch):
        yield index, run.one(*index) if run.batch else run


def direct_gradients(run: Linearised, gradient: ArrayLike, where: str) -> Floats:
    r"""Return the direct gradients :math:`\partial L/\partial s_t` (..., T, d) at steps 1 to T.

    Given as such; or as (T, d), the same for every trajectory; or (..., d) or (d,) for a loss of
    the last state alone. Raises ``UsageError`` for other shapes, and for a shape that says both.
    """
    steps, width, batch = run.steps, run.width, run.batch
    given = real_array(gradient, where, "the gradient")
    whole, last = {(*batch, steps, width), (steps, width)}, {(*batch, width), (width,)}
    if given.shape in whole & last:
        raise UsageError(
            f"{where}: gradient has shape {given.shape}, which may be one row a step or one a "
            f"trajectory; give {(*batch, steps, width)}."
        )
    if given.shape in last:
        direct = np.zeros((*batch, steps, width))
        direct[..., -1, :] = given
        return direct
    if given.shape not in whole:
        of_each = f", or with the batch axes {batch} before" if batch else ""
        raise UsageError(
            f"{where}: gradient has shape {given.shape}; it needs ({steps}, {width}) for the "
            f"gradient at every step, or ({width},) for the last{of_each}."
        )
    return np.broadcast_to(given, (*batch, steps, width))
