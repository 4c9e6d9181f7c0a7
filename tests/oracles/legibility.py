"""What a reader of a figure would complain about: small, clipped or overlapping text, bare axes.

The text judged is what matplotlib really draws: every call of ``Text.draw`` is seen, so that ticks
outside the view and hidden labels do not count.
"""

import re
from itertools import combinations
from unittest import mock

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SMALLEST = 6.0
# Sub- and superscripts of matplotlib's mathematics are set at 0.7 of the size around them.
SCRIPT = 0.7
SLACK = 1.0


def drawn_texts(figure):
    """Return (text, bounding box in pixels) of all text the figure draws."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # the layout settles
    found = []
    draw = Text.draw

    def seen(self, renderer, *args, **kwargs):
        if self.get_visible() and self.get_text().strip():
            found.append((self, Text.get_window_extent(self, renderer)))
        return draw(self, renderer, *args, **kwargs)

    with mock.patch.object(Text, "draw", seen):
        canvas.draw()
    return found


def size_of(text):
    """Return the size in points of the smallest letters of a text."""
    formulas = re.findall(r"\$[^$]*\$", text.get_text())
    scripts = any(re.search(r"[_^]", formula) for formula in formulas)
    return text.get_fontsize() * (SCRIPT if scripts else 1.0)


def overlap(a, b):
    """Whether two boxes share more than a hair."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return width > SLACK and height > SLACK


def complaints(figure):
    """Return every complaint about a figure, a line each."""
    texts = drawn_texts(figure)
    found = []
    for text, box in texts:
        words = text.get_text()
        if size_of(text) < SMALLEST - 1e-6:
            found.append(f"{words!r} is {size_of(text):.2f} pt")
        if (
            box.x0 < -SLACK
            or box.y0 < -SLACK
            or box.x1 > figure.bbox.width + SLACK
            or box.y1 > figure.bbox.height + SLACK
        ):
            found.append(f"{words!r} is cut off at the edge of the figure")
    # a slanted label of a 3-D axis fills only the diagonal of its box
    straight = [(t, b) for t, b in texts if t.get_rotation() % 90 == 0]
    for (one, a), (other, b) in combinations(straight, 2):
        if overlap(a, b):
            found.append(f"{one.get_text()!r} overlaps {other.get_text()!r}")
    for ax in figure.axes:
        if not ax.axison or ax.get_label() == "<colorbar>":
            continue
        for axis in (ax.xaxis, ax.yaxis):
            if not axis.get_label_text() and axis.get_ticklabels() and axis.get_visible():
                found.append(f"an axis has no label: {axis.axis_name} of {ax.get_title()!r}")
        names = ax.get_legend()
        if names is not None and overlap(inside(names.get_window_extent(), ax), ax.bbox):
            found.append("a legend lies on the data")
    return found


def inside(box, ax):
    """Return a box a little smaller than ``box``, so that touching the axes is no overlap."""
    return Bbox.from_extents(box.x0 + 2, box.y0 + 2, box.x1 - 2, box.y1 - 2)
