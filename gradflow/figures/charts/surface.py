"""A surface over two parameters, in three dimensions; `trace` draws paths on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from gradflow.errors import UsageError
from gradflow.figures.look.axes import drawable, pair
from gradflow.given import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradflow.figures.charts.heat import Grid

__all__ = ["plot_surface"]

# Lines of the grid each way that are drawn at most.
_MOST = 250


def plot_surface(
    ax: Axes,
    grid: Grid,
    *,
    x: str,
    y: str,
    view: tuple[float, float] = (28.0, -58.0),
) -> Axes:
    """Draw a surface on axes made with ``projection="3d"``.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    grid : Grid
        ``x`` (nx,), ``y`` (ny,) and ``values`` (ny, nx), finite. Where the lines of the grid are to
        follow an edge, ``x`` and ``y`` are (ny, nx) too.
    x, y : str
        Names of the axes, with units.
    view : tuple of float
        Elevation and azimuth in degrees.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Axes that are flat, shapes that do not fit, or a value that is not finite.
    """
    drawable(ax, "plot_surface", x=x, y=y)
    record(grid, "plot_surface: grid", ("x", "y", "values", "quantity"), "Grid")
    view = pair(view, "plot_surface: view")
    solid: Any = ax
    across, up, height = (np.asarray(v, dtype=np.float64) for v in (grid.x, grid.y, grid.values))
    if ax.name != "3d":
        raise UsageError("plot_surface: the axes are flat; make them with projection='3d'.")
    if across.ndim == up.ndim == 1:
        across, up = np.meshgrid(across, up)
    if (
        not height.shape == up.shape == across.shape
        or height.ndim != 2
        or not np.isfinite([across, up, height]).all()
    ):
        raise UsageError(
            f"plot_surface: {grid.quantity!r} has shape {height.shape} on a grid of {up.shape}; it "
            "must have a row a y, a column an x, and finite values."
        )
    solid.computed_zorder = False
    solid.plot_surface(
        across,
        up,
        height,
        cmap="cividis",
        rcount=min(_MOST, len(height)),
        ccount=min(_MOST, height.shape[1]),
        linewidth=0,
        antialiased=False,
        rasterized=True,
        zorder=1,
    )
    solid.view_init(*view)
    solid.set_xlabel(x)
    solid.set_ylabel(y)
    solid.set_zlabel(grid.quantity)
    for axis in (solid.xaxis, solid.yaxis, solid.zaxis):
        axis.set_major_locator(MaxNLocator(nbins=4))
        axis.pane.set_facecolor("white")
        axis._axinfo["grid"].update(color="#dddddd", linewidth=0.4)
    return ax
