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

# A fall in one step, in nats, by which float64 may have lost digits.
_FALL = -600.0
# So many entries of Jacobians are made at a time.
_ENTRIES = 2**22


def without_loss(run: Linearised, covector: Floats, pulled: Pulled, rows: bool) -> Pulled:
    """Return a covector pulled back as it is, or done again where float64 has lost some of it.

    What a step loses is under 10^-308 of what arrives at it. So all is well unless the gradient, a
    part or a unit of it falls by more than e^600 in one step, and some step is in doubt.
    """
    if not _falls(pulled, rows) or not run.in_doubt().any():
        return pulled
    given = np.broadcast_to(covector, (*run.batch, run.width))
    found = [_pulled(run.one(*i), given[i], rows) for i in np.ndindex(*run.batch)]
    whole = (np.stack([getattr(one, name) for one in found]) for name in Pulled._fields)
    return Pulled(*(a.reshape(*run.batch, *a.shape[1:]) for a in whole))


def _falls(pulled: Pulled, rows: bool) -> bool:
    before = pulled.log_norm[..., :-1]
    seen = [pulled.log_norm[..., 1:]]
    seen += list(np.moveaxis(pulled.log_part[..., 1:], -2, 0))
    if rows:
        with np.errstate(divide="ignore"):
            smallest = np.log(np.abs(pulled.rows[..., 1:, :])).min(axis=-1)
        seen.append(smallest + pulled.log_norm[..., 1:])
    with np.errstate(invalid="ignore"):
        return any(bool(((after - before <= _FALL) & np.isfinite(before)).any()) for after in seen)


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
