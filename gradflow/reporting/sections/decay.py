"""How far back the gradient reaches: the decay with its spread, and other cells beside it."""

from __future__ import annotations

import math

import numpy as np

from gradflow.reporting.document.blocks import Block, Details, Drawing, Table
from gradflow.reporting.document.numbers import power_of_ten, ranged, value_of
from gradflow.reporting.document.section import Section
from gradflow.reporting.document.words import called, origin, runs_of, seeds_of
from gradflow.reporting.drawing.decay import draw_decay
from gradflow.studies.one_cell import Study
from gradflow.studies.seeds.decays import Decays

__all__ = ["SECTION"]

_LAGS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def _blocks(study: Study) -> list[Block]:
    horizon = study.headline()["horizon"]
    spread = f", {ranged(horizon)}" if horizon.between else ""
    told = f"{value_of(horizon)} steps{spread}"
    return [Details("How far back", [_drawing(study), _by_lag(study)], told, open=True)]


def _drawing(study: Study) -> Drawing:
    found, horizon = study.seeds.decays, study.headline()["horizon"]
    named = _named(found, called(study.setup.cell))
    beside = {called(name): _named(other, called(name)) for name, other in study.references.items()}
    wide, narrow = (draw_decay(named, beside, horizon, narrow=n) for n in (False, True))
    low, high = found.band()
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
            "lies in 80 % of the runs; it is the lag from which on a run stays under 1 %."
        ),
        series={
            "lag": list(range(found.steps + 1)),
            "log10_median": _log10(found.curve()),
            "log10_low": _log10(low),
            "log10_high": _log10(high),
            **{f"log10_{name}": _log10(o.curve()) for name, o in study.references.items()},
        },
    )


def _named(found: Decays, name: str) -> Decays:
    return Decays(name=name, seeds=found.seeds, drawn=found.drawn, log_relative=found.log_relative)


def _log10(logs: np.ndarray) -> list[float]:
    return [float(v) / math.log(10) for v in logs]


def _title(study: Study) -> str:
    found, horizon = study.seeds.decays, study.headline()["horizon"]
    if horizon.value <= found.steps:
        half = "Half of the runs" if found.runs > 1 else "The run"
        verb = "lose" if found.runs > 1 else "loses"
        return f"{half} {verb} 99 % of the gradient within {value_of(horizon)} steps."
    end = float(found.curve()[-1])
    return (
        f"Of the gradient {power_of_ten(end)} is left after {found.steps} steps"
        f"{' in the median run' if found.runs > 1 else ''}."
    )


def _by_lag(study: Study) -> Details:
    found = study.seeds.decays
    low, high = found.band()
    product = np.sort(study.seeds.product, axis=0)
    lags = sorted({*(n for n in _LAGS if n < found.steps), found.steps})
    middle = found.curve()
    rows = [
        [
            str(lag),
            power_of_ten(float(middle[lag])),
            f"{power_of_ten(float(low[lag]))} to {power_of_ten(float(high[lag]))}",
            power_of_ten(float(product[(len(product) - 1) // 2, lag])),
            f"{power_of_ten(float(product[0, lag]))} to {power_of_ten(float(product[-1, lag]))}",
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
