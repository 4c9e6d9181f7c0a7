"""COMPILE: from a cell to numeric code.

One lowering (``lowering.py``) gives routines, one printer (``source.py``) gives text, and each
target is a file of its own (``numpy_target.py``, ``mpmath_target.py``, ``array_code.py``) with a
line in ``compiling``.
"""

from gradflow.codegen.code import Code
from gradflow.codegen.compiling import compile
from gradflow.codegen.frameworks.jax import to_jax
from gradflow.codegen.frameworks.torch import to_torch
from gradflow.codegen.targets.target import Target

__all__ = ["Code", "Target", "compile", "to_jax", "to_torch"]
