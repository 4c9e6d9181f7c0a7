r"""The error over two coordinates of parameter space, with its gradient at every point.

A slice :math:`\theta(x, y) = \theta_0 + x\,d_x + y\,d_y` of the parameters of any cell. Where the
product of Jacobians explodes the surface has walls, beside which it is nearly flat (Pascanu,
Mikolov & Bengio, ICML 2013, section 2.3). The slopes are those of backpropagation through time,

.. math:: \frac{\partial L}{\partial x} = \Bigl\langle \frac{\partial L}{\partial\theta}, d_x
          \Bigr\rangle, \qquad \frac{\partial L}{\partial\theta} = \sum_k
          \frac{\partial L}{\partial s_k} \frac{\partial^+ s_k}{\partial\theta},

so a wall thinner than the grid is still told by the point that lies on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.cells.sized import sized_as
from gradflow.codegen.backends import PLAIN
from gradflow.codegen.code import code_of
from gradflow.drawable import Drawable
from gradflow.errors import PrecisionError, UsageError, shown
from gradflow.given import function, instance
from gradflow.spectra.landscape.loss import Loss
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.numerics.logdomain import Floats, unit_rows
from gradflow.spectra.running import KERNELS, Inputs, prepared, run
from gradflow.spectra.trajectory import Trajectory

__all__ = ["ErrorSurface", "error_surface"]

_WHERE = "error_surface"
# Width in nats of a band of scales; e^-300 of a number of ordinary size is far from underflow.
_BAND = 300.0

Direction = Mapping[str, ArrayLike] | tuple[str, int | tuple[int, ...]]


@dataclass(frozen=True, eq=False, kw_only=True)
class ErrorSurface(Drawable):
    r"""An error and its gradient over two coordinates.

    Parameters
    ----------
    x, y
        (nx,) and (ny,) coordinates.
    error
        (ny, nx) the loss.
    log_gradient
        (ny, nx) natural log of the length of the gradient :math:`(\partial L/\partial x,
        \partial L/\partial y)`; ``-inf`` where it is exactly zero.
    direction
        (ny, nx, 2) that gradient as a unit vector, the slope by x first; zeros where it is zero.
    label
        What the error is, as the loss calls it.

    Examples
    --------
    See :func:`gradflow.spectra.error_surface`.
    """

    drawn_by: ClassVar[str] = "error_surface:plot_error_surface"
    x: Floats
    y: Floats
    error: Floats
    log_gradient: Floats
    direction: Floats
    label: str

    def __repr__(self) -> str:
        return f"<ErrorSurface {self.label}{self._told()}>"

    def _repr_html_(self) -> str:
        return f"<b>{self.label}</b>{self._told()}"

    def _told(self) -> str:
        steepest = self.log_gradient.max() / np.log(10)
        return (
            f" at {self.y.size} x {self.x.size} points: from "
            f"{self.error.min():.4g} to {self.error.max():.4g}, steepest 10^{steepest:.1f}"
        )


def error_surface(
    cell: Cell | str,
    params: Mapping[str, ArrayLike],
    loss: Callable[[Trajectory], Loss],
    across: tuple[Direction, ArrayLike],
    up: tuple[Direction, ArrayLike],
    x: Inputs = None,
    *,
    state: Mapping[str, ArrayLike] | ArrayLike | None = None,
    steps: int | None = None,
    backend: str = "auto",
) -> ErrorSurface:
    r"""Run a cell at every point of a grid in parameter space, and backpropagate its error.

    Parameters
    ----------
    cell, params, x, state, steps, backend
        As in :func:`gradflow.run`, one sequence.
    loss
        From the run to the error, a number, and its gradient by the states: (d,) for a loss of the
        last state alone, (T, d) for one of all steps 1 to T, such as ``run.covector`` makes.
    across, up
        A direction and the coordinates (n,) along it. A direction maps parameters to arrays of
        their shapes, a multiple of which is added to ``params``; or it is the name and index of one
        entry, ``("U", (2, 3))``, which takes the coordinate as its value.

    Raises
    ------
    UsageError
        A direction, coordinates, loss or run that does not fit; as in :func:`gradflow.run`.
    PrecisionError
        A derivative that is not finite.

    Examples
    --------
    >>> def loss(run):
    ...     last = run.flat_states[-1]
    ...     return Loss((last[0] - 1) ** 2, 2 * (last - 1), "squared error")
    >>> across, up = (("w", 0), [0.5, 1.0]), ({"w": [0.0]}, [0.0])
    >>> surface = error_surface("scalar", {"w": [0.5]}, loss, across, up, state=[1.0], steps=3)
    >>> surface
    <ErrorSurface squared error at 1 x 2 points: from 0 to 0.7656, steepest 10^0.1>
    """
    cell = get(cell)
    function(loss, f"{_WHERE}: loss")
    bound = code_of(cell, PLAIN, digits=50).bind(params)
    base = sized_as(bound.params, {n: np.array(array) for n, array in bound.params.items()})
    first, columns = _axis(base, across, "across")
    second, rows = _axis(base, up, "up")
    if all(isinstance(given[0], tuple) for given in (across, up)) and any(
        n in second and (d * second[n]).any() for n, d in first.items()
    ):
        raise UsageError(f"{_WHERE}: across and up name the same entry, {across[0]}; name two")
    work = KERNELS, 3 * rows.size * columns.size
    backend = prepared(cell, base, x, state, steps, backend, *work).bound.code.backend
    error = np.empty((rows.size, columns.size))
    slope, log_scale, label = np.empty((*error.shape, 2)), np.empty(error.shape), ""
    for i, v in enumerate(rows):
        for j, u in enumerate(columns):
            moved = {n: p + u * first.get(n, 0.0) + v * second.get(n, 0.0) for n, p in base.items()}
            ran = run(cell, sized_as(base, moved), x, state, steps=steps, backend=backend)
            ran.require_single(_WHERE)
            here = instance(loss(ran), f"{_WHERE}: what loss returns", Loss)
            error[i, j], label = _number(here.value), here.label
            slope[i, j], log_scale[i, j] = _slopes(ran, here.gradient, (first, second))
    if not np.isfinite(slope).all():
        raise PrecisionError(
            f"{_WHERE}: a slope is not finite at {int((~np.isfinite(slope)).any(-1).sum())} points;"
            " look at the Jacobian of the cell there, or leave them out of the grid"
        )
    direction, log_length = unit_rows(slope)
    return ErrorSurface(
        x=columns,
        y=rows,
        error=error,
        log_gradient=log_length + log_scale,
        direction=direction,
        label=label,
    )


def _axis(
    base: dict[str, Floats], given: tuple[Direction, ArrayLike], which: str
) -> tuple[dict[str, Floats], Floats]:
    """Return the direction as arrays, and its coordinates; an entry is set to 0 in ``base``."""
    if not isinstance(given, tuple) or len(given) != 2:
        raise UsageError(
            f"{_WHERE}: {which} is {shown(given)}; it must be a pair, a direction and coordinates."
        )
    direction, values = given
    named = isinstance(direction, tuple) and len(direction) == 2
    if not named and not isinstance(direction, Mapping):
        raise UsageError(
            f"{_WHERE}: the direction {which} is {shown(direction)}; it must map parameters to "
            "arrays, or be the name and index of one entry."
        )
    coordinates = real_array(values, _WHERE, f"coordinates {which}", many=True)
    if coordinates.ndim != 1 or not coordinates.size:
        raise UsageError(
            f"{_WHERE}: the coordinates {which} have shape {coordinates.shape}; give one axis, "
            "with an entry or more"
        )
    for name in [direction[0]] if isinstance(direction, tuple) else direction:
        if name not in base:
            raise UsageError(
                f"{_WHERE}: {which} names {shown(name)}, which is no parameter; there are "
                f"{', '.join(base)}"
            )
    if isinstance(direction, tuple):
        name, index = direction
        unit = np.zeros(base[name].shape)
        with suppress(IndexError):
            unit[index] = 1.0
        if unit.sum() != 1:
            raise UsageError(
                f"{_WHERE}: {which} names the index {index} of {name}, which has shape "
                f"{unit.shape}; an index picks one entry"
            )
        base[name][index] = 0.0
        return {name: unit}, coordinates
    what = "entries of the direction's"
    arrays = {n: real_array(d, _WHERE, f"{what} {n}", many=True) for n, d in direction.items()}
    for name, array in arrays.items():
        if array.shape != base[name].shape:
            raise UsageError(
                f"{_WHERE}: the direction {which} has shape {array.shape} in {name}, which has "
                f"{base[name].shape}; they must be the same"
            )
    return arrays, coordinates


def _number(value: ArrayLike) -> float:
    array = real_array(value, _WHERE, "the loss", finite=False)
    if array.size != 1 or not np.isfinite(array).all():
        raise UsageError(
            f"{_WHERE}: the loss is {value!r}; it must be one finite number, so sum or average it"
        )
    return float(array.reshape(()))


def _slopes(
    ran: Linearised, gradient: ArrayLike, along: tuple[dict[str, Floats], dict[str, Floats]]
) -> tuple[Floats, float]:
    """Return the slopes (2,) over exp(scale), and the scale; NaN where one is not finite."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        unit, log_norm = _arriving(ran, gradient)
        if np.isnan(log_norm).any() or np.isposinf(log_norm).any():
            return np.full(2, np.nan), 0.0
        # Steps of one band can be added without underflow; mostly there is only one band.
        bands = np.floor(log_norm / _BAND)
        found, tops = [np.zeros(2)], [-np.inf]
        for band in np.unique(bands[np.isfinite(bands)]):
            inside = bands == band
            tops.append(float(log_norm[inside].max()))
            rows = unit * np.exp(np.where(inside, log_norm - tops[-1], -np.inf))[:, None]
            by_name = ran.parameter_vjp(rows)
            slopes = [sum(float((by_name[n] * d).sum()) for n, d in one.items()) for one in along]
            found.append(np.array(slopes))
    if not np.isfinite(found).all():
        return np.full(2, np.nan), 0.0
    part, log_part = unit_rows(np.array(found))
    log_part += tops
    top = float(log_part.max())
    return (np.zeros(2), 0.0) if top == -np.inf else (np.exp(log_part - top) @ part, top)


def _arriving(ran: Linearised, gradient: ArrayLike) -> tuple[Floats, Floats]:
    """Return the directions (T, d) and log lengths (T,) of dL/ds_t for t = 1..T."""
    steps, width = ran.steps, ran.width
    direct = real_array(ran.covector(gradient), _WHERE, "the gradient of the loss")
    if direct.shape == (width,):
        pulled = ran.pull_back(direct, rows=True)
        return pulled.rows[-2::-1], pulled.log_norm[-2::-1]
    if direct.shape == (steps, width):
        return _swept(ran, direct)
    raise UsageError(
        f"{_WHERE}: the gradient of the loss has shape {direct.shape}; it needs ({width},) for "
        f"the last state or ({steps}, {width}) for all steps"
    )


def _swept(ran: Linearised, direct: Floats) -> tuple[Floats, Floats]:
    """Return the directions (T, d) and log lengths (T,) of dL/ds_t for losses at every step."""
    unit, log_norm = unit_rows(direct)
    for k in range(ran.steps - 1, 0, -1):
        below, log_size = unit_rows(ran.vjp(unit[k], k + 1))
        terms = np.array([log_norm[k] + log_size, log_norm[k - 1]])
        if (top := terms.max()) > -np.inf:
            joined = np.exp(terms - top) @ np.array([below, unit[k - 1]])
            unit[k - 1], length = unit_rows(joined)
            log_norm[k - 1] = length + top
    return unit, log_norm
