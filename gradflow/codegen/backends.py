"""The backends by name, and which of them ``"auto"`` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradflow.codegen.targets.target import Backend
from gradflow.errors import UsageError, shown
from gradflow.registry import Registry

__all__ = ["BACKENDS", "PLAIN", "STEP_KERNELS", "chosen", "estimated_seconds"]

BACKENDS: Registry[Backend] = Registry(
    kind="backend",
    group="gradflow.backends",
    type="gradflow.codegen.targets.target:Backend",
    own={
        "numpy": "gradflow.codegen.targets.numpy.target:BACKEND",
        "numba": "gradflow.codegen.targets.numba.target:BACKEND",
        "mpmath": "gradflow.codegen.targets.mpmath:BACKEND",
        "array-api": "gradflow.codegen.frameworks.code:BACKEND",
    },
)
# needs nothing that is not there, and is ready at once
PLAIN = "numpy"
# the functions that a compiled cell is asked for by hand
STEP_KERNELS = ("step", "jvp", "vjp", "jacobian")
# What a step costs in NumPy, measured on cells of the library: some ten calls of NumPy, each about
# a microsecond (RNN 4, LSTM 11), and matrix products of about d^2 multiply-adds a trajectory.
_STEP_SECONDS = 1e-5
_PRODUCT_SECONDS = 2e-10


def estimated_seconds(steps: int, trajectories: int, width: int) -> float:
    """Return roughly what NumPy takes for so many steps of a state of ``width`` entries.

    ``steps * (10 us + 0.2 ns * trajectories * width**2)``, right to a factor of three for the cells
    of the library from 8 to 512 entries.
    """
    return steps * (_STEP_SECONDS + _PRODUCT_SECONDS * trajectories * width**2)


def left_open(backend: object) -> bool:
    """Return whether the backend is for gradflow to choose."""
    return isinstance(backend, str) and backend == "auto"


def chosen(
    backend: str,
    code: Callable[[str], Any],
    kernels: Sequence[str] = STEP_KERNELS,
    seconds: float = 0.0,
) -> str:
    """Return the backend to take for ``backend``, which may be ``"auto"``.

    ``"auto"`` takes a backend that compiles where it is installed and either the ``kernels`` have
    been compiled already, in this process or in the cache on disk, from exactly this source; or
    NumPy would take longer for the work, by ``seconds``, than the compilation. So a call waits for
    a compiler at most as long as it would have run anyway, and a run of milliseconds never does.
    Otherwise it takes NumPy.

    Parameters
    ----------
    backend
        A name, or ``"auto"``.
    code
        Gives the cell's code in a backend.
    kernels
        The functions that the work at hand needs.
    seconds
        What NumPy takes for it, see `estimated_seconds`; 0 where the work is unknown.

    Raises
    ------
    UsageError
        If the backend is unknown.
    """
    if not left_open(backend):
        if not isinstance(backend, str) or backend not in BACKENDS:
            known = ", ".join(BACKENDS.names())
            raise UsageError(f"unknown backend {shown(backend)}; known are {known}.")
        return backend
    for name, record in BACKENDS.usable():
        if record.compiled is None or not record.installed():
            continue
        if seconds > record.seconds or record.compiled(code(name), kernels):
            return name
    return PLAIN
