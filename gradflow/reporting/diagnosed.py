"""The page of a diagnosis: a network on its sequences, in the document that every report is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gradflow.given import instance, path, text
from gradflow.jacobians.blocks import counted
from gradflow.reporting.document.blocks import Answer, Block, Details, Heading, Judged, Report
from gradflow.reporting.document.cards import Tone
from gradflow.reporting.document.numbers import in_steps, number_row, ranged, value_of
from gradflow.reporting.document.words import tools
from gradflow.reporting.network.measured import network_numbers, spread_number
from gradflow.reporting.network.reach import reach_section
from gradflow.reporting.network.tables import (
    layers_section,
    paths_section,
    read_section,
    remedies_section,
    summary_section,
    training_section,
)
from gradflow.reporting.render.formats import format_of, write_report
from gradflow.studies.diagnosis.record import Diagnosis

__all__ = ["DiagnosisWritten", "diagnosis_answer", "lay_out_diagnosis", "report_diagnosis"]


@dataclass(frozen=True, eq=False, repr=False)
class DiagnosisWritten:
    """The page of a diagnosis that was written: where it lies, and what it shows."""

    path: Path
    diagnosis: Diagnosis

    def __repr__(self) -> str:
        """Return one line with the file and the verdict."""
        return f"DiagnosisWritten({str(self.path)!r}, {self.diagnosis!r})"

    def _repr_html_(self) -> str:
        from gradflow.reporting.render.html import card_html

        numbers = network_numbers(self.diagnosis).values()
        return card_html(
            diagnosis_answer(self.diagnosis),
            [number_row(number)[:3] for number in numbers],
            self.path,
        )


def report_diagnosis(
    found: Diagnosis, out: str | Path, *, format: str | None = None, command: str = ""
) -> DiagnosisWritten:
    """Write the report of a diagnosis: of a file of weights, a stack, a torch module.

    Parameters
    ----------
    found
        What ``gradflow.diagnose`` returned.
    out
        File to write; its ending says the format, as in :func:`gradflow.report`.
    format, command
        As in :func:`gradflow.report`.

    Raises
    ------
    UsageError, InputError
        For an unknown format, or a file that cannot be written. Nothing is written then.

    Examples
    --------
    >>> import gradflow as gf
    >>> from tempfile import TemporaryDirectory
    >>> found = gf.diagnose(gf.stack("rnn", 2, hidden=3, inputs=2, rng=0), need=5)
    >>> with TemporaryDirectory() as folder:
    ...     written = gf.reporting.report_diagnosis(found, Path(folder) / "stack.html")
    >>> written.path.name
    'stack.html'
    """
    instance(found, "report_diagnosis: found", Diagnosis, "gradflow.diagnose")
    command, target = text(command, "report: command"), path(out, "report: out")
    kind = format_of(target, format)
    again = (
        f"gf.reporting.report_diagnosis(gf.diagnose(network, need={found.need}), {target.name!r})"
    )
    provenance = {
        "Command": command or again,
        "Weights": weights_of(found),
        "Input": found.subject.data,
        "Seed": f"{found.seed}, of what is made up",
        **tools(),
    }
    write_report(lay_out_diagnosis(found, provenance), target, kind, f"# {again}")
    return DiagnosisWritten(target, found)


def lay_out_diagnosis(found: Diagnosis, provenance: Mapping[str, str]) -> Report:
    """Lay out the report of a diagnosis; one part a direction where it reads from both ends."""
    blocks: list[Block] = [diagnosis_answer(found)]
    if not found.ways:
        blocks += _sections(found, "")
    for way in found.ways:
        source = way.network.source
        blocks += [Heading(source), *_sections(way, f"{source}: ")]
    title = f"Does the gradient survive? {found.network.source}"
    return Report(title, "", blocks, provenance)


def _sections(found: Diagnosis, prefix: str) -> Iterator[Details]:
    yield reach_section(found)
    if not found.good:
        yield remedies_section(found)
    yield summary_section(found, prefix)
    if found.paths:
        yield paths_section(found)
    yield layers_section(found)
    if found.training is not None:
        yield training_section(found)
    yield read_section(found)


def weights_of(found: Diagnosis) -> str:
    """Return where the weights come from."""
    if found.network.drawn:
        return "random weights, one draw"
    return f"as in {found.network.source}"


def diagnosis_answer(found: Diagnosis) -> Answer:
    """Return the answer in one sentence, with its spread over sequences and the best remedy."""
    numbers = network_numbers(found)
    horizon, left = numbers["horizon"], numbers[f"left_{found.need}"]
    which = ", the worst direction of the last layer" if found.ways else ""
    grows = left.value > 2
    word = "Grows" if grows else "Enough" if found.good else "Not enough"
    tone: Tone = "good" if word == "Enough" else "bad"
    over = counted(found.reach.loss_horizon.count, "sequence")
    spread = f"{ranged(horizon)} over {over}" if horizon.between else "one, so without a spread"
    amount = f"{value_of(left)}{f' ({ranged(left)})' if left.between else ''}"
    sentence = (
        f"after {in_steps(found.need)} the gradient has grown to {amount} times its size, over "
        f"{over}"
        if grows
        else f"1\u00a0% of the gradient reaches {in_steps(value_of(horizon))} ({spread}); after "
        f"{in_steps(found.need)} {amount} of it is left"
    )
    drawn = found.network.drawn
    chips = [
        "random weights, not trained" if drawn else f"weights {weights_of(found)}",
        found.subject.data,
    ]
    return Answer(
        f"{found.network.source}{', random weights, one draw' if drawn else ''}{which}, {over}: "
        f"{sentence}.",
        tone,
        Judged(
            word=word,
            note=f"for a need of {in_steps(found.need)}",
            spread=[
                (f"horizon over {over}", ranged(horizon) or value_of(horizon)),
                (f"left after {in_steps(found.need)}", amount),
            ],
            remedy=_remedy(found),
            chips=chips,
        ),
    )


def _remedy(found: Diagnosis) -> str:
    """Return which change of the weights leaves most of the gradient without making it grow."""
    now = found.reach.log10_left.median
    left = {
        one.name: one.log10_left
        for one in ([] if found.ways else found.remedies)
        if one.log10_left is not None and now < one.log10_left.median <= 1
    }
    if not left:
        return ""
    best = max(left, key=lambda name: left[name].median)
    number = spread_number(left[best], "left", unit="log10")
    spread = f" ({ranged(number)})" if number.between else ""
    return f"With {best}, {value_of(number)}{spread} is left after {in_steps(found.need)}."
