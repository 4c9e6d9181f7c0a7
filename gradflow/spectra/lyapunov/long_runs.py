"""Third, the leading exponents while a cell runs: nothing kept, for long runs and for grids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import whole_number
from gradflow.cells.cell import Cell
from gradflow.codegen.over_time import push_forward
from gradflow.given import text
from gradflow.spectra.beyond.long_runs import judged
from gradflow.spectra.lyapunov.exponents import LyapunovSpectrum
from gradflow.spectra.lyapunov.leading import flattened, leading_spectrum, spans
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.numerics.together import Span
from gradflow.spectra.running import Start, prepared


def leading_exponents(
    cell: Cell | str,
    params: Mapping[str, ArrayLike],
    x: Mapping[str, ArrayLike] | ArrayLike | None = None,
    state: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    steps: int | None = None,
    leading: int = 1,
    backend: str = "auto",
    **options: Any,
) -> LyapunovSpectrum:
    """The k leading Lyapunov exponents of a cell, its state and tangent vectors run together.

    All leading axes of inputs and state go forward together, and share every product with a weight
    matrix. So a grid of parameters is best declared as inputs of the cell: with the equation
    ``i = sigmoid(gain * (U_i @ h) + W_i @ x + b_i)`` and ``inputs="x gain[one]"``, a gain of shape
    (20, 1, T, 1) is twenty values of it. Memory is that of the inputs, those that are not the same
    for all spread over all leading axes, and of some steps.

    Parameters
    ----------
    cell, params, x, state, steps
        As :func:`gradflow.run`.
    leading
        Number k of exponents.
    backend
        What pushes states and tangent vectors, as for :func:`gradflow.run`.
    options
        ``transient``, ``interval``, ``blocks``, ``initial`` and ``label`` of
        :func:`gradflow.spectra.lyapunov_spectrum`; the transient is a tenth of all steps by
        default.

    Returns
    -------
    LyapunovSpectrum
        With exponents (..., k), the leading axes those of inputs and state.

    Raises
    ------
    UsageError
        As :func:`gradflow.run` and :func:`gradflow.spectra.lyapunov_spectrum`.

    Examples
    --------
    A million steps would take no more room than these:

    >>> import numpy as np
    >>> maps = {"w": np.array([0.5])}  # h' = w h
    >>> found = leading_exponents("scalar", maps, state=np.ones(1), steps=1000)
    >>> found.exponents.round(4)  # log(0.5)
    array([-0.6931])
    """
    columns = whole_number(leading, "leading_exponents: leading", 1)
    text(options.get("label", ""), "leading_exponents: label")
    start = prepared(cell, params, x, state, steps, backend, ("push",), 1 + columns)
    *lead, width = start.first.shape
    first = start.first.reshape(-1, width)
    inputs = {name: flattened(value, tuple(lead)) for name, value in start.inputs.items()}

    def chunks(b: int) -> Iterator[Floats]:
        held = {name: x[b : b + 1] if len(x) > 1 else x for name, x in inputs.items()}
        still = np.zeros((1, 1, width))
        done = 0
        # a Jacobian has d entries for each of the state's; eight times as many may lie in memory
        for span, states in _running(start, first[b : b + 1], held, width**2 // 8 + 1):
            span.through(0, span.steps, still)
            t = np.arange(done, done + span.steps)
            now = {name: value[:, t] for name, value in held.items()} or None
            yield np.asarray(start.bound.jacobian(states[:, :-1], now, t + 1))[0]
            done += span.steps

    found = leading_spectrum(
        (span for span, _ in _running(start, first, inputs, first.size)),
        chunks,
        lead=tuple(lead),
        steps=start.count,
        width=width,
        leading=leading,
        **options,
    )
    return judged(found, start, columns, options)


def _running(
    start: Start, first: Floats, inputs: Mapping[str, Floats], numbers: int
) -> Iterator[tuple[Span, Floats]]:
    """The spans of a run from ``first`` (batch, d), and the states (batch, m + 1, d) they fill.

    They are short enough for so many ``numbers`` a step. All fill the same memory; the next begins
    where one that has been gone through ends.
    """
    batch, width = first.shape
    states = np.empty((batch, 0, width))
    for span in spans(start.count, numbers):
        steps = span.stop - span.start
        if states.shape[1] != steps + 1:
            states = np.empty((batch, steps + 1, width))
        states[:, 0] = first
        held = {name: value[:, span] for name, value in inputs.items()}
        through = push_forward(start.bound, states, held, first_step=span.start + 1)
        yield Span(steps, through), states
        start.require_finite(states, span.start)
        first = states[:, -1]
