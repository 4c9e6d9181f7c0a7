"""How far back the gradient of a network reaches: its decay over the sequences."""

from __future__ import annotations

import math

from gradflow.jacobians.blocks import counted
from gradflow.reporting.document.blocks import Block, Details, Drawing, Paragraph
from gradflow.reporting.document.numbers import in_steps, power_of_ten, ranged, value_of
from gradflow.reporting.drawing.decay import decay_series, draw_decay
from gradflow.reporting.network.measured import network_numbers
from gradflow.studies.diagnosis.draws import Draws, decays_of
from gradflow.studies.diagnosis.record import Diagnosis
from gradflow.studies.diagnosis.telling.numbers import growth_words

__all__ = ["reach_section"]


def reach_section(found: Diagnosis, draws: Draws | None) -> Details:
    """Return the figure of the decay, and what was certified of the product."""
    horizon = network_numbers(found, draws)["horizon"]
    blocks: list[Block] = [_drawing(found, draws)]
    seed = "" if draws is None else f", seed {found.seed}"
    if found.growth is not None:
        told = growth_words(found.growth, len(found.subject.lengths))
        blocks.append(Paragraph(f"{told[0].upper()}{told[1:]}{seed}."))
    if found.band is not None:
        low, high = (power_of_ten(end * math.log(10)) for end in found.band)
        ends = low if low == high else f"between {low} and {high}"
        blocks.append(
            Paragraph(
                f"Certified for the first sequence{seed}: the norm of the product of "
                f"{in_steps(found.need)} is {ends}, to the digits shown."
            )
        )
    spread = f", {ranged(horizon)}" if horizon.between else ""
    return Details("How far back", blocks, f"{in_steps(value_of(horizon))}{spread}", open=True)


def _drawing(found: Diagnosis, draws: Draws | None) -> Drawing:
    if draws is None:
        decays = decays_of(found.subject, found.reach, found.need, found.seed)
        runs, one = f"{decays.runs} sequences", "sequence"
        ends, spread = "its median, least and greatest value", f"over {runs}"
    else:
        decays, one = draws.decays, "run"
        count, over = len(decays.seeds), counted(decays.runs // len(decays.seeds), "sequence")
        runs = f"{decays.runs} runs, {count} seeds of the weights \u00d7 {over}"
        ends, spread = "its median and where it lies in 80\u00a0% of the runs", "in 80 % of runs"
    horizon = network_numbers(found, draws)["horizon"]
    wide, narrow = (draw_decay(decays, {}, horizon, narrow=n, spread=spread) for n in (False, True))
    several = decays.runs > 1
    if horizon.value <= decays.steps:
        half = f"Half of the {one}s lose" if several else f"The {one} loses"
        title = f"{half} 99 % of the gradient within {in_steps(value_of(horizon))}."
    else:
        end = power_of_ten(float(decays.curve()[-1]))
        of = f" in the median {one}" if several else ""
        title = f"Of the gradient {end} is left after {in_steps(decays.steps)}{of}."
    lines = (
        f"Line: median of {runs}; band: where 80 % of them lie. Ring and bar on the line of 1 %: "
        f"the horizon, {ends}. "
        if several
        else f"One {one}. Ring on the line of 1 %: the horizon. "
    )
    return Drawing(
        wide=wide,
        narrow=narrow,
        title=title,
        caption=f"{lines}Loss: {found.subject.losses.words}.",
        series={"lag": list(range(decays.steps + 1)), **decay_series(decays)},
    )
