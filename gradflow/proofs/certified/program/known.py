"""Functions by those that the checker of gradients has rules for.

Branches, extremes and signs are written as the Coq files write them, in ``relu`` and ``step``
(:func:`gradflow.proofs.coq.written.written`), so that what is computed is what is stated. The
definitions here are the rest of the way; Coq has the same ones, and that of ``step`` holds at 0
too, where ``relu`` is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy as sp

from gradflow.cells.language.functions import relu

BY_KNOWN: Mapping[str, Callable[..., sp.Expr]] = {
    "step": lambda a: relu(a) / a,
    "sinh": lambda a: (sp.exp(a) - sp.exp(-a)) / 2,
    "cosh": lambda a: (sp.exp(a) + sp.exp(-a)) / 2,
    "asinh": lambda a: sp.log(a + sp.sqrt(a**2 + 1)),
}
