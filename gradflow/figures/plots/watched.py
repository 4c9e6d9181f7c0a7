"""A watched training: the loss above, how far the gradient reaches below."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.errors import UsageError
from gradflow.figures.charts.heat import Grid, plot_heat
from gradflow.figures.look.axes import drawable
from gradflow.figures.look.style import stroke
from gradflow.given import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from gradflow.training.beside.watched import Watched

__all__ = ["plot_watched"]

_FAINTEST = math.log(1e-6)
_TICKED = 8
_COLUMNS = 2000


def plot_watched(ax: Axes, result: Watched) -> Axes:
    """Draw reach over update and lag on ``ax``, and the loss with its jumps on axes above it.

    Where there are losses they get a third of the height of ``ax``; without, as of checkpoints,
    there is the map alone. Reach is the median over the probe's sequences, in powers of ten; under
    a millionth it has one colour. Between looks, and between lags, the map has the colour of the
    nearest.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    result : Watched
        Two or more looks, at two or more lags.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Fewer than two looks, after different numbers of updates, or than two lags.
    """
    drawable(ax, "plot_watched")
    record(result, "plot_watched: result", ("lags", "update", "reach", "loss", "jumps"), "Watched")
    if not np.ptp(result.update) or not np.ptp(result.lags):
        raise UsageError(
            f"plot_watched: {len(result.update)} looks at {len(result.lags)} lags; it needs looks "
            "after two numbers of updates, and two lags."
        )
    logs = np.median(result.reach, axis=1)
    updates, looks = _even(result.update)
    lags, rows = _even(result.lags)
    shown = logs[np.ix_(looks, rows)].T
    grid = Grid(updates, lags, shown, "reach (lag 0 is 1)")
    finite = logs[np.isfinite(logs)]
    top = max(0.0, float(finite.max(initial=0.0)))
    plot_heat(ax, grid, x="update", y="lag (steps)", log=True, limits=(_FAINTEST, top))
    if len(looks) == len(result.update) <= _TICKED:  # a look has a place, its edges have none
        ax.set_xticks(result.update)
    if not len(result.loss):
        return ax
    above = _above(ax)
    look = stroke(0)
    above.plot(np.arange(1, len(result.loss) + 1), result.loss, color=look.color)
    jumps = result.jumps()
    jumps = jumps[np.isfinite(result.loss[jumps - 1])]
    if len(jumps):
        above.plot(
            jumps,
            result.loss[jumps - 1],
            linestyle="none",
            marker=look.marker,
            markerfacecolor="none",
            color=stroke(1).color,
        )
    above.set_ylabel("loss")
    above.tick_params(labelbottom=False)
    return ax


def _above(ax: Axes) -> Axes:
    """Return new axes in the upper third of ``ax``, which keeps the rest, over the same range."""
    figure: Any = ax.figure
    spec = ax.get_subplotspec()
    if spec is None:  # placed by hand
        box = ax.get_position()
        ax.set_position((box.x0, box.y0, box.width, 0.6 * box.height))
        top = (box.x0, box.y0 + 0.67 * box.height, box.width, 0.33 * box.height)
        above: Axes = figure.add_axes(top, sharex=ax)
        return above
    parts = spec.subgridspec(2, 1, height_ratios=(1, 2))
    ax.set_subplotspec(parts[1])
    above = figure.add_subplot(parts[0], sharex=ax)
    return above


def _even(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return evenly spaced places over the same range, and for each which of these is nearest."""
    step = max(int(np.gcd.reduce(np.diff(places))), -(-int(np.ptp(places)) // _COLUMNS))
    even = np.arange(places[0], places[-1] + 1, step)
    return even, np.abs(even[:, None] - places).argmin(axis=1)
