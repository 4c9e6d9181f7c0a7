"""Where the panels of a figure stand: on a page, and two by two on slides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradflow.arrays import whole_number
from gradflow.errors import UsageError, shown
from gradflow.given import several

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Box", "arrangement", "slide_places", "slides"]

# More rows or columns are no figure.
_MOST_PANELS = 50
_ON_A_SLIDE = 2


@dataclass(frozen=True)
class Box:
    """The rows and columns of a grid that a panel covers."""

    rows: slice
    columns: slice

    @property
    def area(self) -> int:
        """How many cells of the grid it covers."""
        high, wide = (s.stop - s.start for s in (self.rows, self.columns))
        return int(high * wide)


def arrangement(shape: object) -> tuple[int, int, tuple[Box, ...]]:
    """Return rows, columns and panels of ``(2, 3)``, or of rows of letters, ``("AAB", "AAC")``.

    Panels come row by row, or by their letters. Raises ``UsageError``.

    >>> rows, columns, boxes = arrangement(("AAB", "AAC"))
    >>> rows, columns, [box.area for box in boxes]
    (2, 3, [4, 1, 1])
    """
    given = several(shape, "page: shape", "two whole numbers, or of rows of letters")
    if given and all(isinstance(row, str) for row in given):
        return _drawn(given)
    if len(given) != 2:
        raise UsageError(
            f"page: shape is {shown(shape)}; it must be two whole numbers, or rows of letters as "
            'in ("AAB", "AAC").'
        )
    rows, columns = (
        whole_number(n, f"page: shape[{i}]", 1, _MOST_PANELS) for i, n in enumerate(given)
    )
    places = [(i, j) for i in range(rows) for j in range(columns)]
    return rows, columns, tuple(Box(slice(i, i + 1), slice(j, j + 1)) for i, j in places)


def _drawn(lines: Sequence[str]) -> tuple[int, int, tuple[Box, ...]]:
    columns = len(lines[0])
    letters = sorted(set("".join(lines)))
    boxes = []
    for letter in letters:
        cells = [
            (i, j) for i, line in enumerate(lines) for j, at in enumerate(line) if at == letter
        ]
        down, across = zip(*cells, strict=True)
        box = Box(slice(min(down), max(down) + 1), slice(min(across), max(across) + 1))
        boxes.append((box, len(cells)))
    uneven = any(len(line) != columns for line in lines) or not columns
    if uneven or max(len(lines), columns) > _MOST_PANELS or any(b.area != n for b, n in boxes):
        raise UsageError(
            f"page: shape is {shown(tuple(lines))}; its rows must be as long as one another, at "
            f"most {_MOST_PANELS}, and the places of a letter make a rectangle."
        )
    return len(lines), columns, tuple(box for box, _ in boxes)


def slides(boxes: Sequence[Box]) -> tuple[tuple[int, ...], ...]:
    """Return which panels share a slide: two by two, and one that is larger than all by itself."""
    areas = [box.area for box in boxes]
    alone = [i for i, area in enumerate(areas) if sum(other >= area for other in areas) == 1]
    rest = [i for i in range(len(boxes)) if i not in alone]
    pairs = [tuple(rest[i : i + _ON_A_SLIDE]) for i in range(0, len(rest), _ON_A_SLIDE)]
    return tuple(sorted([*pairs, *((i,) for i in alone)]))


def slide_places(
    figure: Figure,
    boxes: Sequence[Box],
    groups: Sequence[Sequence[int]],
    widths: Sequence[float] | None,
) -> list[Any]:
    """Return the place of every panel on its slide, as wide as its columns of the page are."""
    places: dict[int, Any] = {}
    for group in groups:
        wide = None if widths is None else [sum(widths[boxes[i].columns]) for i in group]
        grid = figure.add_gridspec(1, len(group), width_ratios=wide)
        places |= {panel: grid[0, place] for place, panel in enumerate(group)}
    return [places[i] for i in range(len(boxes))]
