"""The Lyapunov spectrum of a run with steps that float64 does not hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradflow.errors import PrecisionError
from gradflow.spectra.beyond.factors import factored
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.lyapunov.exponents import LyapunovSpectrum, stacked
from gradflow.spectra.lyapunov.spectrum import longest_window, lyapunov_spectrum


def spectrum(run: Linearised, part: slice, options: dict[str, Any]) -> LyapunovSpectrum:
    """Return the spectrum of the factors of all steps; a step is as many as `Factors.each`.

    ``options`` as those of `lyapunov_spectrum`, with a transient.
    """
    given, blocks = options.get("interval"), options.get("blocks", 20)
    longest_window(run.steps, options["transient"], given, blocks)  # says what is wrong, in steps
    steps = factored(run, part=part, every=False)
    if steps.lost and options.get("leading") != 1:
        raise PrecisionError(
            "lyapunov: the Jacobian of a step has entries beside which float64 loses others (below "
            "10^-308 a step), and all exponents but the first may depend on them; ask for "
            "leading=1, or for run.singular_values, which keeps them."
        )
    each, transient = steps.each, options["transient"] * steps.each
    interval = None if given is None else given * each
    longest = longest_window(run.steps * each, transient, interval, blocks)
    options = {**options, "transient": transient, "interval": longest}
    found = stacked(
        [lyapunov_spectrum(steps.matrices[i], **options) for i in np.ndindex(*run.batch)],
        run.batch,
    )
    return replace(
        found,
        exponents=each * found.exponents,
        stderr=each * found.stderr,
        history=each * found.history,
        interval=max(1, found.interval // each),
        transient=found.transient // each,
        steps=found.steps // each,
    )
