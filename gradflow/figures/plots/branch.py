"""A branch of fixed points over one parameter, with its folds."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.arrays import whole_number
from gradflow.errors import UsageError
from gradflow.figures.look.axes import drawable
from gradflow.figures.look.curves import legend_above
from gradflow.figures.look.style import stroke
from gradflow.given import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradflow.spectra import FixedPointBranch

__all__ = ["plot_branch"]


def plot_branch(ax: Axes, result: FixedPointBranch, *, unit: int = 0) -> Axes:
    """Plot one entry of the fixed points against the parameter, through the folds.

    Stable stretches are solid, all others dashed; folds are dots, crossings squares.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    result : FixedPointBranch
        ``values`` (n,) and ``states`` (n, d) with a word of ``stability`` each, and the folds.
    unit : int
        Which entry of the flat state is drawn, from 0.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        No such entry, or shapes that do not fit.
    """
    drawable(ax, "plot_branch")
    has = ("states", "values", "stability", "fold_values", "crossing_values", "parameter")
    record(result, "plot_branch: result", has, "FixedPointBranch")
    states = np.asarray(result.states, dtype=np.float64)
    if states.ndim != 2 or not len(states) == len(result.values) == len(result.stability):
        raise UsageError(
            f"plot_branch: states have shape {states.shape} with {len(result.values)} values and "
            f"{len(result.stability)} words of stability; each point needs one of each."
        )
    unit = whole_number(unit, "plot_branch: unit", 0, states.shape[1] - 1)
    stable = np.array(result.stability) == "stable"
    cuts = [0, *(np.flatnonzero(np.diff(stable)) + 1), len(states)]
    handles = {}
    for first, stop in pairwise(cuts):
        kind = "stable" if stable[first] else "not stable"
        shown = slice(first, stop + 1)  # on to the next stretch, so that no gap is left
        look: dict[str, Any] = {
            "linestyle": "-" if stable[first] else "--",
            "color": stroke(0).color,
        }
        (line,) = ax.plot(result.values[shown], states[shown, unit], label=kind, **look)
        handles[kind] = line
    for name, marker in (("fold", "o"), ("crossing", "s")):
        values = getattr(result, f"{name}_values")
        if len(values):
            at = getattr(result, f"{name}_states")[:, unit]
            look = {"linestyle": "none", "marker": marker, "color": stroke(1).color}
            (handles[name],) = ax.plot(values, at, label=f"{name} ({len(values)})", **look)
    ax.set_xlabel(result.parameter)
    ax.set_ylabel(f"entry {unit} of the state")
    legend_above(ax, list(handles.values()))
    return ax
