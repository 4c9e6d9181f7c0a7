"""Shares of a whole against something: areas on top of each other, from dark to light."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from gradflow.arrays import real_array
from gradflow.errors import UsageError
from gradflow.figures.look.axes import drawable
from gradflow.figures.look.curves import legend_above
from gradflow.given import flag, mapping, several, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_shares", "share_handles"]

# Both ends of the map are kept off black and yellow, which swallow edges and white paper.
_RAMP = (0.08, 0.94)
_SLACK = 1e-6


def plot_shares(
    ax: Axes,
    across: ArrayLike,
    shares: Mapping[str, ArrayLike],
    *,
    x: str,
    y: str,
    named: bool = True,
) -> Axes:
    """Stack the shares of a whole, the first at the foot and darkest, with white edges between.

    Lightness rises from share to share, so that they are told apart in grey too.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    across : array_like
        (n,) what the shares are drawn against.
    shares : mapping
        From a name to (n,) shares, each 0 or more, that add up to 1.
    x, y : str
        Names of the axes, with units; the shares are drawn in percent.
    named : bool
        Whether a legend is drawn above; of several panels one is enough, see `share_handles`.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Nothing to plot, shapes that do not fit, or shares that are not parts of a whole.
    """
    drawable(ax, "plot_shares", x=x, y=y)
    named = flag(named, "plot_shares: named")
    places = real_array(across, "plot_shares", "across")
    given = mapping(shares, "plot_shares: shares", "arrays")
    parts = {n: real_array(v, "plot_shares", f"shares[{n!r}]") for n, v in given.items()}
    if not parts or places.ndim != 1 or any(v.shape != places.shape for v in parts.values()):
        raise UsageError(
            f"plot_shares: {len(parts)} shares of shapes {[v.shape for v in parts.values()]} over "
            f"{places.shape}; give one share or more, each as long as `across`, one axis."
        )
    stacked = np.stack(list(parts.values()))
    if not (stacked >= 0).all() or not np.allclose(stacked.sum(axis=0), 1, atol=_SLACK):
        raise UsageError(
            "plot_shares: shares must be 0 or more and add up to 1; divide by their sum."
        )
    edges = 100 * np.concatenate([np.zeros((1, places.size)), np.cumsum(stacked, axis=0)])
    for low, high, color in zip(edges[:-1], edges[1:], _colors(len(parts)), strict=True):
        ax.fill_between(places, low, high, facecolor=color, edgecolor="white", linewidth=0.5)
    ax.set(xlim=(places.min(), places.max()), ylim=(0, 100), xlabel=x, ylabel=y)
    if named:
        legend_above(ax, share_handles(list(parts)))
    return ax


def share_handles(names: list[str]) -> list[Patch]:
    """Return the entries of a legend for shares of these names, in the colours of `plot_shares`."""
    given = several(names, "share_handles: names", "names")
    names = [text(name, "share_handles: an item of names") for name in given]
    pairs = zip(names, _colors(len(names)), strict=True)
    return [Patch(facecolor=color, edgecolor="white", label=name) for name, color in pairs]


def _colors(count: int) -> list[str]:
    places = np.linspace(*_RAMP, count)
    return [mpl.colors.to_hex(mpl.colormaps["cividis"](place)) for place in places]
