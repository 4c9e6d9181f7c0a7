"""The sequences a network is looked at on, and the lags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradflow.arrays import real_array, whole_number
from gradflow.errors import UsageError
from gradflow.given import several
from gradflow.training.tasks.task import Batch, Task

__all__ = ["PROBES", "chosen_lags", "probed"]

PROBES = 6
"""Sequences that are looked at, no more."""
_LAGS = 16


def chosen_lags(lags: Sequence[int] | None, steps: int) -> list[int]:
    """Return lags that fit so many steps, ascending; up to 16, evenly spaced, by default."""
    if lags is None:
        return list(range(0, steps, max(1, math.ceil(steps / _LAGS))))
    chosen = [
        whole_number(n, "watch: a lag", 0, steps) for n in several(lags, "watch: lags", "lags")
    ]
    if not chosen:
        raise UsageError("watch: lags is empty; give one or more.")
    return sorted(set(chosen))


def probed(probe: Any) -> tuple[Any, Any]:
    """Return up to six sequences (sequences, T, inputs), and what is to be said, or ``None``."""
    if isinstance(probe, Task):
        probe = probe.held_out
    if isinstance(probe, Batch):
        probe = (probe.x, probe.y)
    given, y = probe if isinstance(probe, tuple) and len(probe) == 2 else (probe, None)
    x = real_array(_host(given), "watch: probe", "x", many=True)
    x = x[None] if x.ndim == 2 else x
    if x.ndim != 3 or 0 in x.shape:
        raise UsageError(
            f"watch: probe has x of shape {x.shape}; it is (sequences, T, inputs), at least one "
            "step."
        )
    if y is None:
        return x[:PROBES], None
    target = np.asarray(_host(y))
    if target.dtype.kind not in "iuf" or not target.ndim or len(target) != len(x):
        raise UsageError(
            f"watch: probe has y of shape {target.shape}; it is one row of classes or values for "
            f"each of {len(x)} sequences."
        )
    return x[:PROBES], target.reshape(len(x), -1)[:PROBES]


def _host(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value
