"""The answer of what was measured over several runs: one sentence, with its spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradflow.reporting.document.blocks import Answer, Judged
from gradflow.reporting.document.cards import Tone
from gradflow.reporting.document.numbers import in_steps, ranged, value_of
from gradflow.reporting.document.words import runs_of
from gradflow.studies.headline import Number
from gradflow.studies.seeds.decays import Decays
from gradflow.studies.seeds.numbers import Verdict

__all__ = ["Measured", "answer_of"]

_TONES: dict[str, Tone] = {
    "Enough": "good",
    "Depends": "neutral",
    "Not enough": "bad",
    "Grows": "bad",
    "Nothing arrives": "bad",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Measured:
    """What an answer is made of.

    Parameters
    ----------
    subject
        What was run, in words: the cell or network, whose weights, how many seeds.
    decays, verdict, numbers
        The gradient against lag, how it was judged, and the headline numbers.
    need
        The lag that is asked about.
    width
        Entries of the state.
    window
        What one window of the input is called: ``"text"``.
    """

    subject: str
    decays: Decays
    verdict: Verdict
    numbers: Mapping[str, Number]
    need: int
    width: int
    window: str


def answer_of(found: Measured, *, remedy: str, chips: Sequence[str]) -> Answer:
    """Return the answer in one sentence, its spread, what would change it, and its tone."""
    return Answer(
        f"{found.subject}: {_sentence(found)}",
        _TONES[found.verdict.word],
        Judged(
            word=found.verdict.word,
            note=f"for a need of {in_steps(found.need)}",
            spread=_spread(found),
            remedy=remedy,
            chips=chips,
        ),
    )


def _sentence(found: Measured) -> str:
    decays, numbers = found.decays, found.numbers
    horizon, word = numbers["horizon"], found.verdict.word
    end = numbers[f"left_{decays.steps}"]
    over = _over(found)
    if word == "Nothing arrives":
        return (
            f"from lag {horizon.value:.0f} on the gradient is exactly zero{over}, because no "
            "active path is left."
        )
    if word == "Grows":
        return (
            f"the gradient grows to {value_of(end)} times its size over {in_steps(decays.steps)} "
            f"({ranged(end)} in 80\u00a0% of runs); it explodes, so clip it or lower the gain."
        )
    reached = (
        ""
        if decays.runs == 1
        else f"; {found.verdict.reached} of {runs_of(decays)} reach {found.need}"
    )
    told = in_steps(value_of(horizon))
    return f"1\u00a0% of the gradient reaches {told}{over}{reached}{_kept(found)}."


def _over(found: Measured) -> str:
    """Return the spread of the horizon in brackets: over seeds and over windows of the input."""
    numbers = found.numbers
    told = {
        f"{found.window}s" if name == "horizon_by_text" else "seeds": numbers[name]
        for name in ("horizon_by_seed", "horizon_by_text")
        if name in numbers
    }
    if not told:
        return " (one run, so without a spread)"
    ends = {end for number in told.values() for end in number.between or ()}
    if len(ends) == 1:
        return f" (the same over {' and '.join(told)})"
    return f" ({', '.join(f'{ranged(number)} over {words}' for words, number in told.items())})"


def _kept(found: Measured) -> str:
    kept = found.numbers.get("directions")
    if kept is None or found.width == 1:
        return ""
    spread = f" ({ranged(kept)} over seeds)" if kept.between else ""
    return (
        f"; {kept.value:.0f} of {found.width} directions{spread} "
        f"{'keeps' if kept.value == 1 else 'keep'} 1\u00a0% over {found.need}"
    )


def _spread(found: Measured) -> list[tuple[str, str]]:
    numbers = found.numbers
    told = []
    if found.decays.runs > 1:
        told.append(("horizon in 80\u00a0% of runs", ranged(numbers["horizon"])))
    left = numbers[f"left_{found.need}"]
    told.append((f"left after {in_steps(found.need)}", value_of(left)))
    if left.between:
        told.append(("in 80\u00a0% of runs", ranged(left)))
    return told
