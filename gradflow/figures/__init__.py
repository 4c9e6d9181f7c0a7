"""Figures: functions that draw a result on given axes and return the axes, and compute nothing.

Use matplotlib as always, inside `paper_style` for this package's look::

    with paper_style():
        figure = Figure(figsize=(3.3, 2.2), layout="constrained")
        plot_decay(figure.subplots(), decays, horizon=37)
        figure.savefig("decay.pdf")

`draw_svg` does that for a page.
"""

from gradflow.figures.axes import axes_or_new
from gradflow.figures.decay import plot_decay
from gradflow.figures.eigenvalues import plot_eigenvalues
from gradflow.figures.fixed_points import plot_fixed_points
from gradflow.figures.lyapunov import plot_lyapunov
from gradflow.figures.paths import plot_paths
from gradflow.figures.singular_values import plot_singular_values
from gradflow.figures.style import paper_style
from gradflow.figures.svg import draw_svg, figure_svg

__all__ = [
    "axes_or_new",
    "draw_svg",
    "figure_svg",
    "paper_style",
    "plot_decay",
    "plot_eigenvalues",
    "plot_fixed_points",
    "plot_lyapunov",
    "plot_paths",
    "plot_singular_values",
]
