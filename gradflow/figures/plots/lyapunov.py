"""Lyapunov exponents in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from gradflow.errors import UsageError
from gradflow.figures.look.axes import drawable
from gradflow.figures.look.curves import legend_above
from gradflow.figures.look.style import QUIET, stroke
from gradflow.given import record, several

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradflow.spectra import LyapunovSpectrum

__all__ = ["plot_lyapunov"]

_CROWDED = 40


def plot_lyapunov(
    ax: Axes,
    spectra: LyapunovSpectrum | Sequence[LyapunovSpectrum],
    *,
    h_only: Sequence[LyapunovSpectrum] = (),
) -> Axes:
    """Plot exponents against their index, with standard errors and a line at zero.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    spectra : LyapunovSpectrum or sequence of LyapunovSpectrum
        Spectra of the whole state, drawn as filled markers: ``exponents`` (k,) per step, ``stderr``
        (k,) and ``label``. An infinite standard error (a single block) is not drawn.
    h_only : sequence of LyapunovSpectrum
        Spectra that leave out part of the state, such as those of ``dh'/dh`` alone, drawn hollow.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    UsageError
        Nothing to plot, NaN, or shapes that do not fit.
    """
    drawable(ax, "plot_lyapunov")
    spectra = list(spectra) if isinstance(spectra, Sequence) else [spectra]
    h_only = several(h_only, "plot_lyapunov: h_only", "LyapunovSpectrum")
    for name, given in [("spectra", s) for s in spectra] + [("h_only", s) for s in h_only]:
        has = ("exponents", "stderr", "label")
        record(given, f"plot_lyapunov: {name}", has, "LyapunovSpectrum")
    if not [*spectra, *h_only]:
        raise UsageError("plot_lyapunov: spectra is empty; give at least one LyapunovSpectrum.")
    ax.axhline(0, color=QUIET, linewidth=0.7)
    handles = []
    for index, spectrum in enumerate([*spectra, *h_only]):
        exponents = np.asarray(spectrum.exponents, dtype=np.float64)
        stderr = np.asarray(spectrum.stderr, dtype=np.float64)
        if exponents.ndim != 1 or stderr.shape != exponents.shape or np.isnan(exponents).any():
            raise UsageError(
                f"plot_lyapunov: {spectrum.label!r} has exponents of shape {exponents.shape} and "
                f"stderr of {stderr.shape}; both must be one axis of one length, exponents "
                "without NaN."
            )
        shown = np.isfinite(exponents)
        look = stroke(index)
        label = spectrum.label
        if not shown.all():
            label = f"{label} ({np.count_nonzero(~shown)} of {len(exponents)} are $-\\infty$)"
        handles.append(
            ax.errorbar(
                np.arange(1, len(exponents) + 1)[shown],
                exponents[shown],
                yerr=np.where(np.isfinite(stderr), stderr, 0.0)[shown],
                fmt=look.marker,
                color=look.color,
                markersize=3.6 if len(exponents) <= _CROWDED else 2.2,
                markerfacecolor="white" if index >= len(spectra) else look.color,
                markeredgewidth=0.9,
                elinewidth=0.7,
                capsize=1.6 if len(exponents) <= _CROWDED else 0,
                label=label,
            )
        )
    ax.set_xlim(left=0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("index $i$")
    ax.set_ylabel(r"Lyapunov exponent $\lambda_i$ (per step)")
    legend_above(ax, handles)
    return ax
