"""What of a file was not read, in few words."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["grouped"]

_OPTIMIZER = re.compile(
    r"(^|[./])(opt(im|imi[sz]er\w*|_state)?|(max_)?exp_avg\w*|momentum_buffer)([./]|$)",
    re.IGNORECASE,
)


def grouped(names: Sequence[str]) -> list[str]:
    """Return the names, those of an optimizer's state as one entry behind the others.

    >>> grouped(["optimizer.state.0.exp_avg", "epoch", "optimizer.state.1.exp_avg"])
    ['epoch', 'optimizer state: 2 entries']
    """
    others = [name for name in names if _OPTIMIZER.search(name) is None]
    count = len(names) - len(others)
    told = f"optimizer state: {count} entr{'y' if count == 1 else 'ies'}"
    return [*others, told] if count else others
