"""The one late import behind ``.plot()``: results are computed floors above what draws them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Drawable"]


class Drawable:
    """A result with a figure of its own.

    ``drawn_by`` names its file in ``gradflow/figures/plots/`` and the function there, which takes
    axes and the result: ``"decay:plot_decay"``.
    """

    drawn_by: ClassVar[str]

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw on ``ax``, or on new pyplot axes, and return them; options are the figure's own."""
        name, _, function = self.drawn_by.partition(":")
        axes_or_new = importlib.import_module("gradflow.figures.look.axes").axes_or_new
        draw = getattr(importlib.import_module(f"gradflow.figures.plots.{name}"), function)
        drawn: Axes = draw(axes_or_new(ax), self, **options)
        return drawn
