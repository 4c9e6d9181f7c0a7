"""The pictures of one figure: the whole page, or a slide for every two panels, built step by step.

Every picture is the same figure with other parts of it hidden, so that nothing moves between the
steps of a slide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.offsetbox import HPacker, OffsetBox
from matplotlib.text import Text

from gradflow.figures.look.curves import settle_names
from gradflow.figures.look.style import INK, QUIET, math_text
from gradflow.prose import split_inline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["pictures", "write_question"]

# Letters in a line of a slide's title, for its width and size.
_LINE = 74
# A panel of more colours shows a scale of them, which is one thing.
_MOST_LAYERS = 8
_WHITE = "#ffffff"


def write_question(figure: Figure, question: str) -> None:
    """Write ``question`` over the panels, its formulas unbroken and its lines of one length."""
    # a blank inside a formula is none between words
    spans = split_inline(question)
    marked = [math_text(s.content).replace(" ", "\0") if s.math else s.content for s in spans]
    words = "".join(marked).split()
    lines = -(-len(question) // _LINE)
    wide, rows = len(question) / lines, [""]
    for word in words:
        full = len(rows[-1]) + len(word) / 2 > wide
        rows = [*rows, word] if full and len(rows) < lines else [*rows[:-1], f"{rows[-1]} {word}"]
    figure.suptitle(
        "\n".join(row.strip() for row in rows).replace("\0", " "),
        x=0.01,
        ha="left",
        fontsize=float(mpl.rcParams["font.size"]) * 1.05,
        fontweight="bold",
    )


def pictures(
    figure: Figure, name: str, groups: Sequence[Sequence[Any]], *, steps: bool
) -> Iterator[str]:
    """Show the parts of a figure picture by picture; yield the name of each while it is shown.

    ``groups`` are the panels of each slide; of a page, which is one picture, all of them.
    """
    panels = [panel for group in groups for panel in group]
    built = 0
    for count, group in enumerate(groups, start=1):
        _settle(figure, panels, group)
        yield name if count == 1 else f"{name}-{count}"
        if steps:
            for step in _steps(figure, group, built + 1):
                built = step
                yield f"{name}-step-{step:02d}"


def _steps(figure: Figure, group: Sequence[Any], count: int) -> Iterator[int]:
    """Hide what the panels of a slide show and bring it back bit by bit; yield their numbers."""
    layers = [(panel, _layers(panel)) for panel in group]
    for panel, parts in layers:
        panel.set_visible(False)
        _set_visible([*_bars(panel), *(one for layer in parts for one in layer)], False)
    before = b""
    for place, (panel, parts) in enumerate(layers):
        panel.set_visible(True)
        empty: list[list[Any]] = [] if place else [[]]
        for layer in [*empty, *parts]:
            _set_visible(layer, True)
            _show_entries(figure)
            if any(getattr(one, "colorbar", None) is not None for one in layer):
                _set_visible(_bars(panel), True)
            seen, before = before, _seen(figure)
            if seen != before:  # or else it lies outside the panel, or under what was there
                yield count
                count += 1


def _settle(figure: Figure, panels: Sequence[Any], group: Sequence[Any]) -> None:
    """Show the panels of ``group`` alone and lay them out; from then on every part stays."""
    for panel in panels:
        panel.set_in_layout(panel in group)
        _set_visible([panel, *_bars(panel)], panel in group)
    _show_entries(figure)
    for legend in figure.legends:
        legend.set_in_layout(any(text.get_visible() for text in legend.get_texts()))
    figure.set_layout_engine("constrained")
    settle_names(figure)
    # names that moved leave other room
    settle_names(figure)
    figure.set_layout_engine("none")


def _show_entries(figure: Figure) -> None:
    """Show of the legends of the whole figure the entries that a curve shown has as its name."""
    seen: dict[str, bool] = {}
    for panel in figure.axes:
        for curve, name in zip(*panel.get_legend_handles_labels(), strict=True):
            shown = panel.get_visible() and getattr(curve, "get_visible", lambda: True)()
            seen[name] = seen.get(name, False) or shown
    for legend in figure.legends:
        for entry in legend.findobj(HPacker):
            names = entry.findobj(Text)
            if len(names) == 1:  # what is drawn is hidden and not its box, so that nothing moves
                parts = entry.findobj(lambda one: not isinstance(one, OffsetBox))
                _set_visible(parts, seen.get(names[0].get_text(), True))


def _set_visible(parts: Sequence[Any], visible: bool) -> None:
    for part in parts:
        part.set_visible(visible)


def _seen(figure: Figure) -> bytes:
    """Return the figure as a screen shows it."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return bytes(canvas.buffer_rgba())


def _bars(panel: Any) -> list[Any]:
    """Return the colour bars of a panel."""
    drawn = [*panel.images, *panel.collections]
    return [one.colorbar.ax for one in drawn if getattr(one, "colorbar", None) is not None]


def _layers(panel: Any) -> list[list[Any]]:
    """Return what is drawn on a panel in the order drawn, each colour's parts together.

    A curve, its band, its points and its name have one colour; ink joins what was drawn before it.
    """
    kinds = (panel.images, panel.lines, panel.collections, panel.patches, panel.texts)
    drawn = {one for kind in (*kinds, panel.child_axes) for one in kind}
    layers: dict[str, list[Any]] = {}
    now, edges = "first", []
    for one in panel.get_children():
        if one not in drawn:
            continue
        color = _color(one)
        if color == _WHITE:  # the edge of what is drawn over it
            edges.append(one)
            continue
        now = color or now
        layers.setdefault(now, []).extend([*edges, one])
        edges = []
    layers.setdefault(now, []).extend(edges)
    found = list(layers.values())
    return found if len(found) <= _MOST_LAYERS else [[one for layer in found for one in layer]]


def _color(one: Any) -> str | None:
    """Return a name of the colour of a part, ``None`` for ink."""
    if getattr(one, "colorbar", None) is not None:
        return f"map {id(one)}"
    ways = ("get_color", "get_facecolor", "get_edgecolor")
    colors = (getattr(one, way)() for way in ways if hasattr(one, way))
    color = next((found for found in colors if len(found)), None)
    if color is None:
        return None
    name = to_hex(color if np.ndim(color) < 2 else color[0])
    grey = name[1:3] == name[3:5] == name[5:7]
    return None if name in (INK, QUIET) or (grey and name != _WHITE) else name
