"""The decay split by path: through the carousel, through each gate, through ``h``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.figures.look.axes import drawable
from gradflow.figures.look.curves import draw_curve, lag_axis, mark_zeros, name_curves, read_lags
from gradflow.figures.look.decades import decade_axis, to_decades
from gradflow.figures.look.style import INK, QUIET, stroke
from gradflow.given import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike

    from gradflow.spectra import PathDecay

__all__ = ["plot_paths"]


def plot_paths(ax: Axes, result: PathDecay) -> Axes:
    """Plot the gradient's norm against lag, whole (thick) and by path.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    result : PathDecay
        ``lag`` (L,), ``log_norm`` a dict from the path's name to (L,), ``total`` (L,) and
        ``carousel_only`` (L,) or None, in natural logarithms.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Shapes that do not fit, NaN or ``+inf``.
    """
    drawable(ax, "plot_paths")
    has = ("lag", "total", "log_norm", "carousel_only")
    record(result, "plot_paths: result", has, "PathDecay")

    def draw(log_norm: ArrayLike, label: str, **look: Any) -> Line2D:
        name = f"plot_paths: {label!r}"
        decades = to_decades(log_norm, name)
        return draw_curve(ax, read_lags(result.lag, decades, name), decades, label, **look)

    curves = [draw(result.total, "whole gradient", color=INK, linewidth=2.0, linestyle="solid")]
    for index, (path, log_norm) in enumerate(result.log_norm.items()):
        look = stroke(index)
        curves.append(draw(log_norm, path, color=look.color, linestyle=look.linestyle))
    if result.carousel_only is not None:
        look = stroke(5)
        curves.append(
            draw(result.carousel_only, "carousel alone", color=QUIET, linestyle=look.linestyle)
        )
    ax.set_ylabel("norm of the gradient")
    lag_axis(ax, [np.asarray(result.lag, dtype=np.float64)])
    decade_axis(ax)
    name_curves(ax, curves, mark_zeros(ax, curves))
    return ax
