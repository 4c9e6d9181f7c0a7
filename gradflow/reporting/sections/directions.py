"""Which directions survive: singular values of the product, beside the Lyapunov exponents."""

from __future__ import annotations

import math

import numpy as np

from gradflow.reporting.document.blocks import Block, Details, Drawing, Paragraph, Table
from gradflow.reporting.document.numbers import in_steps, power_of_ten, ranged, signed
from gradflow.reporting.document.section import Section
from gradflow.reporting.drawing.directions import SHOWN, draw_directions
from gradflow.studies.one_cell import Study

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
    values = study.singular_values
    answer = ""
    if values is not None and len(values.lag):
        log_sigma, lag = np.asarray(values.log_sigma[-1]), int(values.lag[-1])
        exponents = None if study.lyapunov is None else np.asarray(study.lyapunov.exponents)
        blocks.append(_drawing(study, log_sigma, exponents, lag))
        kept = study.headline().get("directions")
        if kept is not None:
            answer = f"{kept.value:.0f} of {study.seeds.width} kept over {in_steps(study.need)}"
    blocks.append(_eigenvalues(study))
    return [Details("Which directions", blocks, answer, open=True)]


def _drawing(
    study: Study, log_sigma: np.ndarray, exponents: np.ndarray | None, lag: int
) -> Drawing:
    wide, narrow = (draw_directions(log_sigma, exponents, lag, narrow=n) for n in (False, True))
    zero = int(np.isneginf(log_sigma).sum())
    below = ""
    rest = log_sigma[SHOWN:]
    if len(rest) and np.isfinite(rest).any():
        most = power_of_ten(float(rest[np.isfinite(rest)].max()))
        below = f" {len(rest)} more directions lie below, at most {most} of them left."
    kept = study.headline().get("directions")
    spread = f" ({ranged(kept)} over seeds)" if kept is not None and kept.between else ""
    title = (
        "Singular values of the product, a step"
        if kept is None
        else (
            f"{kept.value:.0f} of {study.seeds.width} directions{spread} keep 1 % over "
            f"{in_steps(study.need)}."
        )
    )
    return Drawing(
        wide=wide,
        narrow=narrow,
        title=title,
        caption=(
            f"Dots: log of the singular values of the product of {in_steps(lag)}, a step; bars: "
            "Lyapunov exponents; nats a step, first seed, first window. "
            f"{zero} of {len(log_sigma)} singular values are exactly 0.{below} Logarithms are "
            "kept, so nothing underflows."
        ),
        series={
            "log_sigma_a_step": [float(v) / lag for v in log_sigma],
            **({} if exponents is None else {"exponents": exponents.tolist()}),
        },
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
