"""When to look: every so many updates, or as often as a share of the training's time allows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

__all__ = ["OFTEN", "SHARE", "Pace"]

OFTEN = 50
"""Updates between looks where nobody says how many."""
SHARE = 0.03
"""Time of the looks over that of the updates, at most; an update's own norms come on top."""


class Pace:
    """The times of looks and updates, and what follows for the next look.

    With ``every`` a look is due every so many updates, whatever it takes. Without, one is due at
    each multiple of `OFTEN` at which the looks until then and one more of their kind take at most
    `SHARE` of the updates' time. A look before the first update is not counted: it compiles.
    """

    def __init__(self, every: int | None) -> None:
        self._every = every
        self._looks = 0
        self._looking = self._training = 0.0
        self._since = perf_counter()

    def due(self, updates: int) -> bool:
        """Return whether to look after so many updates, the last of which was just made."""
        now = perf_counter()
        self._training += now - self._since
        self._since = now
        if updates % (self._every or OFTEN):
            return False
        one_more = self._looking / self._looks if self._looks else 0.0
        return self._every is not None or self._looking + one_more <= SHARE * self._training

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Take the time of the block for that of a look."""
        start = perf_counter()
        yield
        self._since = perf_counter()
        if self._training:
            self._looks += 1
            self._looking += self._since - start

    def share(self) -> float:
        """Return the time of the looks over that of the updates; NaN before there is any."""
        return self._looking / self._training if self._training else math.nan
