"""What other initial weights would do, computed with the same seeds on the same input."""

from __future__ import annotations

from gradflow.reporting.document.blocks import Block, Details, Table
from gradflow.reporting.document.numbers import in_steps, power_of_ten, ranged, value_of
from gradflow.reporting.document.section import Section
from gradflow.reporting.document.words import runs_of
from gradflow.studies.one_cell import Study
from gradflow.studies.seeds.decays import Decays
from gradflow.studies.seeds.numbers import decay_numbers
from gradflow.studies.seeds.quantiles import quantile

__all__ = ["SECTION"]


def _blocks(study: Study) -> list[Block]:
    found = study.seeds.decays
    if not study.changes:
        return []
    rows = [_row(study, "as it is", found)]
    rows += [_row(study, name, other) for name, other in study.changes.items()]
    best = max(study.changes.values(), key=lambda other: other.reached(study.need))
    header = [
        "Initial weights",
        "Horizon, steps",
        "in 80\u00a0% of runs",
        f"Runs that reach {study.need}",
        f"Left after {in_steps(study.need)}",
        f"at most, after {found.steps}, in 90\u00a0%",
    ]
    note = (
        f"Each row: {runs_of(found)}, the same seeds and input. This is what the gradient would do "
        "before training; whether the network then learns is not computed. The names are those of "
        "--init."
    )
    answer = f"{best.name}: {best.reached(study.need)} of {best.runs} runs reach {study.need}"
    table = Table(header, rows, note=note)
    return [Details("What would change it", [table], answer, open=True)]


def _row(study: Study, name: str, found: Decays) -> list[str]:
    numbers = decay_numbers(found, study.need)
    horizon, left = numbers["horizon"], float(quantile(found.at(study.need).ravel(), 0.5))
    high = float(found.band()[1][-1])
    grown = " (grows: clip)" if found.grows else ""
    return [
        name,
        value_of(horizon),
        ranged(horizon),
        f"{found.reached(study.need)} of {found.runs}",
        power_of_ten(left),
        f"{power_of_ten(high)}{grown}",
    ]


SECTION = Section(name="changes", blocks=_blocks)
