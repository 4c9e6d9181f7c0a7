r"""Conditional exponents: how fast one part of a driven network forgets, given all the rest.

Of a system that is driven, ``h' = F(h, d)``, the exponents of h along a given course of the drive d
are conditional (Pecora and Carroll). Where all are negative, two copies of h with the same drive
and different beginnings become one: the network has an echo state, and its state is a function of
what drove it. A run is driven by its inputs, so its Lyapunov spectrum is that of the state given
the inputs. Given other state parts too, the Jacobians are the diagonal blocks of the part.

Source: L. Pecora, T. Carroll, Phys. Rev. Lett. 64 (1990) 821.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradflow.errors import UsageError
from gradflow.given import choice, several
from gradflow.spectra.beyond.refusal import require_held
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.lyapunov.exponents import LyapunovSpectrum, stacked
from gradflow.spectra.lyapunov.spectrum import longest_window, lyapunov_spectrum

_WHERE = "conditional_exponents"


def conditional(
    run: Linearised, of: str | Sequence[str], options: dict[str, Any]
) -> LyapunovSpectrum:
    """Return the spectrum (..., k) of some state parts given the others and the inputs."""
    told = [of] if isinstance(of, str) else several(of, f"{_WHERE}: of", "state part")
    names = list(dict.fromkeys(choice(name, f"{_WHERE}: of", run.parts) for name in told))
    if not names:
        raise UsageError(f"{_WHERE}: of is empty; give one state part of {', '.join(run.parts)}.")
    require_held(run, _WHERE)
    given = [p for p in run.parts if p not in names]
    label = f"{', '.join(names)} given {', '.join([*given, 'the inputs'])}"
    discard = options.get("transient")
    discard = run.steps // 10 if discard is None else discard
    longest = longest_window(run.steps, discard, options.get("interval"), options.get("blocks", 20))
    settings = {"label": label, **options, "transient": discard, "interval": longest}
    rows = np.concatenate([np.arange(run.width)[run.parts[p]] for p in names])
    each = [
        lyapunov_spectrum(
            (chunk[:, rows[:, None], rows] for chunk in run.one(*index).chunks(overwrite=True)),
            **settings,
        )
        for index in np.ndindex(*run.batch)
    ]
    return stacked(each, run.batch)
