"""PROVE: bounds with certificates anyone can re-check, and Coq files that only apply lemmas.

A statement has one of four levels, printed verbatim: ``PROVED`` (Coq accepted the file and the
axioms it rests on are allowed), ``CERTIFIED`` (exact arithmetic, re-checkable without SymPy),
``CORROBORATED`` (two independent solvers agree), ``OBSERVED`` (floating point).
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "attack": "refuting",
    "bound_above": "along",
    "bound_below": "along",
    "bounds": "bounding",
    "box_bound": "boxes",
    "carousel": "carousels",
    "certify": "refuting",
    "enclose": "enclosing",
    "prove": "proving",
    "sigma_max": "spectral",
    "sigma_min": "spectral",
    "verify": "verifying",
    "write": "bundle",
    "forget_bias_for": "horizon",
    "unit_invariants": "invariants",
    "carousel_invariant": "invariants",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    # Loaded when first used: verifying a bundle must not load SymPy.
    if name in _HOME:
        return getattr(importlib.import_module(f"gradflow.proofs.{_HOME[name]}"), name)
    raise AttributeError(f"module 'gradflow.proofs' has no attribute {name!r}")
