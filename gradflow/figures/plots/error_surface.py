"""The error over two parameters, as a heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradflow.figures.charts.heat import Grid, plot_heat

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradflow.spectra import ErrorSurface

__all__ = ["plot_error_surface"]


def plot_error_surface(ax: Axes, result: ErrorSurface) -> Axes:
    """Draw the error of an error surface over its two coordinates; see :func:`plot_heat`."""
    grid = Grid(result.x, result.y, result.error, result.label)
    return plot_heat(ax, grid, x="first coordinate", y="second coordinate")
