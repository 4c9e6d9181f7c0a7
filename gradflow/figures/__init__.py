"""DRAW: functions that draw a result on given axes and return the axes, and compute nothing.

Use matplotlib as always, inside `paper_style` for this package's look::

    with paper_style():
        figure = Figure(figsize=(3.3, 2.2), layout="constrained")
        plot_decay(figure.subplots(), decays, horizon=37)
        figure.savefig("decay.pdf")

`gradflow.reporting.page` does that for a figure that is published: at the width of a venue, in
every format, with its caption and its numbers.
"""

from gradflow.figures.charts.density import plot_density
from gradflow.figures.charts.heat import Grid, mark_points, outline, plot_heat, trace
from gradflow.figures.charts.pseudospectra import plot_pseudospectra
from gradflow.figures.charts.series import Series, plot_series
from gradflow.figures.charts.shares import plot_shares, share_handles
from gradflow.figures.charts.surface import plot_surface
from gradflow.figures.look.style import paper_style
from gradflow.figures.look.venues import VENUES, Venue
from gradflow.figures.plots.branch import plot_branch
from gradflow.figures.plots.decay import plot_decay
from gradflow.figures.plots.eigenvalues import plot_eigenvalues
from gradflow.figures.plots.fixed_points import plot_fixed_points
from gradflow.figures.plots.lyapunov import plot_lyapunov
from gradflow.figures.plots.paths import plot_paths
from gradflow.figures.plots.singular_values import plot_singular_values
from gradflow.figures.plots.watched import plot_watched

__all__ = [
    "VENUES",
    "Grid",
    "Series",
    "Venue",
    "mark_points",
    "outline",
    "paper_style",
    "plot_branch",
    "plot_decay",
    "plot_density",
    "plot_eigenvalues",
    "plot_fixed_points",
    "plot_heat",
    "plot_lyapunov",
    "plot_paths",
    "plot_pseudospectra",
    "plot_series",
    "plot_shares",
    "plot_singular_values",
    "plot_surface",
    "plot_watched",
    "share_handles",
    "trace",
]
