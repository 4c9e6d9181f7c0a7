"""The verb ``compare``: several cells beside one another, laid out and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gradflow.given import path, text
from gradflow.reporting.compared import (
    One,
    call_of,
    called_in,
    command_of,
    comparison_answer,
    reach_of,
    reasons_of,
    runs_each,
)
from gradflow.reporting.document.blocks import (
    Block,
    Card,
    Cards,
    Details,
    Drawing,
    Drawings,
    Numbers,
    Paragraph,
    Report,
    Table,
)
from gradflow.reporting.document.cards import Tone
from gradflow.reporting.document.numbers import in_steps, ranged, value_of
from gradflow.reporting.document.words import origin, seeds_from, seeds_of, tools
from gradflow.reporting.drawing.decay import decay_series, draw_panel, panel_range
from gradflow.reporting.render.formats import format_of, write_report
from gradflow.studies.comparison.claims import claims_about
from gradflow.studies.comparison.comparing import Asked, Compared, Comparison, comparison
from gradflow.studies.comparison.networks import ComparedNetwork
from gradflow.studies.infinite_width import beside_infinite_width
from gradflow.studies.one_cell import SEEDS, Progress

__all__ = ["ComparisonWritten", "compare", "lay_out_comparison"]

_TONES: dict[str, Tone] = {"SEEN": "good", "IN PART": "neutral", "NOT SEEN": "bad"}


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonWritten:
    """A comparison that was written: where it lies, and what it shows."""

    path: Path
    comparison: Comparison

    def __repr__(self) -> str:
        """Return one line with the file and the cells."""
        return f"ComparisonWritten({str(self.path)!r}, {self.comparison!r})"

    def _repr_html_(self) -> str:
        from gradflow.reporting.render.html import card_html

        horizons = [(called_in(one), one.numbers()["horizon"]) for one in self.comparison.cells]
        return card_html(
            comparison_answer(self.comparison),
            [(name, f"{in_steps(value_of(found))}", ranged(found)) for name, found in horizons],
            self.path,
        )


def lay_out_comparison(found: Comparison, provenance: Mapping[str, str]) -> Report:
    """Lay out the report of a comparison."""
    blocks: list[Block] = [
        comparison_answer(found),
        Details(
            "Side by side",
            [_table(found), *_missing(found), _all_numbers(found)],
            _span(found),
            open=True,
        ),
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
    cells = [one for one in found.cells if isinstance(one, Compared)]
    beside = [(one, beside_infinite_width(one.setup.trajectory)) for one in cells]
    told = [[called_in(one), said.sentence] for one, said in beside if said]
    if told:
        table = Table(["Cell", "Leading exponent, first seed"], told)
        blocks.append(Details("Infinitely many units", [table], "theory beside each network"))
    rows = [[called_in(one), origin(one.decays), one.source, _sizes(one)] for one in found.cells]
    made = Table(["Cell", "Weights", "Input", "Sizes"], rows)
    blocks.append(Details("How to repeat it", [made], "", open=True))
    return Report("Which cells hand the gradient on?", "", blocks, provenance)


def _sizes(one: One) -> str:
    if isinstance(one, ComparedNetwork):
        return ", ".join(f"{k.kind} {k.hidden}" for k in one.subject.network.layers)
    return one.setup.told_sizes()


def _span(found: Comparison) -> str:
    return f"{called_in(found.cells[0])} furthest, {called_in(found.cells[-1])} least"


def _table(found: Comparison) -> Table:
    header = [
        "Cell",
        "Horizon of the loss, steps",
        "Horizon of P, steps",
        f"Left after {in_steps(found.need)}",
        "Leading exponent, nats a step",
        f"Directions kept over {found.need}",
        f"Norm of P over {found.need}, certified, one run",
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
            of = f" of {one.width}" if name == "directions" else ""
            told.append(f"{value_of(number)}{of}{spread}")
        certain = numbers.get("certified_product")
        told.append("no number" if certain is None else ranged(certain))
        counts = [f"{one.parameters():,}", f"{one.multiplications():,}"]
        rows.append([called_in(one), *told, *counts])
    note = (
        f"{_alike(found)}orted by reach. In brackets: where 80 % of the runs lie (horizon of the "
        "loss, what is left), or all seeds, first window. Kept: singular values of the product of "
        "at least 0.01. A horizon is the lag from which on less than 1 % is left. Certified: real "
        "arithmetic lies between the two ends, for the first window of the first seed, or the "
        "first sequence."
    )
    return Table(header, rows, note=note)


def _missing(found: Comparison) -> list[Block]:
    lines = reasons_of(found)
    return [Paragraph(" ".join(lines))] if lines else []


def _alike(found: Comparison) -> str:
    """Return what all have in common, as the beginning of a sentence that goes on with an s."""
    cells = [one for one in found.cells if isinstance(one, Compared)]
    if not cells:
        return "S"
    alike = f"The same {seeds_of(cells[0].decays)} and input"
    if len(cells) == len(found.cells):
        return f"{alike}, s"
    return (
        f"{alike} for all cells; networks with the weights and input that are told below, over "
        "sequences in place of seeds. S"
    )


def _all_numbers(found: Comparison) -> Details:
    numbers = {
        f"{one.name}: {name}": replace(number, label=f"{one.name}: {number.label}")
        for one in found.cells
        for name, number in one.numbers().items()
    }
    return Details("All numbers, cell by cell", [Numbers(numbers)])


def _panels(found: Comparison) -> Drawings:
    scale = panel_range([one.decays for one in found.cells])
    panels = []
    for one in found.cells:
        scene = draw_panel(one.decays, scale)
        panels.append(
            Drawing(
                wide=scene,
                narrow=scene,
                title=f"{called_in(one)}: {reach_of(one)}",
                series=decay_series(one.decays),
            )
        )
    return Drawings(
        panels,
        "Gradient left against steps back from the loss, on one scale.",
        f"Line: median of {runs_each(found)}; band: where 80 % of them "
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
        Cells, names, ``"FILE.py:NAME"``, or pairs of one of these and choices for ``cell.init``;
        networks and files of weights, which are compared with the weights that they have.
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
    input = None if input is None else str(path(input, "compare: input"))
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
    options = {"hidden": hidden, "steps": steps, "input": input, "need": need}
    options = {**options, "seed": seed, "seeds": seeds}
    call = call_of(cells, target, options)
    provenance = {
        "Command": command or command_of(cells, target, {**options, "format": format}) or call,
        "Seeds": seeds_from(seed, seeds),
        **tools(),
    }
    write_report(lay_out_comparison(found, provenance), target, kind, call)
    return ComparisonWritten(target, found)
