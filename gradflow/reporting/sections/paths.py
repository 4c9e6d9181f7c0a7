"""Why: the ways that the gradient takes through a step, and the whole state against one part."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.typeset import name_latex
from gradflow.reporting.document.blocks import Block, Details, Drawing, Paragraph, Table
from gradflow.reporting.document.numbers import from_to, in_steps, power_of_ten, ranged, value_of
from gradflow.reporting.document.section import Section
from gradflow.reporting.document.words import called, seeds_of
from gradflow.reporting.drawing.factors import draw_factors
from gradflow.reporting.drawing.shares import draw_shares, grouped
from gradflow.studies.one_cell import Study
from gradflow.studies.seeds.quantiles import quantile

__all__ = ["SECTION"]

Floats = NDArray[np.float64]


def _blocks(study: Study) -> list[Block]:
    blocks: list[Block] = []
    answer = "one path alone"
    if len(study.seeds.shares) > 1:
        blocks += [_drawing(study), Paragraph(_ways(study))]
        first, share = next(iter(grouped(study.seeds.shares).items()))
        answer = f"{100 * _mean(share):.0f} % takes the path {first}"
    elif study.seeds.map:
        blocks += [_factors(study), Paragraph(_one_path(study))]
        left, by = _slopes_and_map(study)
        answer = f"the slopes leave {left}, the map gives {by}"
    else:
        blocks.append(Paragraph("A step has one path, which the derivation below shows."))
    if study.seeds.stays is not None:
        blocks.append(Paragraph(_stays(study)))
    numbers = study.headline()
    if "lyapunov_part_only" in numbers and "lyapunov" in numbers:
        blocks.append(Paragraph(_whole_or_part(study)))
    blocks += _by_parameter(study)
    if study.setup.cell.reference:
        blocks.append(Paragraph(f"{called(study.setup.cell)}: {study.setup.cell.reference}."))
    return [Details("Why", blocks, answer, open=True)] if blocks else []


def _mean(share: Floats) -> float:
    """Return of a share (seeds, lags) the median over seeds of its mean over lags."""
    return float(quantile(share.mean(axis=-1), 0.5))


def _drawing(study: Study) -> Drawing:
    shares = grouped(study.seeds.shares)
    means = {path: _mean(share) for path, share in shares.items()}
    curves = {path: rows.mean(axis=0) for path, rows in shares.items()}
    wide, narrow = (draw_shares(curves, means, narrow=n) for n in (False, True))
    first = next(iter(shares))
    return Drawing(
        wide=wide,
        narrow=narrow,
        title=f"The path {first} has {100 * means[first]:.0f} % of what all paths carry.",
        caption=(
            f"Norm of each path's part as a share of the sum of all norms, mean of "
            f"{seeds_of(study.seeds.decays)}, first window; at the right the median over seeds of "
            "its mean over lags. The vectors add up to the gradient, their norms do not."
        ),
        series={
            f"share_{path}": rows.mean(axis=0).tolist() for path, rows in study.seeds.shares.items()
        },
    )


def _slopes_and_map(study: Study) -> tuple[str, str]:
    numbers = study.headline()
    return value_of(numbers["factor_slopes"]), value_of(numbers["factor_map"])


def _factors(study: Study) -> Drawing:
    """Draw the geometric means over seeds, for those multiply to the mean of the gradient."""
    name = study.seeds.map
    slopes, given = (logs.mean(axis=0) / math.log(10) for logs in study.seeds.factors)
    curves = {"slopes": slopes, f"map {name}": given, "both": slopes + given}
    wide, narrow = (draw_factors(curves, narrow=n) for n in (False, True))
    left, by = _slopes_and_map(study)
    return Drawing(
        wide=wide,
        narrow=narrow,
        title=(
            f"Over {in_steps(study.seeds.decays.steps)} the slopes leave {left}, and the map "
            f"${name_latex(name)}$ multiplies by {by}."
        ),
        caption=(
            "The norm of the gradient after each of the two factors of a step over that before "
            f"it, multiplied up; geometric mean of {seeds_of(study.seeds.decays)}, first window. "
            "Both together are the gradient."
        ),
        series={f"log10_{key.split()[0]}": curve.tolist() for key, curve in curves.items()},
    )


def _one_path(study: Study) -> str:
    numbers, name = study.headline(), name_latex(study.seeds.map)
    left, by = numbers["factor_slopes"], numbers["factor_map"]
    over = " over seeds" if left.between else ""
    return (
        f"A step has one path: a diagonal of slopes times the map ${name}$. The slopes leave "
        f"{value_of(left)}{f' ({ranged(left)}{over})' if over else ''} and the map multiplies by "
        f"{value_of(by)}{f' ({ranged(by)}{over})' if over else ''}; the gradient survives where "
        "the second makes up for the first."
    )


def _ways(study: Study) -> str:
    means = [
        f"{100 * _mean(share):.0f} % through {path}"
        for path, share in grouped(study.seeds.shares).items()
    ]
    return (
        "Each step Jacobian is a sum over the ways through the cell. Of what they carry, "
        f"{', '.join(means)}. The colours are those of the derivation."
    )


def _stays(study: Study) -> str:
    assert study.seeds.stays is not None
    stays, steps = np.sort(study.seeds.stays), in_steps(study.seeds.decays.steps)
    if np.isneginf(stays).all():
        seeds = f" in any of {seeds_of(study.seeds.decays)}" if len(stays) > 1 else ""
        return (
            f"Nothing stays in the carousel over all {steps}{seeds}, first window: at some of them "
            "its factor is exactly 0, for each unit that the loss reads. There the gradient takes "
            "another path, and the decay falls by a step."
        )
    middle = float(quantile(stays, 0.5))
    spread = f" ({from_to(float(stays[0]), float(stays[-1]))} over seeds)" if len(stays) > 1 else ""
    return (
        f"What never leaves the carousel is {power_of_ten(middle)} of the gradient after "
        f"{steps}{spread}, first window."
    )


def _whole_or_part(study: Study) -> str:
    """Return why the whole-state exponent is right and the one of a single part is not."""
    numbers, states = study.headline(), study.setup.cell.states
    whole, part = numbers["lyapunov"], numbers["lyapunov_part_only"]
    first, others = states[0], ", ".join(f"${name_latex(p)}$" for p in states[1:])
    right, wrong = whole.value, part.value
    factor = ""
    if math.isfinite(wrong) and right < 0 and wrong < 0 and max(wrong / right, right / wrong) > 1.5:
        factor = f", off by a factor of {max(wrong / right, right / wrong):.3g}"
    over = " over seeds" if whole.between else ""
    return (
        f"The whole state $({', '.join(states)})$ has the leading exponent {value_of(whole)} nats "
        f"a step ({ranged(whole) or 'one seed'}{over}); the block $\\partial {first}_t / \\partial "
        f"{first}_{{t-1}}$ alone gives {value_of(part)} ({ranged(part) or 'one seed'}{over})"
        f"{factor}. The first is right: a change of ${first}$ also changes {others}, which carries "
        f"it on and hands it back later, and that way is missing in a product of ${first}$ blocks."
    )


def _by_parameter(study: Study) -> list[Block]:
    cell, found = study.setup.cell, study.by_parameter
    names = [n for n in cell.recurrent_maps() if n in cell.parameters] or list(cell.parameters)
    lags = [n for n in (0, 1, 5, 20, 100) if n < len(found.lag)]
    if not names or not lags:
        return []
    rows = [
        [f"${name_latex(p)}$", *(power_of_ten(float(found.log_norm[p][n])) for n in lags)]
        for p in names
    ]
    table = Table(
        ["Parameter", *(f"lag {n}" for n in lags)],
        rows,
        note="Frobenius norm of each lag's summand of the gradient; first seed, first window.",
    )
    return [Details("What each lag adds to the gradient of the parameters", [table])]


SECTION = Section(name="paths", blocks=_blocks)
