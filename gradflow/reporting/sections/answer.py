"""The answer in one sentence, with its spread and what would change it."""

from __future__ import annotations

from gradflow.prose import plain_text
from gradflow.reporting.document.blocks import Answer, Block, Judged
from gradflow.reporting.document.cards import Tone
from gradflow.reporting.document.numbers import in_steps, power_of_ten, ranged, value_of
from gradflow.reporting.document.section import Section
from gradflow.reporting.document.words import called, origin, runs_of, seeds_of, texts_of, window_of
from gradflow.studies.one_cell import Study

__all__ = ["SECTION", "answer"]

_TONES: dict[str, Tone] = {
    "Enough": "good",
    "Depends": "neutral",
    "Not enough": "bad",
    "Grows": "bad",
    "Nothing arrives": "bad",
}


def answer(study: Study) -> Answer:
    """Return the answer in one sentence, its spread, what would change it, and its tone."""
    judged, found = study.verdict, study.seeds.decays
    return Answer(
        f"{_subject(study)}: {_sentence(study)}",
        _TONES[judged.word],
        Judged(
            word=judged.word,
            note=f"for a need of {in_steps(study.need)}",
            spread=_spread(study),
            remedy=_remedy(study),
            chips=_chips(study, found.drawn),
        ),
    )


def _subject(study: Study) -> str:
    ran, found = study.setup, study.seeds.decays
    own = {size: count for size, count in ran.sizes.items() if size != "input"}
    if "hidden" in own:
        size = f" {own['hidden']}"
    else:
        told = ", ".join(f"{name} {count}" for name, count in own.items())
        size = f" ({told})" if told else ""
    return f"{called(ran.cell)}{size}, {origin(found)}, {seeds_of(found)}"


def _sentence(study: Study) -> str:
    found, numbers = study.seeds.decays, study.headline()
    horizon, word = numbers["horizon"], study.verdict.word
    steps = found.steps
    end = numbers[f"left_{steps}"]
    over = _over(study)
    if word == "Nothing arrives":
        return (
            f"from lag {horizon.value:.0f} on the gradient is exactly zero{over}, because no "
            "active path is left."
        )
    if word == "Grows":
        return (
            f"the gradient grows to {value_of(end)} times its size over {in_steps(steps)} "
            f"({ranged(end)} in 80\u00a0% of runs); it explodes, so clip it or lower the gain."
        )
    reached = (
        ""
        if found.runs == 1
        else (f"; {study.verdict.reached} of {runs_of(found)} reach {study.need}")
    )
    told = in_steps(value_of(horizon))
    return f"1\u00a0% of the gradient reaches {told}{over}{reached}{_kept(study)}."


def _over(study: Study) -> str:
    """Return the spread of the horizon in brackets: over seeds and over texts."""
    numbers = study.headline()
    told = {
        f"{window_of(study)}s" if name == "horizon_by_text" else "seeds": numbers[name]
        for name in ("horizon_by_seed", "horizon_by_text")
        if name in numbers
    }
    if not told:
        return " (one run, so without a spread)"
    ends = {end for number in told.values() for end in number.between or ()}
    if len(ends) == 1:
        return f" (the same over {' and '.join(told)})"
    return f" ({', '.join(f'{ranged(number)} over {words}' for words, number in told.items())})"


def _kept(study: Study) -> str:
    kept = study.headline().get("directions")
    if kept is None or study.seeds.width == 1:
        return ""
    spread = f" ({ranged(kept)} over seeds)" if kept.between else ""
    return (
        f"; {kept.value:.0f} of {study.seeds.width} directions{spread} "
        f"{'keeps' if kept.value == 1 else 'keep'} 1\u00a0% over {study.need}"
    )


def _spread(study: Study) -> list[tuple[str, str]]:
    numbers, found = study.headline(), study.seeds.decays
    told = []
    if found.runs > 1:
        told.append(("horizon in 80\u00a0% of runs", ranged(numbers["horizon"])))
    left = numbers[f"left_{study.need}"]
    told.append((f"left after {in_steps(study.need)}", value_of(left)))
    if left.between:
        told.append(("in 80\u00a0% of runs", ranged(left)))
    return told


def _remedy(study: Study) -> str:
    """Return which of the computed changes reaches furthest, if one does better."""
    found = study.seeds.decays
    best, words = study.verdict.reached, ""
    for name, other in study.changes.items():
        reached = other.reached(study.need)
        if reached > best:
            best, words = reached, name
    if not words:
        return ""
    other = study.changes[words]
    warning = ""
    if other.grows:
        grown = power_of_ten(float(other.band()[1][-1]))
        warning = f", though a tenth of them then grow {grown}-fold or more"
    return f"With {words}, {best} of {runs_of(found)} reach {in_steps(study.need)}{warning}."


def _chips(study: Study, drawn: bool) -> list[str]:
    ran = study.setup
    loud = "random weights, not trained" if drawn else "weights as given"
    runs = f"{seeds_of(study.seeds.decays)} × {texts_of(study)}"
    sizes = plain_text(", ".join(f"{size} {count}" for size, count in ran.sizes.items()))
    return [loud, runs, f"{in_steps(ran.trajectory.steps)} each", *([sizes] if sizes else [])]


def _blocks(study: Study) -> list[Block]:
    return [answer(study)]


SECTION = Section(name="answer", blocks=_blocks)
