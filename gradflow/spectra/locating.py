"""Where a run first meets a NaN or an infinity, in its values or in its derivatives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from gradflow.cells.cell import Cell
from gradflow.codegen.over_time import fill_states
from gradflow.spectra.faults.fault import Fault
from gradflow.spectra.faults.of_slopes import fault_of_slopes
from gradflow.spectra.faults.of_states import fault_of_states
from gradflow.spectra.running import Inputs, prepared


def locate(
    cell: Cell | str,
    params: Mapping[str, ArrayLike],
    x: Inputs = None,
    state: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    steps: int | None = None,
    backend: str = "auto",
) -> Fault | None:
    """Return where a run first meets a NaN or an infinity, ``None`` where all is finite.

    The run is made as :func:`gradflow.run` makes it, and NaN and infinities may go in. Then, at the
    first bad step, the equations are evaluated operation by operation, back from the entry of the
    state that is not finite to the operation that made it so. The derivatives of the steps before
    are looked at too, by the state and by the parameters: a slope such as that of a root at 0 is
    infinite where the value is a plain 0, and an overflow that a later ``tanh`` hides is 0 times
    infinity in the gradient. A value comes before a slope of the same step. Branches that are not
    taken, and infinities that do no harm to value or slope, are not blamed.

    Parameters
    ----------
    cell, params, x, state, steps, backend
        As :func:`gradflow.run` takes them.

    Returns
    -------
    Fault or None
        Step, equation, operation, arguments, unit, trajectory and cause; ``str`` of it is a
        sentence that says what to do.

    Raises
    ------
    UsageError
        If shapes do not fit, there is no step, or an array is no array of real numbers.

    Examples
    --------
    >>> import gradflow as gf
    >>> cell = gf.Cell(name="drain", state="h", scalars="a", equations="h_next = sqrt(h) - a")
    >>> fault = locate(cell, {"a": 0.5}, state=[0.0, 1.0], steps=9)
    >>> fault
    <Fault slope at step 1, equation h, unit 0: sqrt, slope of a root at 0>
    >>> print(locate(cell, {"a": 0.5}, state=[0.01, 1.0], steps=9))
    cell 'drain': step 2, equation h: sqrt of -0.4 in unit 0 is nan (root of a negative number); ...
    """
    start = prepared(cell, params, x, state, steps, backend, finite=False)
    states = np.empty((*start.first.shape[:-1], start.count + 1, start.first.shape[-1]))
    states[..., 0, :] = start.first
    with np.errstate(all="ignore"):
        fill_states(start.bound, states, start.inputs)
    found = fault_of_states(start.bound, states, start.inputs)
    last = start.count if found is None else found.step - 1
    before = states[..., : last + 1, :]
    if last >= 1:
        slope = fault_of_slopes(start.bound, before, start.inputs)
        found = found if slope is None else slope
    return found
