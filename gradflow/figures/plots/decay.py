"""The decay: a norm against lag."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradflow.arrays import whole_number
from gradflow.errors import UsageError
from gradflow.figures.look.axes import drawable
from gradflow.figures.look.curves import draw_curve, lag_axis, mark_zeros, name_curves, read_lags
from gradflow.figures.look.decades import decade_axis, decade_label, to_decades
from gradflow.figures.look.style import BOUND, INK, QUIET, math_text, stroke
from gradflow.given import real_number, record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

    from gradflow.proofs import CertifiedGradient, CertifiedProducts
    from gradflow.spectra import Decay

__all__ = ["plot_decay"]

_HEADROOM = 0.08


def plot_decay(
    ax: Axes,
    decays: Decay | Sequence[Decay],
    *,
    horizon: int | None = None,
    tolerance: float | None = None,
    proven: CertifiedProducts | CertifiedGradient | None = None,
) -> Axes:
    """Plot norms against lag in powers of ten, however small.

    A decay with leading batch axes is drawn as its median, with a band from the tenth to the
    ninetieth percentile (order statistics, so exact zeros count). A norm that becomes exactly zero
    ends in a cross and a note.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    decays : Decay or sequence of Decay
        ``lag`` (L,), ``log_norm`` (..., L) in natural logarithms, ``quantity`` in LaTeX, ``label``.
    horizon : int, optional
        A lag to mark with a vertical line; one beyond the lags shown is told at the right edge.
    tolerance : float, optional
        A fraction of the first decay's norm at its first lag (the median over batch axes), to
        mark with a horizontal line; the same fraction as in ``Decay.horizon``.
    proven : CertifiedProducts or CertifiedGradient, optional
        What ``gradflow.certify`` encloses of the same quantity: between its two ends the true curve
        lies for certain. They are drawn dotted, and are one line where a figure cannot tell them
        apart; a lower end of 0 is shaded down to the foot.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Nothing to plot, shapes that do not fit, NaN or ``+inf``, a tolerance that is not positive.
    """
    drawable(ax, "plot_decay")
    decays = decays if isinstance(decays, Sequence) and not isinstance(decays, str) else [decays]
    if not decays:
        raise UsageError("plot_decay: decays is empty; give at least one Decay.")
    for decay in decays:
        record(decay, "plot_decay: decays", ("lag", "log_norm", "quantity", "label"), "Decay")
    if tolerance is not None:
        tolerance = real_number(tolerance, "plot_decay: tolerance", 0.0, above=True)
    if horizon is not None:
        horizon = whole_number(horizon, "plot_decay: horizon", 0)
    same = len({decay.quantity for decay in decays}) == 1
    curves, bands, lags = [], [], []
    for index, decay in enumerate(decays):
        name = f"plot_decay: log_norm of {decay.label or decay.quantity!r}"
        decades = to_decades(decay.log_norm, name)
        lag = read_lags(decay.lag, decades, name)
        lags.append(lag)
        named = [decay.label, "" if same else math_text(decay.quantity)]
        label = [" ".join(filter(None, named))]
        runs = np.sort(decades.reshape(-1, lag.size), axis=0)
        look = stroke(index)
        if len(runs) > 1:
            label.append(f"median and 10–90 % of {len(runs)}")
            bands.append((lag, _ranked(runs, 0.1), _ranked(runs, 0.9), look.color))
        curves.append(
            draw_curve(
                ax,
                lag,
                _ranked(runs, 0.5),
                ", ".join(filter(None, label)),
                color=look.color,
                linestyle=look.linestyle,
            )
        )
    if proven is not None:
        curve, band = _proven(ax, proven)
        curves.append(curve)
        lags.append(band[0])
        bands.append(band)
    _shade(ax, bands)
    ax.set_ylabel(math_text(decays[0].quantity) if same else "norm")
    lag_axis(ax, lags)
    decade_axis(ax)
    start = float(np.asarray(curves[0].get_ydata())[0])
    _mark(ax, horizon, tolerance, start)
    name_curves(ax, curves, mark_zeros(ax, curves))
    return ax


def _proven(
    ax: Axes, proven: CertifiedProducts | CertifiedGradient
) -> tuple[Line2D, tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], str]]:
    """Draw both ends of what is certain; return the upper one, and the band between them."""
    record(proven, "plot_decay: proven", ("lower", "upper", "level"), "result of gradflow.certify")
    low, high = (
        to_decades(getattr(proven, end), f"plot_decay: {end} of proven")
        for end in ("lower", "upper")
    )
    lag = read_lags(np.arange(high.size), low, "plot_decay: proven")
    look = {**BOUND, "color": INK, "zorder": 3.0}  # over the curve, from which it may not differ
    draw_curve(ax, lag, low, "", **look)
    return draw_curve(ax, lag, high, "proven", **look), (lag, low, high, QUIET)


def _ranked(runs: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Return the order statistic of sorted ``runs`` (n, L) at ``level``, mixing no infinities."""
    ranked: NDArray[np.float64] = runs[round(level * (len(runs) - 1))]
    return ranked


def _shade(
    ax: Axes,
    bands: Sequence[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], str]],
) -> None:
    """Shade the bands; where the lower edge is exactly zero, down to the foot of the axes."""
    for _, low, high, _ in bands:
        edges = np.concatenate([low, high])
        edges = edges[np.isfinite(edges)]
        if edges.size:
            ax.update_datalim([(ax.dataLim.x0, edges.min()), (ax.dataLim.x0, edges.max())])
    ax.autoscale_view()
    foot = ax.get_ylim()[0]
    for lag, low, high, color in bands:
        drawn = np.isfinite(high)
        ax.fill_between(
            lag,
            np.where(np.isfinite(low), low, foot),
            np.where(drawn, high, foot),
            where=drawn.tolist(),
            color=color,
            alpha=0.18,
            linewidth=0,
        )
    if bands:
        ax.set_ylim(bottom=foot)


def _mark(ax: Axes, horizon: int | None, tolerance: float | None, start: float) -> None:
    """Mark the lag ``horizon`` and ``tolerance`` below ``start``, and say so above the data."""
    if horizon is None and tolerance is None:
        return
    notes = []
    first, last = ax.get_xlim()
    x = (first + last) / 2
    if horizon is not None:
        notes.append(f"horizon {horizon} {'step' if horizon == 1 else 'steps'}")
        x = min(max(horizon, first), last)
        if x == horizon:
            ax.axvline(horizon, color=QUIET, linewidth=0.6)
        else:
            notes.append("beyond this figure")
    if tolerance is not None:
        level = math.log10(tolerance)
        notes.append(f"tolerance {decade_label(level)}")
        if math.isfinite(start):
            ax.axhline(start + level, color=QUIET, linewidth=0.6, linestyle=(0, (1, 2)))
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + _HEADROOM * (high - low))
    to_left = x > (first + last) / 2
    ax.annotate(
        ", ".join(notes),
        (x, 1),
        (-3 if to_left else 3, -1),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if to_left else "left",
        va="top",
        color=QUIET,
        fontsize="small",
    )
