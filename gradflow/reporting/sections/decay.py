"""How far back the gradient reaches: the decay with its spread, and other cells beside it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gradflow.reporting.document.blocks import Block, Details, Drawing, Table
from gradflow.reporting.document.numbers import (
    from_to,
    in_steps,
    magnitude,
    power_of_ten,
    ranged,
    value_of,
)
from gradflow.reporting.document.section import Section
from gradflow.reporting.document.words import called, origin, runs_of, seeds_of
from gradflow.reporting.drawing.decay import decay_series, draw_decay
from gradflow.studies.certified import first_run
from gradflow.studies.one_cell import Study
from gradflow.studies.seeds.quantiles import quantile

__all__ = ["SECTION"]

_LAGS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def _blocks(study: Study) -> list[Block]:
    horizon = study.headline()["horizon"]
    spread = f", {ranged(horizon)}" if horizon.between else ""
    told = f"{in_steps(value_of(horizon))}{spread}"
    return [Details("How far back", [_drawing(study), _by_lag(study)], told, open=True)]


def _drawing(study: Study) -> Drawing:
    found, horizon = study.seeds.decays, study.headline()["horizon"]
    named = replace(found, name=called(study.setup.cell))
    beside = {called(name): other for name, other in study.references.items()}
    certain = study.certified
    wide, narrow = (
        draw_decay(named, beside, horizon, narrow=n, certain=certain) for n in (False, True)
    )
    lines = (
        f"Line: median of {runs_of(found)}; band: where 80 % of them lie. "
        if (found.runs > 1)
        else "One run. "
    )
    grey = (
        f"Grey: medians of other cells at their own initial weights, {origin(found)}, "
        f"{seeds_of(found)} and the same input. "
        if beside
        else ""
    )
    return Drawing(
        wide=wide,
        narrow=narrow,
        title=_title(study),
        caption=(
            f"{lines}{grey}Ring and bar on the line of 1 %: the horizon, its median and where it "
            "lies in 80 % of the runs; it is the lag from which on a run stays under 1 %. "
            f"{_certified(study)}"
        ),
        series={
            "lag": list(range(found.steps + 1)),
            **decay_series(found),
            **{
                f"log10_{name}": (other.curve() / math.log(10)).tolist()
                for name, other in study.references.items()
            },
            **(
                {
                    "certified_lag": list(certain.lags),
                    "log10_certified_low": (certain.low / math.log(10)).tolist(),
                    "log10_certified_high": (certain.high / math.log(10)).tolist(),
                }
                if certain.lags
                else {}
            ),
        },
    )


def _certified(study: Study) -> str:
    """Return what the broken line is, or why there is none."""
    found = study.certified
    if found.reason:
        return f"No product is certified: {found.reason.rstrip('.')}."
    within = f"within {magnitude(math.log(found.width), 1)} of" if found.width > 0 else "on"
    ends = study.headline()["certified_product"]
    run = first_run(study.seeds.decays)
    return (
        rf"Broken line, |P|: $\lVert P \rVert_2$ of {run}, which the gradient of no loss exceeds "
        f"in that run. CERTIFIED for that run alone, not for the spread: over "
        f"{in_steps(study.need)} it is {ranged(ends)}, and at the {len(found.lags)} lags drawn its "
        f"logarithm in real arithmetic lies {within} the line, which is wider than both ends."
    )


def _title(study: Study) -> str:
    found, horizon = study.seeds.decays, study.headline()["horizon"]
    if horizon.value <= found.steps:
        half = "Half of the runs" if found.runs > 1 else "The run"
        verb = "lose" if found.runs > 1 else "loses"
        return f"{half} {verb} 99 % of the gradient within {in_steps(value_of(horizon))}."
    end = float(found.curve()[-1])
    return (
        f"Of the gradient {power_of_ten(end)} is left after {in_steps(found.steps)}"
        f"{' in the median run' if found.runs > 1 else ''}."
    )


def _by_lag(study: Study) -> Details:
    found = study.seeds.decays
    low, high = found.band()
    product = np.sort(study.seeds.product, axis=0)
    median = quantile(product, 0.5)
    lags = sorted({*(n for n in _LAGS if n < found.steps), found.steps})
    middle = found.curve()
    rows = [
        [
            str(lag),
            power_of_ten(float(middle[lag])),
            from_to(float(low[lag]), float(high[lag])),
            power_of_ten(float(median[lag])),
            from_to(float(product[0, lag]), float(product[-1, lag])),
        ]
        for lag in lags
    ]
    header = ["Lag", "Gradient left", "in 80 % of runs", r"$\lVert P(t,k) \rVert_2$", "over seeds"]
    note = (
        f"Gradient: {runs_of(found)}. Product: {seeds_of(found)}, first window. Logarithms are "
        "kept through the whole computation, so nothing underflows."
    )
    return Details("Lag by lag", [Table(header, rows, note=note)])


SECTION = Section(name="decay", blocks=_blocks)
