"""A covector pulled back in logarithms, each of its entries with a scale of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradflow.codegen.logarithms.numbers import (
    Logs,
    added,
    log_norm,
    logs,
    product,
    summed,
)
from gradflow.codegen.over_time import Pulled
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.numerics.logdomain import Floats

# What is so far below what arrives at a step, in nats, may have lost digits in float64: the loops
# keep a covector's largest entry above 10^-60, and its least digits are those of 10^-308.
_FALL = -500.0
# So many entries of Jacobians are made at a time.
_ENTRIES = 2**22


def without_loss(run: Linearised, covector: Floats, pulled: Pulled, rows: bool) -> Pulled:
    """Return a covector pulled back as it is, or done again where float64 has lost some of it.

    Below e^-500 of what arrives at a step an entry may be lost, be it in one step, whose slopes are
    so small, or over many in which others do not fall. A zero is no loss if no step, from what was
    there before, can make an entry so small (`Linearised.log_least`).
    """
    if not _suspect(pulled, rows):
        return pulled
    whole = pulled if rows else run.pull_back(covector, rows=True)
    if not _lost(run, whole):
        return pulled
    given = np.broadcast_to(covector, (*run.batch, run.width))
    found = [_pulled(run.one(*i), given[i], rows) for i in np.ndindex(*run.batch)]
    again = (np.stack([getattr(one, name) for one in found]) for name in Pulled._fields)
    return Pulled(*(a.reshape(*run.batch, *a.shape[1:]) for a in again))


def _suspect(pulled: Pulled, rows: bool) -> bool:
    """Whether the norm falls far in one step, or a part or a unit is far below what arrives."""
    arriving = pulled.log_norm[..., :-1]
    alive = np.isfinite(arriving)
    seen = [pulled.log_norm[..., 1:], *np.moveaxis(pulled.log_part[..., 1:], -2, 0)]
    if rows:
        with np.errstate(divide="ignore"):
            smallest = np.log(np.abs(pulled.rows[..., 1:, :]).min(axis=-1))
        seen += [smallest + arriving, smallest + pulled.log_norm[..., 1:]]
    with np.errstate(invalid="ignore"):
        return any(bool(((after - arriving <= _FALL) & alive).any()) for after in seen)


def _lost(run: Linearised, pulled: Pulled) -> bool:
    """Whether some entry is lost: a small one, or a zero that may be none."""
    before, norm = pulled.log_norm[..., :-1], pulled.log_norm[..., 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.abs(pulled.rows))
        there = np.isfinite(logs)
        least = np.where(there, logs, np.inf).min(axis=-1)
        # against what arrives at the step and against what leaves it
        small = least[..., 1:] + np.minimum(norm - before, 0.0)
    alive = np.isfinite(before)
    if ((small <= _FALL) & alive).any():
        return True
    zeros = alive & ~there[..., 1:, :].all(axis=-1)
    if not zeros.any():
        return False
    with np.errstate(invalid="ignore"):
        grown = np.where(np.isfinite(norm), np.maximum(norm - before, 0.0), 0.0)
    # the first lag is the last step
    possible = least[..., :-1] + run.log_least()[..., ::-1] - grown
    return bool((zeros & (possible <= _FALL)).any())


def _pulled(run: Linearised, covector: Floats, rows: bool) -> Pulled:
    found = list(log_rows(run, covector))
    row = Logs(*(np.stack([getattr(r, n) for r in found]) for n in ("sign", "log", "value")))
    norm = log_norm(row)
    parts = [log_norm(row[:, part]) for part in run.parts.values()]
    level = np.where(np.isfinite(norm), norm, 0.0)[:, None]
    with np.errstate(under="ignore"):
        unit = row.sign * np.exp(row.log - level)
    last = slice(None) if rows else slice(-1, None)
    return Pulled(norm, np.stack(parts), unit[last], row.log[last])


def log_rows(run: Linearised, covector: Floats) -> Iterator[Logs]:
    """Yield ``u P(T, T - lag)`` for lag 0 to T of one trajectory."""
    row = logs(covector)
    yield row
    for step in _reversed_steps(run):
        row = through(row, step)
        yield row


def through(row: Logs, matrix: Logs) -> Logs:
    """Return ``u J``: (d,) times (d, d)."""
    return summed(product([row[:, None], matrix]), 0)


def _reversed_steps(run: Linearised) -> Iterator[Logs]:
    """Yield the Jacobian of each step of one trajectory, the last step first."""
    size = max(1, _ENTRIES // (run.width**2))
    doubt = run.in_doubt()
    for stop in range(run.steps, 0, -size):
        start = max(0, stop - size)
        plain = logs(run.jacobians(range(start + 1, stop + 1)))
        some = start + np.flatnonzero(doubt[start:stop])
        exact = added(list(run.log_path_jacobians(some).values())) if len(some) else plain
        for k in range(stop - 1, start - 1, -1):
            yield exact[int(np.searchsorted(some, k))] if doubt[k] else plain[k - start]
