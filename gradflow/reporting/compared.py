"""What a comparison says in one sentence, and what it calls what it compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gradflow.cells import LIBRARY, get
from gradflow.cells.cell import Cell
from gradflow.cells.initializers import Initializer
from gradflow.jacobians.blocks import counted
from gradflow.networks import Network
from gradflow.provenance import command
from gradflow.reporting.document.blocks import Answer, Judged
from gradflow.reporting.document.cards import Tone
from gradflow.reporting.document.numbers import in_steps, ranged, value_of
from gradflow.reporting.document.words import called, origin, runs_of, seeds_of
from gradflow.studies.comparison.comparing import Asked, Compared, Comparison
from gradflow.studies.comparison.networks import ComparedNetwork

__all__ = [
    "One",
    "call_of",
    "called_in",
    "command_of",
    "comparison_answer",
    "reach_of",
    "reasons_of",
    "runs_each",
]

One = Compared | ComparedNetwork
"""One of those compared: a cell over seeds, or a network with its weights over sequences."""


def called_in(one: One) -> str:
    """Return what a cell is called, with what is not its default; of a network, its file."""
    if isinstance(one, ComparedNetwork):
        return one.name
    return called(one.cell) + one.name.removeprefix(one.cell.name)


def comparison_answer(found: Comparison) -> Answer:
    """Return the answer in one sentence, and of how many cells what is left is enough."""
    far = [one for one in found.cells if _median(one) > found.steps]
    last = found.cells[-1]
    first = found.cells[0]
    drawn = _whose(found)
    called_far = [called_in(one) for one in far]
    names = " and ".join(filter(None, [", ".join(called_far[:-1]), *called_far[-1:]]))
    passing = (
        f"{names} {'hands' if len(far) == 1 else 'hand'} 1\u00a0% of the gradient on over all "
        f"{in_steps(found.steps)}"
        if far
        else f"{called_in(first)} reaches furthest, {reach_of(first)}"
    )
    least = (
        ""
        if last in far or last is first
        else f"; {called_in(last)} reaches least, {reach_of(last)}"
    )
    spread = [(called_in(one), reach_of(one)) for one in found.cells]
    enough = sum(one.verdict.word == "Enough" for one in found.cells)
    tone: Tone = "good" if enough == len(found.cells) else "neutral" if enough else "bad"
    return Answer(
        f"{drawn}: {passing}{least}.",
        tone,
        Judged(
            word=f"{enough} of {len(found.cells)}",
            note=f"enough for a need of {in_steps(found.need)}",
            spread=spread,
            chips=[
                f"{drawn}, not trained" if all(c.decays.drawn for c in found.cells) else drawn,
                runs_each(found),
                f"{in_steps(found.steps)} each",
            ],
        ),
    )


def _whose(found: Comparison) -> str:
    """Return how many cells and networks there are, and whose weights they have."""
    kinds: dict[tuple[bool, bool], list[One]] = {}
    for one in found.cells:
        kinds.setdefault((isinstance(one, ComparedNetwork), one.decays.drawn), []).append(one)
    told = []
    for (network, drawn), some in kinds.items():
        draws = (", one draw" * drawn) if network else f", {seeds_of(some[0].decays)}"
        what = counted(len(some), "network" if network else "cell")
        told.append(f"{what}, {origin(some[0].decays)}{draws}")
    return "; ".join(told)


def runs_each(found: Comparison) -> str:
    """Return how many runs each has."""
    counts = sorted({one.decays.runs for one in found.cells})
    if len(counts) == 1:
        return f"{runs_of(found.cells[0].decays)} each"
    return f"{counts[0]} to {counts[-1]} runs each"


def _median(one: One) -> float:
    return one.numbers()["horizon"].value


def reach_of(one: One) -> str:
    """Return how far one reaches, with where 80 % of its runs lie."""
    horizon = one.numbers()["horizon"]
    differs = horizon.between is not None and horizon.between[0] != horizon.between[1]
    spread = f" ({ranged(horizon)} in 80\u00a0% of runs)" if differs else ""
    return f"{in_steps(value_of(horizon))}{spread}"


def call_of(cells: Sequence[Asked], target: Path, options: Mapping[str, object]) -> str:
    """Return the call in Python that makes the comparison again."""
    told = ", ".join(map(_named, cells))
    given = "".join(f", {name}={value!r}" for name, value in options.items() if value is not None)
    return f"gf.compare([{told}], {target.name!r}{given})"


def _named(one: Asked) -> str:
    """Return what was asked for as Python writes it: a network by its file, a cell by its name."""
    if isinstance(one, tuple):
        cell, init = one
        return f"({_named(cell)}, {dict(init)!r})"
    if isinstance(one, (str, Path)):
        return repr(str(one))
    return "network" if isinstance(one, Network) else repr(one.name)


def command_of(cells: Sequence[Asked], target: Path, options: Mapping[str, object]) -> str:
    """Return the command for a shell that makes the comparison again, or nothing.

    A network in memory, a cell in memory and choices that are arrays have no name in a shell.
    """
    words = [_word(one) for one in cells]
    if None in words:
        return ""
    given = [w for name, v in options.items() if v is not None for w in (f"--{name}", v)]
    return command("gradflow", "compare", *words, *given, "--out", target)


def _word(one: Asked) -> str | None:
    """Return the word of a command line for one of those compared; ``None`` where there is none."""
    cell, init = one if isinstance(one, tuple) else (one, {})
    if isinstance(cell, Cell) and cell.name in LIBRARY and get(cell.name) is cell:
        cell = cell.name
    if not isinstance(cell, (str, Path)):
        return None
    told = [f"{name}={value}" for name, value in init.items() if _is_said(value)]
    if len(told) < len(init):
        return None
    return f"{cell}:{','.join(told)}" if told else str(cell)


def _is_said(value: object) -> bool:
    return isinstance(value, (int, float, Initializer)) and not isinstance(value, bool)


def reasons_of(found: Comparison) -> list[str]:
    """Return why numbers of the table are missing, a sentence each."""
    told = {
        "lyapunov": "leading exponent",
        "product": "horizon of P and directions",
        "certified_product": "certified norm of P",
    }
    return [
        f"{called_in(one)} has no {words}: {one.reasons[name].rstrip('.')}."
        for one in found.cells
        for name, words in told.items()
        if name in one.reasons
    ]
