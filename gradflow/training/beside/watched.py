"""What a watch has recorded of a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gradflow.drawable import Drawable
from gradflow.prose import table_html
from gradflow.training.beside.reaching import Look
from gradflow.training.loop.record import jumps_of

__all__ = ["Watched", "recorded"]

Floats = NDArray[np.float64]
_FORMS = ("d", ".2f", ".0f", ".3f", "d", "d")


@dataclass(frozen=True, eq=False, kw_only=True)
class Watched(Drawable):
    """A training as its watch saw it: ``m`` looks, and a loss and norms of each of ``n`` updates.

    Attributes
    ----------
    lags : (L,)
        Lags at which reach is measured.
    update : (m,)
        Updates made before each look; the first is of the network as it was.
    reach : (m, sequences, L)
        Natural log of the gradient of the loss at each lag over that at lag 0.
    directions, exponent, saturated, dead : (m,)
        As in :class:`gradflow.training.Look`.
    rate_curvature : (m,)
        Rate times ``g' H g / g' g`` of the probe's loss; to second order it rises over 2. NaN
        without a rate or a loss.
    loss : (n,)
        What was told at each update.
    norm, clipped : (n,)
        Norm of the gradient after it was summed, and as the optimizer found it. NaN where neither
        was seen.
    share : float
        Time that the looks after the first took over that of the updates; NaN without updates.
    fault : str
        Where the network stopped being finite; empty where it did not.

    Examples
    --------
    See :func:`gradflow.watch`.
    """

    drawn_by: ClassVar[str] = "watched:plot_watched"

    lags: NDArray[np.int64]
    update: NDArray[np.int64]
    reach: Floats
    directions: Floats
    exponent: Floats
    saturated: NDArray[np.int64]
    dead: NDArray[np.int64]
    rate_curvature: Floats
    loss: Floats
    norm: Floats
    clipped: Floats
    share: float
    fault: str

    def jumps(self) -> NDArray[np.int64]:
        """Return the updates, from 1, whose loss is over .1 above that of the one before."""
        return np.flatnonzero(jumps_of(self.loss)) + 1 if len(self.loss) else np.zeros(0, np.int64)

    def lines(self) -> list[str]:
        """Return a table of the looks in plain text."""
        middle = len(self.lags) // 2
        head = f"{'update':>8}{'log10 reach':>14}{'low':>8}{'high':>8}{'directions':>12}"
        rows = [f"lag {self.lags[middle]}", head + f"{'exponent':>10}{'dead':>6}{'saturated':>11}"]
        for k, update in enumerate(self.update):
            logs = self.reach[k, :, middle] / math.log(10)
            rows.append(
                f"{update:>8}{np.median(logs):>14.2f}{logs.min():>8.2f}{logs.max():>8.2f}"
                f"{self.directions[k]:>12.0f}{self.exponent[k]:>10.3f}{self.dead[k]:>6}"
                f"{self.saturated[k]:>11}"
            )
        if math.isfinite(self.share):
            rows.append(f"the looks took {100 * self.share:.1f} % of the time of the updates")
        return rows + ([self.fault] if self.fault else [])

    def __repr__(self) -> str:
        """Return one line with the looks, and the reach at the middle lag first and last."""
        middle = len(self.lags) // 2
        ends = [np.median(self.reach[k, :, middle]) / math.log(10) for k in (0, -1)]
        return (
            f"<Watched {len(self.update)} looks, {len(self.loss)} updates: log10 reach at lag "
            f"{self.lags[middle]} {ends[0]:.2f} to {ends[1]:.2f}, {len(self.jumps())} jumps>"
        )

    def _repr_html_(self) -> str:
        middle = len(self.lags) // 2
        head = ("update", f"log10 reach at lag {self.lags[middle]}", "directions", "exponent")
        logs = np.median(self.reach[:, :, middle], axis=1) / math.log(10)
        columns = (self.update, logs, self.directions, self.exponent, self.dead, self.saturated)
        rows = [
            [
                format(value, form).replace("-", "−")
                for value, form in zip(look, _FORMS, strict=True)
            ]
            for look in zip(*columns, strict=True)
        ]
        fault = f"<p><b>{escape(self.fault)}</b></p>" if self.fault else ""
        return table_html(rows, (*head, "dead", "saturated")) + fault


def recorded(
    lags: Sequence[int],
    looks: Sequence[tuple[int, Look, float]],
    updates: Sequence[tuple[float, float, float]] = (),
    *,
    share: float = math.nan,
    fault: str = "",
) -> Watched:
    """Return looks, each with its update and rate times curvature, and losses with both norms."""
    seen = [look for _, look, _ in looks]
    told = np.array(updates, dtype=np.float64).reshape(-1, 3)
    return Watched(
        lags=np.array(lags),
        update=np.array([update for update, _, _ in looks]),
        reach=np.array([one.reach for one in seen]),
        directions=np.array([one.directions for one in seen]),
        exponent=np.array([one.exponent for one in seen]),
        saturated=np.array([one.saturated for one in seen]),
        dead=np.array([one.dead for one in seen]),
        rate_curvature=np.array([rises for _, _, rises in looks]),
        loss=told[:, 0],
        norm=told[:, 1],
        clipped=told[:, 2],
        share=share,
        fault=fault,
    )
