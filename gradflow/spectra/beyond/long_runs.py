"""Exponents of a run that is not kept: an ``-inf`` is looked at before it is said."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradflow.codegen.over_time import fill_states
from gradflow.errors import PrecisionError
from gradflow.spectra.beyond.lyapunov import spectrum
from gradflow.spectra.lyapunov.exponents import LyapunovSpectrum
from gradflow.spectra.running import Start

# A run is made and kept to judge an exponent of -inf up to so many numbers.
_KEPT = 2**25


def judged(
    found: LyapunovSpectrum, start: Start, leading: int, options: dict[str, Any]
) -> LyapunovSpectrum:
    """Return what a run from ``start`` gave that was not kept, or what it is where steps underflow.

    Raises ``PrecisionError`` for an exponent of ``-inf`` in a run too long to be looked at.
    """
    if not np.isneginf(found.exponents).any():
        return found
    lead, width = start.first.shape[:-1], start.first.shape[-1]
    if (start.count + 1) * start.first.size > _KEPT:
        raise PrecisionError(
            f"leading_exponents: an exponent comes out as -inf, which may be slopes below 10^-308, "
            f"and {start.count} steps are too many to look at each; run fewer."
        )
    states = np.empty((*lead, start.count + 1, width))
    states[..., 0, :] = start.first
    fill_states(start.bound, states, start.inputs)
    run = start.trajectory(states, start.inputs)
    if not run.in_doubt().any():
        return found
    transient = options.get("transient")
    options = {**options, "transient": run.steps // 10 if transient is None else transient}
    return spectrum(run, slice(None), {**options, "leading": leading})
