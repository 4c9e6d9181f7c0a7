r"""What truncated backpropagation through time leaves out, for each length of its window.

Truncated, a loss at step ``t`` reaches back through ``reach`` steps alone, its own among them:
``reach = window`` where the window slides along, and ``(t - 1) mod window + 1`` where the sequence
is cut into chunks. Missing is

.. math::

   \sum_t \sum_{\ell \ge \mathrm{reach}(t)} \frac{\partial L}{\partial s_t} P(t, t-\ell)
   \frac{\partial^+ s_{t-\ell}}{\partial\theta},

which is summed as such: a difference of two nearly equal gradients would be rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import whole_number
from gradflow.errors import UsageError
from gradflow.given import flag, several
from gradflow.spectra.beyond.refusal import require_seen
from gradflow.spectra.decay.by_lag import direct_gradients
from gradflow.spectra.decay.sums import Covectors, covectors, parameter_sums, pulled, swept
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.numerics.logdomain import ZERO_EXPONENT, Floats

# So many entries of covectors of several windows go through the steps together.
_ENTRIES = 2**22


@dataclass(frozen=True, eq=False, kw_only=True)
class Truncation:
    """The part of a parameter gradient that truncation leaves out, against the window.

    Leading axes (...) are the batch axes of the run; all logarithms are natural.

    Parameters
    ----------
    window
        (windows,) lengths in steps, as given.
    sliding
        Whether every loss reaches back ``window`` steps, or to the start of its chunk of so many.
    log_missing
        (..., windows) log of the norm of the missing part over the norm of the whole gradient,
        both over all parameters; ``-inf`` where nothing is missing. It may exceed 0: what is left
        out may point the other way.
    by_parameter
        Parameter to (..., windows): log of the Frobenius norm of its missing part.
    log_whole
        (...) log of the norm of the whole gradient.
    """

    window: np.ndarray[Any, np.dtype[np.int64]]
    sliding: bool
    log_missing: Floats
    by_parameter: Mapping[str, Floats]
    log_whole: Floats

    @property
    def missing(self) -> Floats:
        """The share missing (..., windows), in plain floats."""
        share: Floats = np.exp(self.log_missing)
        return share

    def __repr__(self) -> str:
        return f"<Truncation {self._told()}>"

    def _repr_html_(self) -> str:
        return f"<b>truncated gradient</b>: {self._told()}"

    def _told(self) -> str:
        shares = self.missing.reshape(-1, len(self.window))
        first, last = shares[0, 0], shares[0, -1]
        of = f" (the first of {len(shares)} trajectories)" if self.log_missing.ndim > 1 else ""
        kind = "sliding" if self.sliding else "in chunks"
        return (
            f"{kind}, missing {100 * first:.3g} % at window {self.window[0]}, {100 * last:.3g} % "
            f"at {self.window[-1]}{of}"
        )


def truncation(
    run: Linearised, gradient: ArrayLike, windows: Sequence[int], sliding: bool = True
) -> Truncation:
    """Return what truncated backpropagation leaves out; see :class:`Truncation`.

    Parameters
    ----------
    run
        A run of ``T`` steps; trajectories along batch axes go one by one.
    gradient
        Direct gradients, as ``parameter_gradient`` takes them.
    windows
        Lengths in steps, whole numbers from 1 to ``T``.
    sliding
        A window that slides along, or chunks from step 1 on.

    Raises
    ------
    UsageError
        If shapes or windows do not fit, or the whole gradient is exactly zero.
    PrecisionError
        If a derivative of a single step is not finite.
    """
    direct = direct_gradients(run, gradient, "truncation")
    sliding = flag(sliding, "truncation: sliding")
    holds = f"whole numbers from 1 to {run.steps}, the steps of this run"
    lengths = several(windows, "truncation: windows", holds)
    if not lengths:
        raise UsageError(f"truncation: windows is empty; give a list of {holds}.")
    given = np.array(
        [whole_number(n, "truncation: an item of windows", 1, run.steps) for n in lengths]
    )
    rows = covectors(direct)
    arriving = swept(run, rows)
    nested = sliding and bool((rows.exponent[..., :-1] == ZERO_EXPONENT).all())
    lost = {} if nested else _lost(run, rows, arriving, given, sliding)
    logs, wholes = [], []
    for index in np.ndindex(*run.batch):
        single = run.one(*index) if run.batch else run
        own = {window: more.at(index) for window, more in lost.items()}
        if nested:
            whole, missing = _nested(single, arriving.at(index), given)
        else:
            whole, missing = _one(single, arriving.at(index), own, given)
        require_seen(single, [np.array(whole)], "truncation")
        if np.isneginf(whole):
            raise UsageError(
                "truncation: the whole parameter gradient is exactly zero, so no share of it is "
                "missing; give a loss that some parameter moves."
            )
        logs.append(missing)
        wholes.append(whole)
    batch = run.batch
    by_parameter = {
        name: np.reshape([one[name] for one in logs], (*batch, given.size)) for name in logs[0]
    }
    cut = given < run.steps
    require_seen(run, [log[..., cut] for log in by_parameter.values()], "truncation")
    log_whole = np.reshape(wholes, batch)
    log_missing = _joint(np.stack(list(by_parameter.values()))) - log_whole[..., None]
    return Truncation(
        window=given.astype(np.int64),
        sliding=sliding,
        log_missing=log_missing,
        by_parameter=by_parameter,
        log_whole=log_whole,
    )


def _joint(logs: Floats) -> Floats:
    """Return the log norm of all from the log norms (parameters, ...) of each."""
    joint: Floats = np.logaddexp.reduce(2 * logs, axis=0) / 2
    return joint


def _one(
    run: Linearised,
    arriving: Covectors,
    lost: Mapping[int, Covectors],
    windows: np.ndarray[Any, Any],
) -> tuple[float, dict[str, list[float]]]:
    """Return the log norm of the whole gradient, and of each parameter's missing parts."""
    every = np.arange(1, run.steps + 1)
    whole = [s.log_norm() for s in parameter_sums(run, arriving, every).values()]
    by_parameter: dict[str, list[float]] = {}
    for window in windows:
        for name, missing in parameter_sums(run, lost[int(window)], every).items():
            by_parameter.setdefault(name, []).append(missing.log_norm())
    return float(_joint(np.array(whole))), by_parameter


def _lost(
    run: Linearised, direct: Covectors, arriving: Covectors, windows: Any, sliding: bool
) -> dict[int, Covectors]:
    """Return by window the rows (..., T, d) whose parameter gradients it leaves out."""
    if not sliding:
        return _cut(run, arriving, windows)
    return _slid(run, direct, windows)


def _nested(
    run: Linearised, arriving: Covectors, windows: np.ndarray[Any, Any]
) -> tuple[float, dict[str, list[float]]]:
    """The same for a loss of the last state, where a window loses what arrives before it.

    What shorter windows lose is what longer ones do and a few steps more, so that each step's
    contribution is made once.
    """
    stops = sorted({run.steps - int(w) for w in windows} | {run.steps})
    lost: dict[int, dict[str, float]] = {}
    found = parameter_sums(run, arriving.at(slice(0, 0)), np.arange(0))
    for first, stop in pairwise([0, *stops]):
        more = parameter_sums(run, arriving.at(slice(first, stop)), np.arange(first + 1, stop + 1))
        found = {name: found[name].plus(value) for name, value in more.items()}
        lost[run.steps - stop] = {name: value.log_norm() for name, value in found.items()}
    by_parameter = {name: [lost[int(w)][name] for w in windows] for name in found}
    return float(_joint(np.array(list(lost[0].values())))), by_parameter


def _slid(run: Linearised, direct: Covectors, windows: Any) -> dict[int, Covectors]:
    """Return by window what comes to each step from ``window`` and more after it."""
    started = {}
    rows = direct
    for lag in range(1, int(max(windows)) + 1):
        # row i is of step i + 1, and what it becomes is of the step before
        count = rows.exponent.shape[-1]
        rows = pulled(run, rows, np.arange(1, count + 1))
        rows = Covectors(rows.rows[..., 1:, :], rows.exponent[..., 1:])
        if lag in windows:
            started[lag] = _nothing(run)
            _put(started[lag], slice(0, count - 1), rows, slice(None))
    found: dict[int, Covectors] = {}
    together = max(1, _ENTRIES // max(1, direct.rows.size))
    lags = list(started)
    for first in range(0, len(lags), together):
        some = lags[first : first + together]
        whole = swept(
            run,
            Covectors(*(np.stack(a) for a in zip(*(started[lag] for lag in some), strict=True))),
        )
        found |= {lag: whole.at(i) for i, lag in enumerate(some)}
    return found


def _cut(run: Linearised, arriving: Covectors, windows: Any) -> dict[int, Covectors]:
    """Return by window the rows that come to each step from after its chunk."""
    found = {}
    for window in {int(w) for w in windows}:
        lost = _nothing(run)
        step = np.arange(window, run.steps, window)  # ends of chunks, all but the last
        # of the steps after them
        rows = Covectors(arriving.rows[..., step, :], arriving.exponent[..., step])
        for back in range(window):
            rows = pulled(run, rows, step + 1 - back)
            _put(lost, step - 1 - back, rows, slice(None))
        found[window] = lost
    return found


def _put(whole: Covectors, place: Any, part: Covectors, chosen: slice) -> None:
    whole.rows[..., place, :] = part.rows[..., chosen, :]
    whole.exponent[..., place] = part.exponent[..., chosen]


def _nothing(run: Linearised) -> Covectors:
    shape = (*run.batch, run.steps)
    exponent = np.full(shape, ZERO_EXPONENT, dtype=np.int64)
    return Covectors(np.zeros((*shape, run.width)), exponent)
