"""A cell as a pure JAX function of parameters, inputs and initial state, by ``lax.scan``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from gradflow.cells.cell import Cell
from gradflow.codegen.frameworks.run import run_states
from gradflow.errors import UsageError

Array = Any


def _jax() -> Any:
    try:
        return importlib.import_module("jax")
    except ModuleNotFoundError:
        raise UsageError(
            "to_jax: JAX is not installed; run: pip install 'gradflow-rnn[jax]'"
        ) from None


def special(name: str) -> Callable[[Array], Array]:
    """Return JAX's own ``sigmoid`` or ``erf``, whose derivatives are right at 0."""
    lax = _jax().lax
    functions: dict[str, Callable[[Array], Array]] = {"sigmoid": lax.logistic, "erf": lax.erf}
    return functions[name]


def scan(step: Any, carry: Any, sequences: Any, reverse: bool) -> tuple[Any, Array]:
    """Run a loop over time; see :meth:`gradflow.codegen.frameworks.operations.Operations.scan`."""
    jax = _jax()
    by_time = tuple(jax.numpy.moveaxis(s, -2, 0) for s in sequences)
    carry, results = jax.lax.scan(step, carry, by_time, reverse=reverse)
    return carry, jax.numpy.moveaxis(results, 0, -2)


def jax_function(cell: Cell) -> Callable[..., Array]:
    """Return the run of ``cell`` as a pure function ``run(params, x=None, state=None)``.

    It can be differentiated, vectorised and compiled. Numbers are of the parameters' type; JAX
    makes float32 of float64 unless ``jax_enable_x64`` is set.

    Raises
    ------
    UsageError
        If JAX is missing; from ``run``, if shapes do not fit.
    """
    numpy = _jax().numpy

    def run(
        params: Mapping[str, Array], x: Any = None, state: Any = None, steps: int | None = None
    ) -> Array:
        """Return the states (..., T, d) after each step, parts side by side.

        Parameters
        ----------
        params
            The arrays of ``cell.init``.
        x
            (..., T, input), a mapping for several inputs, ``None`` for a cell without input.
        state
            Initial state, flat (..., d) or by part; zeros by default.
        steps
            Number of steps where there is no input (static under ``jit``).
        """
        weights = {name: numpy.asarray(value) for name, value in params.items()}
        return run_states(cell, weights, x, state, steps, like=numpy.zeros(()))

    return run
