"""A result drawn into one file, without a script around it."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from gradflow.drawable import Drawable
from gradflow.figures.look.style import paper_style
from gradflow.files import write_atomically
from gradflow.reporting.publish.formats import encoded

__all__ = ["write_picture"]


def write_picture(result: Drawable, path: Path) -> None:
    """Draw a result as its ``.plot()`` does; the ending of ``path`` is one of ``FORMATS``.

    Raises ``UsageError`` for what cannot be drawn and for a file that cannot be written.
    """
    with paper_style():
        figure = Figure(layout="constrained")
        result.plot(figure.subplots())
        (content,) = encoded(figure, path.stem, path.suffix.removeprefix(".")).values()
    write_atomically(path, content)
