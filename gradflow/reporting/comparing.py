"""The verb ``compare``: several cells beside one another, laid out and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gradflow.given import path, text
from gradflow.reporting.document.blocks import (
    Answer,
    Block,
    Card,
    Cards,
    Details,
    Drawing,
    Drawings,
    Judged,
    Numbers,
    Report,
    Table,
)
from gradflow.reporting.document.cards import Tone
from gradflow.reporting.document.numbers import ranged, value_of
from gradflow.reporting.document.words import called, origin, runs_of, seeds_from, seeds_of, tools
from gradflow.reporting.drawing.decay import decay_series, draw_panel, panel_range
from gradflow.reporting.render.formats import format_of, write_report
from gradflow.studies.comparison.claims import claims_about
from gradflow.studies.comparison.comparing import Asked, Compared, Comparison, comparison
from gradflow.studies.infinite_width import beside_infinite_width
from gradflow.studies.one_cell import SEEDS, Progress

__all__ = ["ComparisonWritten", "compare", "comparison_answer", "lay_out_comparison"]

_TONES: dict[str, Tone] = {"SEEN": "good", "IN PART": "neutral", "NOT SEEN": "bad"}


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonWritten:
    """A comparison that was written: where it lies, and what it shows."""

    path: Path
    comparison: Comparison

    def __repr__(self) -> str:
        """Return one line with the file and the cells."""
        return f"ComparisonWritten({str(self.path)!r}, {self.comparison!r})"


def lay_out_comparison(found: Comparison, provenance: Mapping[str, str]) -> Report:
    """Lay out the report of a comparison."""
    blocks: list[Block] = [
        comparison_answer(found),
        Details("Side by side", [_table(found), _all_numbers(found)], _span(found), open=True),
        Details("Decay, one scale", [_panels(found)], "median and 80 % of runs", open=True),
    ]
    cards = [
        Card(
            title=claim.title,
            badge=claim.seen,
            where="on these runs",
            tone=_TONES[claim.seen],
            text=claim.evidence,
            note=claim.source,
        )
        for claim in claims_about(found)
    ]
    if cards:
        seen = ", ".join(
            f"{sum(card.badge == word for card in cards)} {word.lower()}" for word in _TONES
        )
        blocks.append(Details("What is said of them", [Cards(cards)], seen, open=True))
    beside = [(one, beside_infinite_width(one.setup.trajectory)) for one in found.cells]
    told = [[_name(one), said.sentence] for one, said in beside if said]
    if told:
        table = Table(["Cell", "Leading exponent, first seed"], told)
        blocks.append(Details("Infinitely many units", [table], "theory beside each network"))
    rows = [["Input", found.cells[0].setup.source], ["Sizes", found.cells[0].setup.told_sizes()]]
    rows += [[f"Initial weights of {_name(one)}", origin(one.seeds.decays)] for one in found.cells]
    blocks.append(Details("How to repeat it", [Table(["What", "How"], rows)], "", open=True))
    return Report("Which cells hand the gradient on?", "", blocks, provenance)


def _name(one: Compared) -> str:
    """Return what a cell is called, with what is not its default."""
    return called(one.cell) + one.name.removeprefix(one.cell.name)


def comparison_answer(found: Comparison) -> Answer:
    """Return the answer in one sentence, and of how many cells what is left is enough."""
    far = [one for one in found.cells if _median(one) > found.steps]
    last = found.cells[-1]
    first = found.cells[0]
    decays = first.seeds.decays
    drawn = "random weights" if any(c.seeds.decays.drawn for c in found.cells) else origin(decays)
    names = ", ".join(map(_name, far))
    passing = (
        f"{names} {'hands' if len(far) == 1 else 'hand'} 1\u00a0% of the gradient on over all "
        f"{found.steps} steps"
        if far
        else f"{_name(first)} reaches furthest, {_told(first)}"
    )
    least = "" if last in far or last is first else f"; {_name(last)} reaches least, {_told(last)}"
    spread = [(_name(one), _told(one)) for one in found.cells]
    enough = sum(one.verdict.word == "Enough" for one in found.cells)
    tone: Tone = "good" if enough == len(found.cells) else "neutral" if enough else "bad"
    return Answer(
        f"{len(found.cells)} cells, {drawn}, {seeds_of(decays)}: {passing}{least}.",
        tone,
        Judged(
            word=f"{enough} of {len(found.cells)}",
            note=f"enough for a need of {found.need} steps",
            spread=spread,
            chips=[
                f"{drawn}, not trained" if drawn == "random weights" else drawn,
                f"{runs_of(decays)} each",
                f"{found.steps} steps each",
            ],
        ),
    )


def _median(one: Compared) -> float:
    return one.numbers()["horizon"].value


def _told(one: Compared) -> str:
    horizon = one.numbers()["horizon"]
    differs = horizon.between is not None and horizon.between[0] != horizon.between[1]
    spread = f" ({ranged(horizon)} in 80\u00a0% of runs)" if differs else ""
    return f"{value_of(horizon)} steps{spread}"


def _span(found: Comparison) -> str:
    return f"{_name(found.cells[0])} furthest, {_name(found.cells[-1])} least"


def _table(found: Comparison) -> Table:
    header = [
        "Cell",
        "Horizon of the loss, steps",
        "Horizon of P, steps",
        f"Left after {found.need} steps",
        "Leading exponent, nats a step",
        f"Directions kept over {found.need}",
        "Parameters",
        "Multiplications a step",
    ]
    rows = []
    for one in found.cells:
        numbers = one.numbers()
        told = []
        for name in ("horizon", "product_horizon", f"left_{found.need}", "lyapunov", "directions"):
            number = numbers.get(name)
            if number is None:
                told.append("no number")
                continue
            spread = f" ({ranged(number)})" if number.between else ""
            of = f" of {one.seeds.width}" if name == "directions" else ""
            told.append(f"{value_of(number)}{of}{spread}")
        counts = [f"{one.parameters():,}", f"{one.multiplications():,}"]
        rows.append([_name(one), *told, *counts])
    note = (
        f"The same {seeds_of(found.cells[0].seeds.decays)} and input, sorted by reach. In "
        "brackets: where 80 % of the runs lie (horizon of the loss, what is left), or all seeds, "
        "first window. Kept: singular values of the product of at least 0.01. A horizon is the lag "
        "from which on less than 1 % is left."
    )
    return Table(header, rows, note=note)


def _all_numbers(found: Comparison) -> Details:
    numbers = {
        f"{one.name}: {name}": replace(number, label=f"{one.name}: {number.label}")
        for one in found.cells
        for name, number in one.numbers().items()
    }
    return Details("All numbers, cell by cell", [Numbers(numbers)])


def _panels(found: Comparison) -> Drawings:
    scale = panel_range([one.seeds.decays for one in found.cells])
    panels = []
    for one in found.cells:
        scene = draw_panel(one.seeds.decays, scale)
        panels.append(
            Drawing(
                wide=scene,
                narrow=scene,
                title=f"{_name(one)}: {_told(one)}",
                series=decay_series(one.seeds.decays),
            )
        )
    return Drawings(
        panels,
        "Gradient left against steps back from the loss, on one scale.",
        f"Line: median of {runs_of(found.cells[0].seeds.decays)} each; band: where 80 % of them "
        "lie. Dotted: 1 %. What leaves the frame is below it, or above.",
    )


def compare(
    cells: Sequence[Asked],
    out: str | Path,
    *,
    hidden: int | None = None,
    steps: int = 200,
    input: str | None = None,
    seed: int = 0,
    seeds: int = SEEDS,
    need: int | None = None,
    format: str | None = None,
    command: str = "",
    progress: Progress = lambda stage: None,
) -> ComparisonWritten:
    """Write a report that compares cells: one table, small panels, and what lectures say of them.

    Parameters
    ----------
    cells
        Cells, names, ``"FILE.py:NAME"``, or pairs of one of these and choices for ``cell.init``.
    out
        File to write; its ending says the format, as in :func:`gradflow.report`.
    hidden, steps, input, seed, seeds, need
        As in :func:`gradflow.studies.study`.
    format, command
        As in :func:`gradflow.report`.
    progress
        Called with the name of each cell before it is measured.

    Raises
    ------
    UsageError, InputError
        For an unknown cell or format, two cells called the same, arguments out of range, or files
        that cannot be read or written. Nothing is written then.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "two.html"
    ...     written = compare(["irnn", "rnn"], file, hidden=4, steps=30, seeds=2)
    >>> sorted(one.name for one in written.comparison.cells)
    ['irnn', 'rnn']
    """
    command, target = text(command, "compare: command"), path(out, "compare: out")
    kind = format_of(target, format)
    found = comparison(
        cells,
        hidden=hidden,
        steps=steps,
        input=input,
        seed=seed,
        seeds=seeds,
        need=need,
        progress=progress,
    )
    names = [one.name for one in found.cells]
    call = f"gf.compare({names!r}, {target.name!r}, steps={steps}, seed={seed}, seeds={seeds})"
    provenance = {
        "Command": command or call,
        "Seeds": seeds_from(seed, seeds),
        **tools(),
    }
    write_report(lay_out_comparison(found, provenance), target, kind, call)
    return ComparisonWritten(target, found)
