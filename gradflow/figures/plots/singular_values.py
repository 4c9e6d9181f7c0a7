r"""The fan: every singular value of the product :math:`P(t, k)` against lag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.lines import Line2D

from gradflow.errors import UsageError
from gradflow.figures.look.axes import drawable
from gradflow.figures.look.curves import draw_curve, lag_axis, name_curves, read_lags
from gradflow.figures.look.decades import decade_axis, to_decades
from gradflow.given import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from gradflow.spectra import SingularValues

__all__ = ["plot_singular_values"]

# The light end of the colour map would be lost on white paper.
_LIGHTEST = 0.65


def plot_singular_values(ax: Axes, result: SingularValues) -> Axes:
    """Plot every singular value against lag, from dark (the largest) to light (the smallest).

    The lag axis is linear, however the lags are spaced, so that a straight line is an exponential
    decay. A value that becomes exactly zero ends in a dot.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    result : SingularValues
        ``lag`` (m,) and ``log_sigma`` (m, d) in natural logarithms, largest first.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Shapes that do not fit, NaN or ``+inf``.
    """
    drawable(ax, "plot_singular_values")
    record(result, "plot_singular_values: result", ("lag", "log_sigma"), "SingularValues")
    decades = to_decades(result.log_sigma, "plot_singular_values: log_sigma")
    if decades.ndim != 2 or not decades.shape[1]:
        raise UsageError(
            f"plot_singular_values: log_sigma has shape {decades.shape}; it must be lags by values."
        )
    lag = read_lags(result.lag, decades.T, "plot_singular_values: log_sigma")
    count = decades.shape[1]
    shades = mpl.colormaps["cividis"](np.linspace(0, _LIGHTEST, count))
    curves = []
    for index in range(count):
        edge = index in (0, count - 1)
        curves.append(
            draw_curve(
                ax,
                lag,
                decades[:, index],
                rf"$\sigma_{{{index + 1}}}$" if edge else "",
                color=mpl.colors.to_hex(shades[index]),
                linewidth=1.4 if edge else 0.7,
                zorder=3 if edge else 2,
            )
        )
    ax.set_ylabel(r"singular values $\sigma_i$ of $P(t, k)$")
    lag_axis(ax, [lag])
    decade_axis(ax)
    name_curves(ax, curves, _mark_zeros(ax, lag, decades))
    return ax


def _mark_zeros(ax: Axes, lag: NDArray[np.float64], decades: NDArray[np.float64]) -> list[Line2D]:
    """Dot the ends of the values that become exactly zero, and count them for the legend."""
    zero = np.isneginf(decades)
    if not zero.any():
        return []
    dot: dict[str, Any] = {"color": "#d55e00", "marker": ".", "markersize": 4, "linestyle": "none"}
    for column in np.flatnonzero(zero.any(axis=0) & ~zero[0]):
        last = int(np.argmax(zero[:, column])) - 1
        ax.plot(lag[last], decades[last, column], label="_", **dot)
    note = f"{zero[-1].sum()} of {decades.shape[1]} exactly 0 at lag {lag[-1]:g}"
    return [Line2D([], [], label=note, **dot)]
