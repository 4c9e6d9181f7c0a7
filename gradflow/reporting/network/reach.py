"""How far back the gradient of a network reaches: its decay over the sequences."""

from __future__ import annotations

import math

import numpy as np

from gradflow.reporting.document.blocks import Block, Details, Drawing, Paragraph
from gradflow.reporting.document.numbers import in_steps, power_of_ten, ranged, value_of
from gradflow.reporting.drawing.decay import decay_series, draw_decay
from gradflow.reporting.network.measured import network_numbers
from gradflow.spectra.decay.reading import relative_logs
from gradflow.studies.diagnosis.record import Diagnosis
from gradflow.studies.diagnosis.telling.numbers import growth_words
from gradflow.studies.seeds.decays import Decays

__all__ = ["reach_section"]


def reach_section(found: Diagnosis) -> Details:
    """Return the figure of the decay, and what was certified of the product."""
    horizon = network_numbers(found)["horizon"]
    blocks: list[Block] = [_drawing(found)]
    if found.growth is not None:
        told = growth_words(found.growth, len(found.subject.lengths))
        blocks.append(Paragraph(f"{told[0].upper()}{told[1:]}."))
    if found.band is not None:
        low, high = (power_of_ten(end * math.log(10)) for end in found.band)
        ends = low if low == high else f"between {low} and {high}"
        blocks.append(
            Paragraph(
                "Certified for the first sequence: the norm of the product of "
                f"{in_steps(found.need)} is {ends}, to the digits shown."
            )
        )
    spread = f", {ranged(horizon)}" if horizon.between else ""
    return Details("How far back", blocks, f"{in_steps(value_of(horizon))}{spread}", open=True)


def _decays(found: Diagnosis) -> Decays:
    """Return the decay of the sequences that are long enough, over the lags that all have."""
    subject = found.subject
    chosen = subject.long_enough(found.need)
    lags = int(np.min(subject.losses.last[chosen])) + 1
    return Decays(
        name="network",
        seeds=(found.seed,),
        drawn=found.network.drawn,
        log_relative=relative_logs(found.reach.gradient.log_norm[chosen, :lags])[None],
    )


def _drawing(found: Diagnosis) -> Drawing:
    decays, horizon = _decays(found), network_numbers(found)["horizon"]
    spread = f"over {decays.runs} sequences"
    wide, narrow = (draw_decay(decays, {}, horizon, narrow=n, spread=spread) for n in (False, True))
    several = decays.runs > 1
    if horizon.value <= decays.steps:
        half = "Half of the sequences lose" if several else "The sequence loses"
        title = f"{half} 99 % of the gradient within {in_steps(value_of(horizon))}."
    else:
        end = power_of_ten(float(decays.curve()[-1]))
        of = " in the median sequence" if several else ""
        title = f"Of the gradient {end} is left after {in_steps(decays.steps)}{of}."
    lines = (
        f"Line: median of {decays.runs} sequences; band: where 80 % of them lie. Ring and bar on "
        "the line of 1 %: the horizon, its median, least and greatest value. "
        if several
        else "One sequence. Ring on the line of 1 %: the horizon. "
    )
    return Drawing(
        wide=wide,
        narrow=narrow,
        title=title,
        caption=f"{lines}Loss: {found.subject.losses.words}.",
        series={"lag": list(range(decays.steps + 1)), **decay_series(decays)},
    )
