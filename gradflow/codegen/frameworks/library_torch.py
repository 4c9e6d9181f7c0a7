"""The package torch: found when it is needed, by whatever needs it."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from gradflow.errors import UsageError

__all__ = ["before_steps", "norm", "torch"]


def torch(where: str) -> Any:
    """Return the package. Raises ``UsageError``, which begins with ``where``, without it."""
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError:
        raise UsageError(
            f"{where}: torch is not installed; run: pip install 'gradflow-rnn[torch]'"
        ) from None


def before_steps(hook: Any) -> Any:
    """Let a hook see every step of every optimizer; ``remove()`` of what is returned ends it."""
    module = importlib.import_module("torch.optim.optimizer")
    return module.register_optimizer_step_pre_hook(hook)


def norm(gradient: Any) -> Any:
    """Return the norm of all entries of a gradient as a tensor, for which nothing waits."""
    dense = gradient.coalesce().values() if gradient.is_sparse else gradient
    return _vector_norm()(dense)


@cache
def _vector_norm() -> Any:
    return torch("norm").linalg.vector_norm
