"""What is refused where a sum in float64 comes out as 0 and may not be."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gradflow.errors import PrecisionError
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.numerics.logdomain import Floats


def require_seen(run: Linearised, logs: Iterable[Floats], what: str) -> None:
    """Raise ``PrecisionError`` if all logs are ``-inf`` somewhere and a step is in doubt."""
    seen = [np.asarray(log) for log in logs]
    if not seen or not np.isneginf(np.max(np.stack(seen), axis=0)).any():
        return
    doubt = run.in_doubt()
    if doubt.any():
        raise PrecisionError(
            f"{what}: a part comes out as 0, and step {int(np.argwhere(doubt)[0][-1]) + 1} has "
            "slopes below 10^-308, which float64 calls 0; run.gradient_decay and run.paths have "
            "their logarithms."
        )


def require_held(run: Linearised, what: str) -> None:
    """Raise ``PrecisionError`` if a step has slopes that float64 does not hold."""
    doubt = run.in_doubt()
    if doubt.any():
        raise PrecisionError(
            f"{what}: step {int(np.argwhere(doubt)[0][-1]) + 1} has slopes below 10^-308, which "
            "float64 calls 0; run.lyapunov and run.gradient_decay have their logarithms."
        )
