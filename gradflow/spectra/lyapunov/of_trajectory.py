"""Last, the exponents of a run: the whole spectrum or the leading ones, by the cheaper way.

This is the method `lyapunov` of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.arrays import whole_number
from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Product
from gradflow.cells.language.syntax import symbol
from gradflow.codegen.over_time import push_forward
from gradflow.given import text
from gradflow.spectra.beyond import lyapunov as beyond
from gradflow.spectra.lyapunov.exponents import LyapunovSpectrum
from gradflow.spectra.lyapunov.leading import flattened, leading_spectrum, spans
from gradflow.spectra.lyapunov.of_run import spectrum_of
from gradflow.spectra.numerics.together import Span

if TYPE_CHECKING:
    from gradflow.spectra.linearised_cell import LinearisedCell

# Forming an entry of a Jacobian takes as long as so many multiply-adds of a matrix product.
_FORMING = 20


def trajectory_spectrum(
    trajectory: LinearisedCell, part: str | None, options: dict[str, Any]
) -> LyapunovSpectrum:
    """The spectrum (..., k) of the whole state or of one part; see `Trajectory.lyapunov`."""
    text(options.get("label", ""), "lyapunov: label")
    if options.get("transient") is None:
        options = {**options, "transient": trajectory.steps // 10}
    leading = options.get("leading")
    if leading is not None:
        whole_number(leading, "lyapunov: leading", 1)
    if trajectory.in_doubt().any():
        return beyond.spectrum(trajectory, trajectory.parts.get(part or "", slice(None)), options)
    if part is None and leading is not None and _unformed(trajectory, leading):
        return _without_jacobians(trajectory, options)
    return spectrum_of(trajectory, options, part)


def _unformed(trajectory: LinearisedCell, columns: int) -> bool:
    bound = trajectory.bound
    return cheaper_unformed(bound.cell, bound.sizes, columns)


def cheaper_unformed(cell: Cell, sizes: Mapping[str, int], columns: int) -> bool:
    """Whether k tangent vectors are cheaper to push through the cell than through its Jacobian.

    Unformed, a step takes ``k p`` multiply-adds, where p adds up ``rows x columns`` of each product
    ``U @ v`` of the program whose operand depends on the previous state. Formed, it takes
    ``k d^2``, and to form the d^2 entries costs as much as 20 multiply-adds each. So unformed is
    cheaper where ``k p <= (k + 20) d^2``: always for an LSTM (``p = d^2 = 4 n^2``) and a plain RNN
    (``p = d^2``), for a GRU (``p = 3 d^2``) up to k = 10. For k = d the answer is no: a square
    frame has a faster QR.

    Parameters
    ----------
    cell : Cell
        The declared cell.
    sizes : mapping
        Number of units by space, as ``code.sizes`` and the state parts give them.
    columns : int
        The number k of tangent vectors.
    """
    depends = {symbol(part) for part in cell.states}
    products = 0
    for statement in cell.program:
        if isinstance(statement, Product):
            if statement.operand in depends:
                depends.add(statement.target)
                used = statement.linear_map
                products += sizes.get(used.out, 1) * sizes.get(used.into, 1)
        elif statement.expression.free_symbols & depends:
            depends.add(statement.target)
    width = sum(sizes[cell.spaces[part]] for part in cell.states)
    return columns < width and columns * products <= (columns + _FORMING) * width**2


def _without_jacobians(trajectory: LinearisedCell, options: dict[str, Any]) -> LyapunovSpectrum:
    lead, steps = trajectory.flat_states.shape[:-2], trajectory.steps
    states = trajectory.flat_states.reshape(-1, steps + 1, trajectory.width)
    inputs = {name: flattened(x, lead) for name, x in trajectory.inputs.items()}
    bound = trajectory.bound

    def pushed(span: slice) -> Span:
        held = {name: x[:, span] for name, x in inputs.items()}
        part = np.ascontiguousarray(states[:, span.start : span.stop + 1])
        through = push_forward(bound, part, held, known=True, first_step=span.start + 1)
        return Span(span.stop - span.start, through)

    each = list(np.ndindex(*lead))
    return leading_spectrum(
        map(pushed, spans(steps, states[:, 0].size)),
        lambda b: trajectory.one(*each[b]).chunks(),
        lead=lead,
        steps=steps,
        width=trajectory.width,
        **options,
    )
