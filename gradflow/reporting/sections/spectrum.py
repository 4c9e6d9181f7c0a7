"""Singular values of the product, eigenvalues of single steps, and Lyapunov exponents."""

from __future__ import annotations

import math

import numpy as np

from gradflow.figures import plot_eigenvalues, plot_lyapunov, plot_singular_values
from gradflow.reporting.document.blocks import Block, Figure, Heading, Paragraph, Table
from gradflow.reporting.document.numbers import power_of_ten, signed
from gradflow.reporting.document.section import Section
from gradflow.reporting.publish.svg import draw_svg
from gradflow.spectra import LyapunovSpectrum, SingularValues
from gradflow.studies.headline import Number, exponent_numbers
from gradflow.studies.one_cell import Study

__all__ = ["SECTION"]


def _blocks(study: Study) -> list[Block]:
    blocks: list[Block] = [Heading("Spectrum")]
    quantities = {
        "singular_values": "singular values",
        "lyapunov": "Lyapunov exponents",
        "part_only": f"exponents of {study.setup.cell.states[0]} alone",
    }
    blocks += [
        Paragraph(f"No number is given for the {words}: {study.refused[field]}")
        for field, words in quantities.items()
        if field in study.refused
    ]
    if study.singular_values is not None:
        blocks += _singular_values(study.singular_values)
    blocks.append(
        Figure(
            draw_svg(plot_eigenvalues, study.eigenvalues, size=(4.0, 3.6)),
            "Eigenvalues of the step Jacobian at the first and the last step; the circle has "
            "radius 1.",
            "Eigenvalues in the complex plane with the unit circle",
        )
    )
    if study.lyapunov is not None:
        blocks += _exponents(study.lyapunov, study.part_only, study.setup.cell.states)
    return blocks


def _singular_values(found: SingularValues) -> list[Block]:
    log_sigma, lag, error = found.log_sigma, found.lag, found.error
    rows = [
        [
            f"{name} (lag {int(lag[i])})",
            power_of_ten(float(log_sigma[i][0])),
            power_of_ten(float(log_sigma[i][-1])),
        ]
        for name, i in (("Start", 0), ("End", len(lag) - 1))
    ]
    worst = float(error[np.isfinite(error)].max(initial=0.0))
    return [
        Figure(
            draw_svg(plot_singular_values, found),
            r"All singular values of $P(t,k)$ against lag, the smallest included.",
            "Singular values of the product of Jacobians against lag",
        ),
        Table(
            ["Product", "largest singular value", "smallest"],
            rows,
            note=(
                f"The product is never formed; every logarithm is good to about {worst:.1g} nats."
            ),
        ),
    ]


def _exponents(
    whole: LyapunovSpectrum, part: LyapunovSpectrum | None, states: tuple[str, ...]
) -> list[Block]:
    figure = Figure(
        draw_svg(plot_lyapunov, [whole], h_only=[part] if part is not None else []),
        "Lyapunov exponents: mean growth rates of the whole state, in nats per step.",
        "Lyapunov exponents by index with error bars",
    )
    if part is None:
        return [figure]
    right, wrong = float(whole.exponents[0]), float(part.exponents[0])
    return [
        figure,
        Heading("Whole state or one part?", 3),
        Paragraph(_whole_against_part(states, right, wrong)),
    ]


def _whole_against_part(states: tuple[str, ...], right: float, wrong: float) -> str:
    """Return why the whole-state exponent is right and the one of a single part is not."""
    first, others = states[0], ", ".join(f"${p}$" for p in states[1:])
    factor = ""
    if math.isfinite(wrong) and right < 0 and wrong < 0 and max(wrong / right, right / wrong) > 1.5:
        big = max(wrong / right, right / wrong)
        factor = f", off by a factor of {big:.3g}"
    return (
        f"The whole state $({', '.join(states)})$ has the leading exponent {signed(right)}; the "
        f"block $\\partial {first}_t / \\partial {first}_{{t-1}}$ alone gives "
        f"{signed(wrong)}{factor}. The first is right: a change of ${first}$ at one step also "
        f"changes {others}, which carries it on and hands it back later, and that way is missing "
        f"in the product of ${first}$ blocks. Tools that take the Jacobian of ${first}$ alone "
        "print the second."
    )


def _numbers(study: Study) -> dict[str, Number]:
    return exponent_numbers(study.lyapunov, study.part_only, study.setup.cell.states[0])


SECTION = Section(name="spectrum", blocks=_blocks, numbers=_numbers)
