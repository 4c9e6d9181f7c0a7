"""COMPILE: from a cell to numeric code.

One lowering (``lowering/``) gives routines, printers (``printing/``) give text, and each backend is
a target (``targets/``, ``frameworks/``) with one line in the registry (``backends.py``).
"""

from gradflow.codegen.bound import Bound
from gradflow.codegen.code import Code
from gradflow.codegen.compiling import compile
from gradflow.codegen.frameworks.jax import to_jax
from gradflow.codegen.frameworks.torch import to_torch
from gradflow.codegen.targets.target import Target

__all__ = ["Bound", "Code", "Target", "compile", "to_jax", "to_torch"]
