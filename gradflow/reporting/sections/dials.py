"""Forget bias and gain turned: a drawing a value, of which a page shows the one that is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gradflow.reporting.document.blocks import Block, Details, Drawing, Table
from gradflow.reporting.document.figures import Choice
from gradflow.reporting.document.numbers import from_to, in_steps, power_of_ten, ranged, value_of
from gradflow.reporting.document.section import Section
from gradflow.reporting.document.words import runs_of
from gradflow.reporting.drawing.decay import decay_range, draw_decay
from gradflow.studies.headline import Number
from gradflow.studies.one_cell import Study
from gradflow.studies.seeds.decays import Decays
from gradflow.studies.seeds.numbers import decay_numbers
from gradflow.studies.seeds.quantiles import quantile

__all__ = ["SECTION"]

_ABOUT = {
    "forget bias": "Every entry of the forget bias, before training.",
    "gain": "The recurrent maps drawn anew: normal numbers of variance $g^{2} / n$.",
}


def _blocks(study: Study) -> list[Block]:
    if not study.dials:
        return []
    blocks: list[Block] = []
    for name, curves in study.dials.items():
        blocks += [_drawing(study, name, curves), _table(study, name, curves)]
    told = ", ".join(
        f"{name} {_told(min(c))} to {_told(max(c))}" for name, c in study.dials.items()
    )
    return [Details("Turned by hand", blocks, told, open=True)]


def _told(value: float) -> str:
    """Return a value of a dial."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _horizon(study: Study, found: Decays) -> Number:
    return decay_numbers(found, study.need)["horizon"]


def _drawing(study: Study, name: str, curves: Mapping[float, Decays]) -> Drawing:
    heights = decay_range([study.seeds.decays, *curves.values()])
    choices = []
    for value, found in curves.items():
        horizon = _horizon(study, found)
        named = replace(found, name=f"{name.split()[-1]} {_told(value)}")
        wide, narrow = (
            draw_decay(named, {}, horizon, narrow=n, heights=heights) for n in (False, True)
        )
        spread = f" ({ranged(horizon)} in 80\u00a0% of runs)" if horizon.between else ""
        grown = "; a tenth of the runs explode" if found.grows else ""
        said = (
            f"{name} {_told(value)}: 1\u00a0% reaches {in_steps(value_of(horizon))}{spread}{grown}"
        )
        choices.append(Choice(wide=wide, narrow=narrow, said=said))
    here = study.seeds.decays.log_relative
    own = [k for k, one in enumerate(curves.values()) if np.array_equal(one.log_relative, here)]
    chosen = own[0] if own else (len(curves) - 1) // 2
    which = "as the cell has it" if own else "not what the cell has"
    best = max(curves, key=lambda value: curves[value].reached(study.need))
    reached = curves[best].reached(study.need)
    grown = ", and a tenth of them explode" if curves[best].grows else ""
    return Drawing(
        wide=choices[chosen].wide,
        narrow=choices[chosen].narrow,
        title=(
            f"At the {name} {_told(best)}, {reached} of {runs_of(curves[best])} reach "
            f"{in_steps(study.need)}{grown}."
            if reached
            else f"No {name} from {_told(min(curves))} to {_told(max(curves))} reaches "
            f"{in_steps(study.need)}."
        ),
        caption=(
            f"{_ABOUT[name]} Drawn at first: {_told(list(curves)[chosen])}, {which}. Line, band, "
            "ring and bar as above; the same seeds and input."
        ),
        dial=name,
        choices=choices,
        chosen=chosen,
    )


def _table(study: Study, name: str, curves: Mapping[float, Decays]) -> Details:
    header = [
        name.capitalize(),
        "Horizon, steps",
        "in 80\u00a0% of runs",
        f"Runs that reach {study.need}",
        f"Left after {in_steps(study.need)}",
        "in 80\u00a0% of runs",
    ]
    rows = []
    for value, found in curves.items():
        horizon, logs = _horizon(study, found), found.at(study.need).ravel()
        low, high = found.band()
        rows.append(
            [
                _told(value),
                value_of(horizon),
                ranged(horizon),
                f"{found.reached(study.need)} of {found.runs}",
                power_of_ten(float(quantile(logs, 0.5))),
                from_to(float(low[study.need]), float(high[study.need])),
            ]
        )
    return Details(f"Every {name}", [Table(header, rows)])


SECTION = Section(name="dials", blocks=_blocks)
