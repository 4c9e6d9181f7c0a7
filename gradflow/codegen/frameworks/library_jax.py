"""The package jax: found when it is needed, its own loop and functions for arrays of JAX."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from gradflow.errors import UsageError

Array = Any


def jax() -> Any:
    """Return the package. Raises ``UsageError`` if it is not installed."""
    try:
        return importlib.import_module("jax")
    except ModuleNotFoundError:
        raise UsageError(
            "to_jax: JAX is not installed; run: pip install 'gradflow-rnn[jax]'"
        ) from None


def special(name: str) -> Callable[[Array], Array]:
    """Return JAX's own ``sigmoid``, ``erf`` or ``1 - erf``, whose derivatives are right at 0."""
    lax = jax().lax
    functions: dict[str, Callable[[Array], Array]] = {
        "sigmoid": lax.logistic,
        "erf": lax.erf,
        "erf_rest": lax.erfc,
    }
    return functions[name]


def scan(step: Any, carry: Any, sequences: Any, reverse: bool) -> tuple[Any, Array]:
    """Run a loop over time; see :meth:`gradflow.codegen.frameworks.operations.Operations.scan`."""
    numpy, lax = jax().numpy, jax().lax
    by_time = tuple(numpy.moveaxis(s, -2, 0) for s in sequences)
    carry, results = lax.scan(step, carry, by_time, reverse=reverse)
    return carry, numpy.moveaxis(results, 0, -2)
