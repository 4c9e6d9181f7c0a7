"""Fourth, the exponents of a run whose Jacobians are formed: one trajectory, or each of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradflow.spectra.linearised import Linearised
from gradflow.spectra.lyapunov.exponents import LyapunovSpectrum, stacked
from gradflow.spectra.lyapunov.spectrum import SMALL, longest_window, lyapunov_spectrum
from gradflow.spectra.numerics.logdomain import Floats

# Small Jacobians of a batch are formed together where all have at most so many entries.
_NUMBERS = 2**24


def spectrum_of(
    run: Linearised, options: dict[str, Any], part: str | None = None
) -> LyapunovSpectrum:
    """The spectrum (..., k) of the whole state or of one part, by `lyapunov_spectrum`.

    The transient is a tenth of all steps by default.
    """
    discard = options.get("transient")
    discard = run.steps // 10 if discard is None else discard
    # known for all of the run and not from its first chunk, so that all have as many blocks
    longest = longest_window(run.steps, discard, options.get("interval"), options.get("blocks", 20))
    options = {**options, "transient": discard, "interval": longest}
    lead = run.batch
    block = slice(None) if part is None else run.parts[part]
    numbers = run.flat_states[..., 1:, 0].size * run.width**2
    if run.width < SMALL and lead and numbers <= _NUMBERS:
        return lyapunov_spectrum(run.jacobians()[..., block, block], **options)
    return stacked(
        [
            lyapunov_spectrum(_jacobians(run.one(*index), block), **options)
            for index in np.ndindex(*lead)
        ],
        lead,
    )


def _jacobians(run: Linearised, block: slice) -> Iterator[Floats]:
    """The step Jacobians of one trajectory in chunks, or those of one part."""
    return (chunk[:, block, block] for chunk in run.chunks(overwrite=True))
