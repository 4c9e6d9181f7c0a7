"""A cell as a pure JAX function of parameters, inputs and initial state, by ``lax.scan``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.cells.sized import sized_as
from gradflow.codegen.frameworks.library_jax import jax
from gradflow.codegen.frameworks.run import run_states

Array = Any


def to_jax(cell: Cell | str) -> Callable[..., Array]:
    """Return the run of a cell as a pure function ``run(params, x=None, state=None)``.

    It can be differentiated, vectorised and compiled. Numbers are of the parameters' type; JAX
    makes float32 of float64 unless ``jax_enable_x64`` is set.

    Parameters
    ----------
    cell
        A cell, or its name.

    Raises
    ------
    UsageError
        If JAX is missing or no cell has that name; from ``run``, if shapes do not fit.

    Examples
    --------
    The derivative of a loss by every parameter::

        run = gf.to_jax("lstm")
        gradient = jax.grad(lambda params: run(params, x)[-1].sum())(params)
    """
    declared = get(cell)
    numpy = jax().numpy

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
        weights = sized_as(params, weights)
        return run_states(declared, weights, x, state, steps, like=numpy.zeros(()))

    return run
