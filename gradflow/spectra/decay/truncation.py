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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import whole_number
from gradflow.errors import UsageError
from gradflow.given import flag, several
from gradflow.spectra.beyond.refusal import require_seen
from gradflow.spectra.decay.by_lag import direct_gradients, trajectories
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
    singles = list(trajectories(run))
    if sliding and (rows.exponent[..., :-1] == ZERO_EXPONENT).all():
        found = [_nested(single, arriving.at(index), given) for index, single in singles]
    else:
        found = [{0: _logs(single, arriving.at(index))} for index, single in singles]
        wanted = {int(window) for window in given}
        lost = _slid(run, rows, wanted) if sliding else _cut(run, arriving, wanted)
        for window, more in lost:
            for own, (index, single) in zip(found, singles, strict=True):
                own[window] = _logs(single, more.at(index))
    wholes = []
    for own, (_, single) in zip(found, singles, strict=True):
        wholes.append(float(_joint(np.array(list(own[0].values())))))
        require_seen(single, [np.array(wholes[-1])], "truncation")
        if np.isneginf(wholes[-1]):
            raise UsageError(
                "truncation: the whole parameter gradient is exactly zero, so no share of it is "
                "missing; give a loss that some parameter moves."
            )
    logs = [{name: [own[int(w)][name] for w in given] for name in own[0]} for own in found]
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


def _logs(run: Linearised, rows: Covectors) -> dict[str, float]:
    """Return the log norm by parameter of the sum over all steps of one trajectory."""
    every = np.arange(1, run.steps + 1)
    return {name: s.log_norm() for name, s in parameter_sums(run, rows, every).items()}


def _nested(
    run: Linearised, arriving: Covectors, windows: np.ndarray[Any, Any]
) -> dict[int, dict[str, float]]:
    """Return by window the log norms of what it leaves out, of a loss of the last state.

    A window loses what arrives before it, and a shorter one a few steps more than a longer one, so
    that each step's contribution is made once. Window 0 loses the whole gradient.
    """
    stops = sorted({run.steps - int(w) for w in windows} | {run.steps})
    lost: dict[int, dict[str, float]] = {}
    found = parameter_sums(run, arriving.at(slice(0, 0)), np.arange(0))
    for first, stop in pairwise([0, *stops]):
        more = parameter_sums(run, arriving.at(slice(first, stop)), np.arange(first + 1, stop + 1))
        found = {name: found[name].plus(value) for name, value in more.items()}
        lost[run.steps - stop] = {name: value.log_norm() for name, value in found.items()}
    return lost


def _slid(run: Linearised, direct: Covectors, windows: set[int]) -> Iterator[tuple[int, Covectors]]:
    """Yield by window what comes to each step from ``window`` and more after it."""
    together = max(1, _ENTRIES // max(1, direct.rows.size))
    started: dict[int, Covectors] = {}
    rows = direct
    for lag in range(1, max(windows) + 1):
        # row i is of step i + 1, and what it becomes is of the step before
        count = rows.exponent.shape[-1]
        rows = pulled(run, rows, np.arange(1, count + 1))
        rows = Covectors(rows.rows[..., 1:, :], rows.exponent[..., 1:])
        if lag in windows:
            started[lag] = _nothing(run)
            _put(started[lag], slice(0, count - 1), rows)
        if len(started) == together or (started and lag == max(windows)):
            stacked = Covectors(
                *(np.stack(arrays) for arrays in zip(*started.values(), strict=True))
            )
            whole = swept(run, stacked)
            yield from ((window, whole.at(i)) for i, window in enumerate(started))
            started = {}


def _cut(
    run: Linearised, arriving: Covectors, windows: set[int]
) -> Iterator[tuple[int, Covectors]]:
    """Yield by window the rows that come to each step from after its chunk."""
    for window in windows:
        lost = _nothing(run)
        step = np.arange(window, run.steps, window)  # ends of chunks, all but the last
        # of the steps after them
        rows = Covectors(arriving.rows[..., step, :], arriving.exponent[..., step])
        for back in range(window):
            rows = pulled(run, rows, step + 1 - back)
            _put(lost, step - 1 - back, rows)
        yield window, lost


def _put(whole: Covectors, place: Any, part: Covectors) -> None:
    whole.rows[..., place, :] = part.rows
    whole.exponent[..., place] = part.exponent


def _nothing(run: Linearised) -> Covectors:
    shape = (*run.batch, run.steps)
    exponent = np.full(shape, ZERO_EXPONENT, dtype=np.int64)
    return Covectors(np.zeros((*shape, run.width)), exponent)
