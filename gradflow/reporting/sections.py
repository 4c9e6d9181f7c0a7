"""The sections of a cell's report, each a list of blocks made from a study."""

from __future__ import annotations

import numpy as np

from gradflow.cells.typeset import name_latex
from gradflow.codegen import compile
from gradflow.figures import (
    plot_decay,
    plot_eigenvalues,
    plot_lyapunov,
    plot_paths,
    plot_singular_values,
)
from gradflow.jacobians import bptt, jacobian
from gradflow.reporting.document.blocks import (
    Block,
    Code,
    Details,
    Equation,
    Figure,
    Heading,
    Paragraph,
    Table,
    Verdict,
)
from gradflow.reporting.publish.svg import draw_svg
from gradflow.reporting.wording import (
    exponent,
    plain,
    power_of_ten,
    signed,
    steps,
    verdict,
    whole_against_part,
)
from gradflow.spectra import SingularValues
from gradflow.studies.study import TOLERANCE, Study


def answer(study: Study) -> list[Block]:
    """Return the verdict and the headline numbers."""
    text, tone = verdict(study)
    count = study.trajectory.steps
    rows = [
        ["Horizon: lag beyond which the gradient stays under 1 %", steps(study.horizon, count)],
        ["Half-life of the gradient", steps(study.gradient.half_life(), count)],
        ["The same by unit: median, and from 10 to 90 % of the units", _unit_lives(study)],
        ["Decay rate, nats per step", signed(study.gradient.rate())],
    ]
    if study.lyapunov is not None:
        value, error = float(study.lyapunov.exponents[0]), float(study.lyapunov.stderr[0])
        label = "Leading Lyapunov exponent, whole state, nats per step"
        rows.append([label, exponent(value, error)])
    if study.part_only is not None:
        value, error = float(study.part_only.exponents[0]), float(study.part_only.stderr[0])
        label = f"The same from the {study.cell.states[0]} block only (what others print)"
        rows.append([label, exponent(value, error)])
    rows.append([f"Loss: {study.loss}", f"{study.loss_value:.4f}"])
    sizes = ", ".join(f"{p}: {s.stop - s.start}" for p, s in study.trajectory.parts.items())
    note = (
        f"{count} steps, {study.windows} window{'s' if study.windows > 1 else ''} of the input; "
        f"units {sizes}. Input: {study.source}."
    )
    return [Verdict(text, tone), Table(["Quantity", "Value"], rows, note=note)]  # type: ignore[arg-type]


def _unit_lives(study: Study) -> str:
    lives = np.sort(study.gradient.unit_half_lives())
    low, middle, high = (lives[round(q * (len(lives) - 1))] for q in (0.1, 0.5, 0.9))
    return f"{plain(middle)}; {plain(low)} to {plain(high)} steps"


def equations(study: Study) -> list[Block]:
    """Return the cell as declared."""
    cell = study.cell
    blocks: list[Block] = [Heading("The cell"), Equation(cell.latex())]
    if cell.reference:
        blocks.append(Paragraph(f"{cell.reference}."))
    if any("odot" in right for _, right in cell.equation_rows()):
        blocks.append(Paragraph(r"$\odot$ is the elementwise product."))
    rows = [
        [f"${name_latex(p)}$", " × ".join(str(n) for n in np.shape(study.params[p])), kind]
        for kind, names in (("trained", cell.parameters), ("constant", cell.constant_names))
        for p in names
    ]
    if rows:
        blocks.append(Details("Parameters", [Table(["Name", "Shape", "Kind"], rows)]))
    return blocks


def derivation(study: Study) -> list[Block]:
    """Return step Jacobian, BPTT product and gradient formulas."""
    cell = study.cell
    step, formulas = jacobian(cell), bptt(cell)
    matrix, _ = step.latex().split("\n\n", 1)
    blocks: list[Block] = [
        Heading("The step Jacobian"),
        Paragraph(
            f"Derived from the equations above, for any width. The whole state is "
            f"${formulas.state_latex()}$; rows are outputs, columns inputs of the step."
        ),
    ]
    if len(cell.states) > 1:
        blocks.append(Equation(matrix))
    blocks += [Equation(b.latex()) for b in step.blocks().values() if not b.is_zero]
    blocks += [
        Heading("Backpropagation through time"),
        Paragraph("The gradient at step $k$ of a loss at step $t$ passes the product"),
        Equation(formulas.product_latex()),
    ]
    carousel = formulas.carousel_latex()
    if carousel:
        listed = " and ".join(f"${name_latex(p)}$" for p in carousel)
        blocks.append(
            Paragraph(
                f"One of its paths passes no linear map at all, the carousel of {listed}, where "
                "memory is added to and not multiplied by a matrix:"
            )
        )
        blocks += [Equation(latex) for latex in carousel.values()]
    if cell.parameters:
        recurrent = cell.recurrent_maps()
        shown = recurrent[0] if recurrent else cell.parameters[0]
        head, *direct = formulas.gradient_latex(shown).split("\n\n")
        blocks.append(Paragraph("Every parameter gets a sum over steps and lags, for instance"))
        blocks += [Equation(head), *(Equation(latex) for latex in direct)]
        inside: list[Block] = []
        for parameter in cell.parameters:
            blocks_of = [step[part, parameter] for part in cell.states]
            inside += [Equation(b.latex()) for b in blocks_of if not b.is_zero]
        title = "Immediate derivatives of every parameter"
        blocks.append(Details(title, inside))
    return blocks


def decay(study: Study) -> list[Block]:
    """Return gradient against lag, its paths and the parameter gradient by lag."""
    count = study.trajectory.steps
    chosen = sorted({0, 1, count} | {n for n in (2, 5, 10, 20, 50, 100, 200, 500) if n < count})
    relative = study.gradient.relative()
    rows = [
        [
            str(lag),
            power_of_ten(float(relative[lag])),
            power_of_ten(float(study.product.log_norm[lag])),
        ]
        for lag in chosen
    ]
    caption = "Gradient of the loss and norm of the product of Jacobians against lag"
    if study.windows > 1:
        caption += f"; line: median over {study.windows} windows, band: 10 to 90 %"
    blocks: list[Block] = [
        Heading("Decay against lag"),
        Figure(
            draw_svg(plot_decay, [study.gradient], horizon=study.horizon),
            f"{caption.split(' and norm')[0]}{caption.split('lag', 1)[1]}. {_where(study)}",
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
    if len(study.paths.log_norm) > 1:
        blocks += _paths(study)
    blocks += _by_parameter(study)
    return blocks


def _where(study: Study) -> str:
    if study.horizon is None:
        return f"It does not stay under {TOLERANCE:.0%} within the run."
    return f"The horizon, {study.horizon} steps, is where it falls under {TOLERANCE:.0%} for good."


def _paths(study: Study) -> list[Block]:
    share = study.paths.share()
    lag = study.paths.lag
    chosen = [n for n in (1, 5, 20, 100) if n <= lag[-1]]
    rows = [
        [name, *(f"{100 * float(values[n - 1]):.1f} %" for n in chosen)]
        for name, values in share.items()
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
    cell, found = study.cell, study.by_parameter
    names = cell.recurrent_maps() or cell.parameters
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


def spectrum(study: Study) -> list[Block]:
    """Return singular values, eigenvalues and Lyapunov exponents."""
    blocks: list[Block] = [Heading("Spectrum")]
    blocks += [
        Paragraph(f"No number is given for the {name}: {reason}.")
        for name, reason in study.refused.items()
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
        part = [study.part_only] if study.part_only is not None else []
        blocks.append(
            Figure(
                draw_svg(plot_lyapunov, [study.lyapunov], h_only=part),
                "Lyapunov exponents: mean growth rates of the whole state, in nats per step.",
                "Lyapunov exponents by index with error bars",
            )
        )
        if study.part_only is not None:
            blocks += [Heading("Whole state or one part?", 3), Paragraph(whole_against_part(study))]
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


def source(study: Study) -> list[Block]:
    """Return the generated code."""
    return [
        Heading("Generated code"),
        Code(compile(study.cell, "numpy").source, "python", "The NumPy module this report ran"),
    ]
