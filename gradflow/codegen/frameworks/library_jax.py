"""The package jax: found when it is needed, its own loop and functions for arrays of JAX."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

from gradflow.cells.sized import Sized
from gradflow.errors import UsageError

Array = Any


def jax() -> Any:
    """Return the package. Raises ``UsageError`` if it is not installed."""
    try:
        package = importlib.import_module("jax")
    except ModuleNotFoundError:
        raise UsageError(
            "to_jax: JAX is not installed; run: pip install 'gradflow-rnn[jax]'"
        ) from None
    _register(package.tree_util)
    return package


@cache
def _register(trees: Any) -> None:
    """Let JAX look into the arrays of a cell that remember sizes, as it does into a plain dict."""
    trees.register_pytree_node(
        Sized,
        lambda arrays: (tuple(arrays.values()), (tuple(arrays), tuple(arrays.sizes.items()))),
        lambda told, values: Sized(dict(zip(told[0], values, strict=True)), dict(told[1])),
    )


def special(name: str) -> Callable[[Array], Array]:
    """Return JAX's own ``sigmoid``, ``erf`` or ``1 - erf``, whose derivatives are right at 0."""
    lax = jax().lax
    functions: dict[str, Callable[[Array], Array]] = {
        "sigmoid": lax.logistic,
        "erf": lax.erf,
        "erf_rest": lax.erfc,
    }
    return functions[name]


def scan(step: Any, carry: Any, sequences: Any, reverse: bool) -> tuple[Any, tuple[Array, ...]]:
    """Run a loop over time, as :mod:`gradflow.codegen.frameworks.loop` does step by step."""
    numpy, lax = jax().numpy, jax().lax
    by_time = tuple(numpy.moveaxis(s, -2, 0) for s in sequences)
    carry, results = lax.scan(step, carry, by_time, reverse=reverse)
    return carry, tuple(numpy.moveaxis(r, 0, -2) for r in results)
