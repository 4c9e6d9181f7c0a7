"""The page of a diagnosis: a network on its sequences, in the document that every report is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gradflow.given import instance, path, text
from gradflow.jacobians.blocks import counted
from gradflow.reporting.document.answering import Measured, answer_of
from gradflow.reporting.document.blocks import Answer, Block, Details, Heading, Judged, Report
from gradflow.reporting.document.cards import Tone
from gradflow.reporting.document.numbers import in_steps, number_row, ranged, value_of
from gradflow.reporting.document.words import seeds_from, seeds_of, tools
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
from gradflow.studies.diagnosis.draws import Draws
from gradflow.studies.diagnosis.record import Diagnosis

__all__ = ["DiagnosisWritten", "diagnosis_answer", "lay_out_diagnosis", "report_diagnosis"]


@dataclass(frozen=True, eq=False, repr=False)
class DiagnosisWritten:
    """The page of a diagnosis that was written: where it lies, and what it shows."""

    path: Path
    diagnosis: Diagnosis
    draws: Draws | None = None

    def __repr__(self) -> str:
        """Return one line with the file and the verdict."""
        return f"DiagnosisWritten({str(self.path)!r}, {self.diagnosis!r})"

    def _repr_html_(self) -> str:
        from gradflow.reporting.render.html import card_html

        numbers = network_numbers(self.diagnosis, self.draws).values()
        return card_html(
            diagnosis_answer(self.diagnosis, self.draws),
            [number_row(number)[:3] for number in numbers],
            self.path,
        )


def report_diagnosis(
    found: Diagnosis | Draws, out: str | Path, *, format: str | None = None, command: str = ""
) -> DiagnosisWritten:
    """Write the report of a diagnosis: of a file of weights, a stack, a torch module.

    Parameters
    ----------
    found
        What ``gradflow.diagnose`` returned, or ``diagnose_draws`` of several draws of the weights.
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
    found, draws = (found.first, found) if isinstance(found, Draws) else (found, None)
    instance(found, "report_diagnosis: found", Diagnosis, "gradflow.diagnose")
    command, target = text(command, "report: command"), path(out, "report: out")
    kind = format_of(target, format)
    again = (
        f"gf.reporting.report_diagnosis(gf.diagnose(network, need={found.need}), {target.name!r})"
    )
    provenance = {
        "Command": command or again,
        "Weights": weights_of(found, draws),
        "Input": found.subject.data,
        "Seed": f"{found.seed}, of what is made up",
        **tools(),
    }
    write_report(lay_out_diagnosis(found, provenance, draws), target, kind, f"# {again}")
    return DiagnosisWritten(target, found, draws)


def lay_out_diagnosis(
    found: Diagnosis, provenance: Mapping[str, str], draws: Draws | None = None
) -> Report:
    """Lay out the report of a diagnosis; one part a direction where it reads from both ends."""
    blocks: list[Block] = [diagnosis_answer(found, draws)]
    if not found.ways:
        blocks += _sections(found, draws, "")
    for way in found.ways:
        source = way.network.source
        blocks += [Heading(source), *_sections(way, None, f"{source}: ")]
    title = f"Does the gradient survive? {found.network.source}"
    return Report(title, "", blocks, provenance)


def _sections(found: Diagnosis, draws: Draws | None, prefix: str) -> Iterator[Details]:
    yield reach_section(found, draws)
    first = [] if found.good else [remedies_section(found)]
    last = [paths_section(found)] if found.paths else []
    last.append(layers_section(found))
    if found.training is not None:
        last.append(training_section(found))
    own = "" if draws is None else f", seed {found.seed}"
    yield from (replace(section, answer=f"{section.answer}{own}") for section in first)
    yield summary_section(network_numbers(found, draws), prefix)
    yield from (replace(section, answer=f"{section.answer}{own}") for section in last)
    yield read_section(found)


def weights_of(found: Diagnosis, draws: Draws | None = None) -> str:
    """Return where the weights come from."""
    if draws is not None:
        seeds = draws.decays.seeds
        return f"random weights, seeds {seeds_from(seeds[0], len(seeds))}; not trained"
    if found.network.drawn:
        return "random weights, one draw"
    return f"as in {found.network.source}"


def diagnosis_answer(found: Diagnosis, draws: Draws | None = None) -> Answer:
    """Return the answer in one sentence, with its spread over sequences and the best remedy."""
    if draws is not None:
        return _answer_of_draws(draws)
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


def _answer_of_draws(draws: Draws) -> Answer:
    found, decays = draws.first, draws.decays
    seeds, units = seeds_of(decays), found.network.layers[0].hidden
    measured = Measured(
        subject=f"{found.network.source} of {counted(units, 'unit')}, random weights, {seeds}",
        decays=decays,
        verdict=draws.verdict,
        numbers=draws.numbers(),
        need=draws.need,
        width=found.subject.run.width,
        window="sequence",
    )
    over = counted(decays.runs // len(decays.seeds), "sequence")
    chips = ["random weights, not trained", f"{seeds} × {over}", found.subject.data]
    told = _remedy(found)
    remedy = f"{told.rstrip('.')}, seed {found.seed}." if told else ""
    return answer_of(measured, remedy=remedy, chips=chips)


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
