"""What a training recorded: losses, norms, curvature and reach of every network in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.given import real_number
from gradflow.jacobians.blocks import counted
from gradflow.prose import table_html
from gradflow.training.beside.reaching import Look
from gradflow.training.tasks.task import Task

__all__ = ["JUMP", "Training", "jumps_of"]

Floats = NDArray[np.float64]

JUMP = 0.1
"""Rise of a loss within one record that counts as a jump."""


def jumps_of(loss: Floats, least: float = JUMP) -> NDArray[np.bool_]:
    """Return where a loss (..., m) has risen by more than ``least``, or is no number any more.

    The entry of the record after the rise is true.
    """
    lost = ~np.isfinite(loss)
    with np.errstate(invalid="ignore"):
        risen = np.diff(loss, axis=-1, prepend=loss[..., :1]) > least
    fresh = lost & ~np.roll(lost, 1, axis=-1)
    fresh[..., 0] = False
    return np.asarray((risen & ~lost) | fresh)


@dataclass(frozen=True, eq=False, kw_only=True)
class Training:
    """A training of ``K`` networks, recorded at ``m`` updates; records are of the weights then.

    Attributes
    ----------
    task
        What was to be learned.
    cell : str
        What learned it.
    seeds, rates, clips : (K,)
        Seed, rate and clip of each network.
    update : (m,)
        Updates made before the record.
    loss : (K, m)
        Of the batch the next update learns from; a cross-entropy in nats.
    held_out, measure : (K, m)
        The loss and the task's measure on the sequences held out.
    gradient_norm : (K, m)
        Of that batch, before clipping.
    rate_curvature : (K, m)
        Rate times ``g' H g / g' g`` there: to second order the loss of the batch rises over 2. NaN
        where the module cannot be differentiated twice.
    looks : tuple of tuple of Look
        For each network a look at each record, where lags were asked for.
    modules : tuple
        The trained networks.
    fault : dict of int to str
        What went wrong with a network, by its number.

    Examples
    --------
    See :func:`gradflow.training.train`.
    """

    task: Task
    cell: str
    seeds: NDArray[np.int64]
    rates: Floats
    clips: Floats
    update: NDArray[np.int64]
    loss: Floats
    held_out: Floats
    measure: Floats
    gradient_norm: Floats
    rate_curvature: Floats
    looks: tuple[tuple[Look, ...], ...]
    modules: tuple[Any, ...]
    fault: Mapping[int, str] = field(default_factory=dict)

    def best(self) -> Floats:
        """Return for each seed the task's measure at the end, the best of the rates and clips."""
        better = np.nanmax if self.task.measure == "share right" else np.nanmin
        worst = -np.inf if self.task.measure == "share right" else np.inf
        last = np.where(np.isfinite(self.measure[:, -1]), self.measure[:, -1], worst)
        return np.array([better(last[self.seeds == seed]) for seed in np.unique(self.seeds)])

    def jumps(self, least: float = JUMP) -> NDArray[np.bool_]:
        """Return (K, m): where the loss held out has risen by more than ``least`` in a record."""
        return jumps_of(self.held_out, real_number(least, "jumps: least", 0))

    def reach(self) -> Floats:
        """Return the log reach (K, m, sequences, lags); see :class:`Look`."""
        return np.array([[one.reach for one in looks] for looks in self.looks])

    def __repr__(self) -> str:
        done = int(self.update[-1])
        best = ", ".join(f"{value:.3g}" for value in self.best())
        return (
            f"<Training {self.cell} on {self.task.name}: "
            f"{counted(len(self.seeds), 'network')}, {done} updates, {self.task.measure} {best}>"
        )

    def _repr_html_(self) -> str:
        head = ("seed", "rate", "clip", "updates", f"{self.task.measure} held out")
        rows = [
            (str(seed), f"{rate:g}", f"{clip:g}", str(self.update[-1]), f"{measure:.3g}")
            for seed, rate, clip, measure in zip(
                self.seeds, self.rates, self.clips, self.measure[:, -1], strict=True
            )
        ]
        return f"<b>{escape(self.cell)} on {escape(self.task.name)}</b>{table_html(rows, head)}"
