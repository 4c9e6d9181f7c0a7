"""What a network gives after each step, and how a gradient by it is one by the states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import UsageError
from gradflow.networks.joined import NetworkTrajectory
from gradflow.studies.diagnosis.subject.losses import Given

__all__ = ["by_states", "outputs"]

Floats = NDArray[np.float64]


def outputs(run: NetworkTrajectory) -> Floats:
    """Return what the last layer gives (..., T, units), behind what stands behind the layer."""
    (given,) = run.runs[0].inputs.values()
    for level, between in enumerate(run.between, 1):
        given = between.value(run.states[f"{level}.h"][..., 1:, :], given)
    return given


def by_states(run: NetworkTrajectory, gradient: Given, index: tuple[Any, ...]) -> Floats:
    """Return the gradient (..., d) by the whole states ``run.flat_states[index]``.

    ``gradient`` is by what the network gives there (..., units), or a mapping from state parts.
    Raises ``UsageError`` for parts that the run does not have, and shapes that do not fit.
    """
    lead = run.flat_states[index].shape[:-1]
    rows = np.zeros((*lead, run.width))
    if isinstance(gradient, Mapping):
        for part, value in gradient.items():
            if part not in run.parts:
                raise UsageError(
                    f"diagnose: loss returns a gradient by {part!r}; the state has the parts "
                    f"{', '.join(run.parts)}."
                )
            own = run.parts[part]
            if np.shape(value) != (*lead, own.stop - own.start):
                raise UsageError(
                    f"diagnose: loss returns a gradient of shape {np.shape(value)} by {part!r}; it "
                    f"needs {(*lead, own.stop - own.start)}."
                )
            rows[..., own] = value
        return rows
    row: Floats | None = np.asarray(gradient)
    for level in range(len(run.runs), 0, -1):
        if row is None:
            break
        part = f"{level}.h"
        back, row = run.between[level - 1].pull(run.states[part][index], row)
        rows[..., run.parts[part]] = back
    return rows
