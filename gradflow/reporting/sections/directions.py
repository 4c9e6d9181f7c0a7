"""Which directions survive: singular values of the product, beside the Lyapunov exponents."""

from __future__ import annotations

import math

import numpy as np

from gradflow.jacobians.blocks import counted
from gradflow.reporting.document.blocks import Block, Details, Drawing, Paragraph, Table
from gradflow.reporting.document.numbers import in_steps, power_of_ten, ranged, signed
from gradflow.reporting.document.section import Section
from gradflow.reporting.drawing.directions import SHOWN, draw_directions
from gradflow.studies.headline import Number
from gradflow.studies.one_cell import Study
from gradflow.studies.seeds.quantiles import quantile

__all__ = ["SECTION"]

_REFUSED = {
    "singular_values": "singular values",
    "lyapunov": "Lyapunov exponents",
    "part_only": "exponents of one part alone",
}


def _blocks(study: Study) -> list[Block]:
    blocks: list[Block] = [
        Paragraph(f"No number is given for the {_REFUSED[field]}: {why}")
        for field, why in study.refused.items()
    ]
    several = study.seeds.log_sigma
    several = several[~np.isnan(several).any(axis=-1)]
    answer = ""
    kept = study.headline().get("directions")
    if kept is not None:
        exponents = None if study.lyapunov is None else np.asarray(study.lyapunov.exponents)
        blocks.append(_drawing(study, kept, several, exponents))
        answer = f"{kept.value:.0f} of {study.seeds.width} kept over {in_steps(study.need)}"
    blocks.append(_eigenvalues(study))
    return [Details("Which directions", blocks, answer, open=True)]


def _drawing(
    study: Study, kept: Number, log_sigma: np.ndarray, exponents: np.ndarray | None
) -> Drawing:
    """Draw what is counted: the dots over 1 % are as many as the median over seeds."""
    lag, width = study.need, study.seeds.width
    wide, narrow = (draw_directions(log_sigma, exponents, lag, narrow=n) for n in (False, True))
    middle = quantile(log_sigma, 0.5)
    below = ""
    rest = middle[SHOWN:]
    if len(rest):
        most = power_of_ten(float(rest.max()))
        below = f" {len(rest)} more directions lie below, at most {most} of them left."
    spread = f" ({ranged(kept)} over seeds)" if kept.between else ""
    count = len(log_sigma)
    dots = (
        f"Dots: log of the singular values of the product of {in_steps(lag)}, a step, median of "
        f"{counted(count, 'seed')}; lines through them: least to greatest; first window. Bars: "
        "Lyapunov exponents of the first seed. "
        if count > 1
        else f"Dots: log of the singular values of the product of {in_steps(lag)}, a step; bars: "
        "Lyapunov exponents; one seed, first window. "
    )
    return Drawing(
        wide=wide,
        narrow=narrow,
        title=(
            f"{kept.value:.0f} of {width} directions{spread} "
            f"{'keeps' if kept.value == 1 else 'keep'} 1 % over {in_steps(lag)}."
        ),
        caption=(
            f"{dots}Nats a step. {int(np.isneginf(middle).sum())} of {width} are exactly 0.{below} "
            "Logarithms are kept, so nothing underflows."
        ),
        series={
            f"log_sigma_a_step{name}": [float(v) / lag for v in values]
            for name, values in (
                ("", middle),
                ("_low", log_sigma.min(axis=0)),
                ("_high", log_sigma.max(axis=0)),
            )
        }
        | ({} if exponents is None else {"exponents": exponents.tolist()}),
    )


def _eigenvalues(study: Study) -> Details:
    rows = []
    for step, values in study.eigenvalues.items():
        sizes = np.sort(np.abs(values.ravel()))[::-1]
        rows.append(
            [
                step,
                f"{sizes[0]:.4g}",
                str(int((sizes >= 1).sum())),
                f"{sizes[-1]:.4g}" if sizes[-1] else "exactly 0",
            ]
        )
    table = Table(
        ["Step", "Spectral radius", "Eigenvalues of size 1 or more", "Smallest"],
        rows,
        note="Of single step Jacobians, first seed, first window: the radius of one step does not "
        "bound a product of steps.",
    )
    exponents: list[Block] = []
    if study.lyapunov is not None:
        leading = ", ".join(
            f"{signed(float(v), 4)} ± {float(e):.4f}"
            for v, e in zip(study.lyapunov.exponents[:4], study.lyapunov.stderr[:4], strict=False)
            if math.isfinite(v)
        )
        if leading:
            exponents.append(Paragraph(f"Leading exponents, first seed: {leading} nats a step."))
    return Details("Eigenvalues of one step, and the leading exponents", [table, *exponents])


SECTION = Section(name="directions", blocks=_blocks)
