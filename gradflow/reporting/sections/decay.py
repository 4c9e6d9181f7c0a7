"""The gradient against lag, its paths, and what each lag contributes to the parameter gradient."""

from __future__ import annotations

from gradflow.cells.typeset import name_latex
from gradflow.figures import plot_decay, plot_paths
from gradflow.reporting.document.blocks import Block, Figure, Heading, Paragraph, Table
from gradflow.reporting.document.numbers import power_of_ten
from gradflow.reporting.document.section import Section
from gradflow.reporting.publish.svg import draw_svg
from gradflow.studies.headline import TOLERANCE, Number, gradient_numbers
from gradflow.studies.one_cell import Study

__all__ = ["SECTION"]


def _blocks(study: Study) -> list[Block]:
    blocks = [Heading("Decay against lag"), *_against_lag(study)]
    if len(study.paths.log_norm) > 1:
        blocks += _paths(study)
    return blocks + _by_parameter(study)


def _against_lag(study: Study) -> list[Block]:
    ran = study.setup
    count = ran.trajectory.steps
    chosen = sorted({0, 1, count} | {n for n in (2, 5, 10, 20, 50, 100, 200, 500) if n < count})
    relative, product = study.gradient.relative(), study.product.log_norm
    rows = [
        [str(lag), power_of_ten(float(relative[lag])), power_of_ten(float(product[lag]))]
        for lag in chosen
    ]
    spread = f"; line: median over {ran.windows} windows, band: 10 to 90 %"
    return [
        Figure(
            draw_svg(plot_decay, [study.gradient], horizon=study.horizon),
            f"Gradient of the loss{spread if ran.windows > 1 else ''}. {_where(study)}",
            "Gradient norm against lag on a scale of powers of ten",
        ),
        Figure(
            draw_svg(plot_decay, [study.product]),
            r"Norm of the product $P(t,k)$ against lag, first window.",
            "Norm of the product of Jacobians against lag on a scale of powers of ten",
        ),
        Table(
            ["Lag", r"$|\partial L/\partial s_k|$ over lag 0", r"$\lVert P(t,k) \rVert_2$"],
            rows,
            note="Logarithms are kept through the whole computation, so nothing underflows.",
        ),
    ]


def _where(study: Study) -> str:
    end = study.gradient.asymptote()
    refused = f" No asymptotic rate is given: {end.reason}." if end.rate is None else ""
    if study.horizon is None:
        return f"It does not stay under {TOLERANCE:.0%} within the run.{refused}"
    return (
        f"The horizon, {study.horizon} steps, is where it falls under {TOLERANCE:.0%} for good."
        f"{refused}"
    )


def _paths(study: Study) -> list[Block]:
    lag = study.paths.lag
    chosen = [n for n in (1, 5, 20, 100) if n <= lag[-1]]
    rows = [
        [name, *(f"{100 * float(values[n - 1]):.1f} %" for n in chosen)]
        for name, values in study.paths.share().items()
    ]
    return [
        Heading("By path", 3),
        Paragraph(
            "Each step Jacobian is a sum over the ways through the cell. The curves show the part "
            "of the gradient that takes each way through the step at that lag"
            + (
                "; the carousel alone is the part that never leaves it."
                if study.paths.carousel_only is not None
                else "."
            )
        ),
        Figure(
            draw_svg(plot_paths, study.paths),
            "Gradient against lag by the path through the step, first window.",
            "Gradient norm against lag, one curve a path",
        ),
        Table(
            ["Path", *(f"lag {n}" for n in chosen)],
            rows,
            note="Share of each path in the sum of the norms of all paths.",
        ),
    ]


def _by_parameter(study: Study) -> list[Block]:
    cell, found = study.setup.cell, study.by_parameter
    names = [n for n in cell.recurrent_maps() if n in cell.parameters] or cell.parameters
    lags = [n for n in (0, 1, 5, 20, 100) if n < len(found.lag)]
    if not names or not lags:
        return []
    rows = [
        [f"${name_latex(p)}$", *(power_of_ten(float(found.log_norm[p][n])) for n in lags)]
        for p in names
    ]
    return [
        Heading("What each lag contributes to the parameter gradient", 3),
        Table(
            ["Parameter", *(f"lag {n}" for n in lags)],
            rows,
            note="Frobenius norm of each lag's summand of the gradient, first window.",
        ),
    ]


def _numbers(study: Study) -> dict[str, Number]:
    return gradient_numbers(study.gradient, study.setup.trajectory.steps)


SECTION = Section(name="decay", blocks=_blocks, numbers=_numbers)
