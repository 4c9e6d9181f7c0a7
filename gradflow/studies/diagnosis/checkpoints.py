"""Checkpoints of one training, diagnosed one after another on the same sequences and loss."""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradflow.errors import UsageError
from gradflow.given import several
from gradflow.networks import Network
from gradflow.prose import table_html
from gradflow.studies.diagnosis.diagnosis import diagnose
from gradflow.studies.diagnosis.measures.spread import short
from gradflow.studies.diagnosis.record import Diagnosis
from gradflow.studies.diagnosis.telling.numbers import power

__all__ = ["Course", "course", "course_lines"]

_COLUMNS = ("checkpoint", "left", "horizon", "directions", "norm of the gradient")
_CALIBRATION = (
    "In 26 networks that learned the adding problem or failed to, what is left at half of its lag "
    "told solved from unsolved checkpoints (area under the curve 0.98); a tenth of the unsolved "
    "ones had it too, so that it is needed and not enough."
)


@dataclass(frozen=True, eq=False)
class Course:
    """What became of the reach of a network while it was trained.

    Attributes
    ----------
    found
        The diagnosis of each checkpoint, in the order given.
    """

    found: tuple[Diagnosis, ...]

    def rows(self) -> list[tuple[str, ...]]:
        """Return a row a checkpoint: its source, and the numbers in words with their spread."""
        return [_row(one) for one in self.found]

    def __repr__(self) -> str:
        """Return one line: the first and the last checkpoint."""
        first, last = (power(one.reach.log10_left.median) for one in self.found[:: len(self) - 1])
        return (
            f"<Course of {len(self)} checkpoints: at lag {self.found[0].need} the gradient left "
            f"goes from {first} to {last}>"
        )

    def __len__(self) -> int:
        """Return the number of checkpoints."""
        return len(self.found)

    def _repr_html_(self) -> str:
        return table_html(self.rows(), _COLUMNS)


def course(
    networks: Sequence[Network | str | os.PathLike[str] | Any], x: Any = None, **options: Any
) -> Course:
    """Diagnose checkpoints of one training as a course over time.

    The input, the loss and what is made up are the same for all. Remedies are those of each
    checkpoint, where it needs one.

    Parameters
    ----------
    networks
        Files or networks, two or more, the earliest first; as ``gradflow.diagnose`` takes them.
    x, **options
        As ``gradflow.diagnose`` takes them.

    Raises
    ------
    UsageError
        Fewer than two checkpoints, or what ``gradflow.diagnose`` refuses.

    Examples
    --------
    >>> import gradflow as gf
    >>> early, late = (
    ...     gf.stack("lstm", hidden=4, inputs=2, rng=0, forget_bias=b) for b in (0.0, 4.0)
    ... )
    >>> made = gf.studies.course([early, late], need=10)
    >>> len(made), made.found[1].reach.log10_left.median > made.found[0].reach.log10_left.median
    (2, True)
    """
    given = several(networks, "course: networks", "two checkpoints or more")
    if len(given) < 2:
        raise UsageError(
            f"course: networks has {len(given)} checkpoint; give two or more, the earliest first."
        )
    return Course(tuple(diagnose(one, x, **options) for one in given))


def course_lines(made: Course, width: int) -> list[str]:
    """Return a course in plain text, a line a checkpoint, or several where lines are too short."""
    first = made.found[0]
    count = first.reach.log10_left.count
    over = f", median (least to greatest) of {count} sequences" if count > 1 else ""
    if first.reach.directions is not None and first.reach.directions.count < count:
        over += f", directions of {first.reach.directions.count} of them"
    rows = [_COLUMNS, *made.rows()]
    wide = [max(len(row[k]) for row in rows) for k in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)) for row in rows]
    if max(len(line.rstrip()) for line in lines) > width:
        lines = [
            line
            for source, *cells in made.rows()
            for line in (
                source,
                *(f"    {n}: {c}" for n, c in zip(_COLUMNS[1:], cells, strict=True) if c),
            )
        ]
    title = f"What is left of the gradient at lag {first.need}, over that at lag 0, while training"
    return [
        *textwrap.wrap(f"{title} went on{over}", width),
        "",
        *(line.rstrip() for line in lines),
        "",
        *textwrap.wrap(_CALIBRATION, min(width, 90)),
    ]


def _row(one: Diagnosis) -> tuple[str, ...]:
    steps = one.subject.losses.longest
    reach = one.reach
    directions = "" if reach.directions is None else short(reach.directions, lambda v: f"{v:g}")
    norm = ""
    if one.training is not None:
        low, _, middle, _, high = (power(log / math.log(10)) for log in one.training.quartiles)
        norm = middle if low == high else f"{middle} ({low} to {high})"
    return (
        one.network.source,
        short(reach.log10_left, power),
        short(reach.loss_horizon, lambda v: f"{v:g}" if math.isfinite(v) else f"over {steps}"),
        directions,
        norm,
    )
