"""How values are distributed, beside the law of theory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array, whole_number
from gradflow.errors import UsageError
from gradflow.figures.look.axes import drawable
from gradflow.figures.look.curves import legend_above
from gradflow.figures.look.style import INK, stroke
from gradflow.given import mapping, several

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_density"]

_BINS = 40
_DASHES: tuple[Any, ...] = ("solid", (0, (4, 2)), (0, (1, 1.4)))


# More bins than these are thinner than a line.
_MOST_BINS = 100_000


def _curve(law: Any, name: str) -> list[NDArray[np.float64]]:
    """Return abscissae and densities (m,) each. Raises ``UsageError``."""
    two = several(law, f"plot_density: {name}", "two arrays")
    found = [real_array(values, "plot_density", name) for values in two]
    if len(found) != 2 or found[0].ndim != 1 or found[0].shape != found[1].shape:
        raise UsageError(f"plot_density: {name} must be abscissae and densities, one length each.")
    return found


def plot_density(
    ax: Axes,
    samples: Mapping[str, ArrayLike],
    laws: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    *,
    x: str,
    y: str = "density",
    bins: int = _BINS,
) -> Axes:
    """Plot histograms of area 1 as steps, and densities of theory as lines.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    samples : mapping
        From a name to values (n,).
    laws : mapping, optional
        From a name to abscissae and densities (m,) each.
    x, y : str
        Names of the axes, with units.
    bins : int
        Number of bins over the range of all samples.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Nothing to plot, or a value that is not finite.
    """
    drawable(ax, "plot_density", x=x, y=y)
    mapping(samples, "plot_density: samples", "values")
    bins = whole_number(bins, "plot_density: bins", 1, _MOST_BINS)
    laws = {} if laws is None else mapping(laws, "plot_density: laws", "abscissae and densities")
    if not samples:
        raise UsageError("plot_density: samples is empty; give at least one.")
    arrays = {
        name: real_array(v, "plot_density", f"samples[{name!r}]", finite=False).ravel()
        for name, v in samples.items()
    }
    for name, values in arrays.items():
        if not values.size or not np.isfinite(values).all():
            raise UsageError(f"plot_density: {name!r} must hold finite values, one or more.")
    low = min(float(v.min()) for v in arrays.values())
    high = max(float(v.max()) for v in arrays.values())
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    handles: list[Any] = []
    for index, (name, values) in enumerate(arrays.items()):
        look = stroke(index)
        heights = np.histogram(values, edges, density=True)[0]
        handles.append(
            ax.stairs(heights, edges, color=look.color, fill=True, alpha=0.30, linewidth=0)
        )
        handles[-1].set_label(name)
        ax.stairs(heights, edges, color=look.color, linewidth=0.9)
    for index, (name, law) in enumerate(laws.items()):
        across, density = _curve(law, f"laws[{name!r}]")
        dash = _DASHES[index % len(_DASHES)]
        handles += ax.plot(across, density, color=INK, linestyle=dash, label=name)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_ylim(bottom=0)
    legend_above(ax, handles)
    return ax
