"""The package torch: found when it is needed, by whatever needs it."""

from __future__ import annotations

import importlib
from typing import Any

from gradflow.errors import UsageError

__all__ = ["torch"]


def torch(where: str) -> Any:
    """Return the package. Raises ``UsageError``, which begins with ``where``, without it."""
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError:
        raise UsageError(
            f"{where}: torch is not installed; run: pip install 'gradflow-rnn[torch]'"
        ) from None
