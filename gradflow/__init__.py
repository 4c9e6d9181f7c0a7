"""gradflow: does the gradient survive? Declare a recurrent cell once, as the paper prints it.

The package is a house of floors, and data goes down the line; a floor imports only from the floors
before it (and from `gradflow.errors`, which stands outside):

    cells -> jacobians -> codegen -> figures -> spectra -> proofs -> models -> report -> cli

Every name below is loaded when it is first used, so `import gradflow` costs milliseconds:

    >>> import gradflow as gf
    >>> gf.__version__
    '0.1.0'
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradflow import cells, codegen, figures, jacobians, models, proofs, spectra
    from gradflow.cells import Cell
    from gradflow.codegen import compile
    from gradflow.jacobians import jacobian
    from gradflow.proofs.proving import prove
    from gradflow.report import report
    from gradflow.spectra import leading_exponents, run, stream_gradient_decay
    from gradflow.spectra.fixed_points import FixedPoints, fixed_points

__version__ = "0.1.0"

__all__ = [
    "Cell",
    "FixedPoints",
    "__version__",
    "cells",
    "codegen",
    "compile",
    "figures",
    "fixed_points",
    "jacobian",
    "jacobians",
    "leading_exponents",
    "models",
    "proofs",
    "prove",
    "report",
    "run",
    "spectra",
    "stream_gradient_decay",
]

_FLOORS = ("cells", "jacobians", "codegen", "figures", "spectra", "proofs", "models", "report")
_HOME = {
    "Cell": "cells",
    "FixedPoints": "spectra",
    "compile": "codegen",
    "fixed_points": "spectra",
    "jacobian": "jacobians",
    "leading_exponents": "spectra",
    "prove": "proofs",
    "run": "spectra",
    "stream_gradient_decay": "spectra",
}


def __getattr__(name: str) -> Any:
    if name in _FLOORS:
        return importlib.import_module(f"gradflow.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(f"gradflow.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'gradflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _ReportFloor(ModuleType):
    """The floor `gradflow.report`, which is also the verb: `gf.report(cell, out=...)`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.report(*args, **kwargs)


class _Package(ModuleType):
    """The package itself, which makes its `report` floor callable when the floor is imported.

    The import system binds a submodule to its package whichever way it is imported, and no later
    hook sees `gf.report` once it is bound; so the one place that serves every order is here.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "report" and isinstance(value, ModuleType):
            value.__class__ = _ReportFloor
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
