"""The eigenvalues of single step Jacobians, in the complex plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.patches import Circle
from numpy.typing import ArrayLike

from gradflow.errors import UsageError
from gradflow.figures.look.axes import complex_numbers, drawable
from gradflow.figures.look.curves import legend_above
from gradflow.figures.look.style import INK, QUIET, stroke
from gradflow.given import mapping

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_eigenvalues"]

_CROWDED = 60
_SMALL = 0.45
_DASHES: tuple[Any, ...] = ((0, (4, 2)), (0, (1, 1.4)), (0, (6, 1.5, 1, 1.5)))


def plot_eigenvalues(
    ax: Axes,
    eigenvalues: Mapping[str, ArrayLike],
    *,
    curves: Mapping[str, ArrayLike] | None = None,
) -> Axes:
    """Plot eigenvalues over the unit circle, on axes of equal scale.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    eigenvalues : mapping
        From a name, such as ``"first step"``, to complex values (d,).
    curves : mapping, optional
        From a name to the complex points (n,) of a curve, such as the edge that theory gives.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Nothing to plot, a value that is not finite, or more than one axis.
    """
    drawable(ax, "plot_eigenvalues")
    mapping(eigenvalues, "plot_eigenvalues: eigenvalues", "complex values")
    curves = {} if curves is None else mapping(curves, "plot_eigenvalues: curves", "points")
    if not eigenvalues:
        raise UsageError("plot_eigenvalues: eigenvalues is empty; name at least one step.")
    ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor=QUIET, linewidth=0.7))
    ax.axhline(0, color=QUIET, linewidth=0.3)
    ax.axvline(0, color=QUIET, linewidth=0.3)
    points = []
    for index, (name, given) in enumerate(eigenvalues.items()):
        values = complex_numbers(given, f"plot_eigenvalues: eigenvalues[{name!r}]")
        if values.ndim != 1 or not np.isfinite(values).all():
            raise UsageError(
                f"plot_eigenvalues: {name!r} has shape {values.shape} and "
                f"{np.count_nonzero(~np.isfinite(values))} values that are not finite; it must be "
                "one axis of finite complex numbers."
            )
        look = stroke(index)
        points += ax.plot(
            values.real,
            values.imag,
            look.marker,
            color=look.color,
            markerfacecolor="none",
            label=name,
            **_size(values.size),
        )
    for index, (name, given) in enumerate((curves or {}).items()):
        edge = np.asarray(given, dtype=np.complex128)
        dash = _DASHES[index % len(_DASHES)]
        points += ax.plot(edge.real, edge.imag, color=INK, linestyle=dash, label=name)
    ax.set_aspect("equal")
    ax.margins(0.08)
    ax.set_xlabel(r"$\operatorname{Re}\,\lambda$")
    ax.set_ylabel(r"$\operatorname{Im}\,\lambda$")
    legend_above(ax, points)
    return ax


def _size(count: int) -> dict[str, Any]:
    """Return size and edge of markers: small where there are many."""
    if count <= _CROWDED:
        return {"markeredgewidth": 0.9}
    return {"markersize": _SMALL * mpl.rcParams["lines.markersize"], "markeredgewidth": 0.5}
