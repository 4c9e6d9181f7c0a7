"""Figures: functions that draw a result on given axes and return the axes, and compute nothing.

Use matplotlib as always, inside `paper_style` for this package's look::

    with paper_style():
        figure = Figure(figsize=(3.3, 2.2), layout="constrained")
        plot_decay(figure.subplots(), decays, horizon=37)
        figure.savefig("decay.pdf")

`draw_svg` does that for a page of a report, and `page` for a figure that is published: at the width
of a venue, in every format, with its caption and its numbers.
"""

from gradflow.figures.axes import axes_or_new
from gradflow.figures.caption import magnitude
from gradflow.figures.decay import plot_decay
from gradflow.figures.density import plot_density
from gradflow.figures.eigenvalues import plot_eigenvalues
from gradflow.figures.files import require_folder, write_atomically
from gradflow.figures.fixed_points import plot_fixed_points
from gradflow.figures.formats import FORMATS, check_formats
from gradflow.figures.heat import Grid, mark_points, outline, plot_heat, trace
from gradflow.figures.inline import plain_text
from gradflow.figures.lyapunov import plot_lyapunov
from gradflow.figures.page import Page, page
from gradflow.figures.paths import plot_paths
from gradflow.figures.pseudospectra import plot_pseudospectra
from gradflow.figures.series import Series, plot_series
from gradflow.figures.shares import plot_shares, share_handles
from gradflow.figures.singular_values import plot_singular_values
from gradflow.figures.style import paper_style
from gradflow.figures.surface import plot_surface
from gradflow.figures.svg import draw_svg, figure_svg
from gradflow.figures.venues import VENUES, Venue, find_venue

__all__ = [
    "FORMATS",
    "VENUES",
    "Grid",
    "Page",
    "Series",
    "Venue",
    "axes_or_new",
    "check_formats",
    "draw_svg",
    "figure_svg",
    "find_venue",
    "magnitude",
    "mark_points",
    "outline",
    "page",
    "paper_style",
    "plain_text",
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
    "require_folder",
    "share_handles",
    "trace",
    "write_atomically",
]
