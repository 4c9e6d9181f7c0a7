"""What the Coq library knows of the values of a function, as tactics."""

from __future__ import annotations

import sympy as sp

from gradflow.cells.language.functions import relu, step
from gradflow.proofs.coq.terms import CoqTerms, written

_RANGES = {
    "sigmoid": ("sigmoid_range", "0 < {} < 1"),
    "tanh": ("tanh_range", "-1 < {} < 1"),
    "step": ("step_range", "0 <= {} <= 1"),
    "relu": ("relu_range", "0 <= {}"),
    "exp": ("exp_pos", "0 < {}"),
    "softplus": ("softplus_range", "0 < {}"),
    "sin": ("sin_range", "-1 <= {} <= 1"),
    "cos": ("cos_range", "-1 <= {} <= 1"),
}
"""The lemma about a function's values, and what it says."""


def known_range(terms: CoqTerms, definition: sp.Basic, body: str, space: str) -> str:
    """Return a tactic that puts the range of a call at unit ``i`` among the hypotheses.

    ``body`` is the value as the file names it. ``""`` where nothing is known.
    """
    kind = type(definition).__name__
    if kind in ("Abs", "sign"):
        calls = sorted(written(definition).atoms(relu, step), key=str)
        inner = [(type(c).__name__, terms.scalar(c.args[0], "s", space)) for c in calls]
        return " ".join(f"pose proof ({name}_range {a})." for name, a in inner)
    if kind not in _RANGES:
        return ""
    lemma, says = _RANGES[kind]
    at = terms.scalar(definition.args[0], "s", space)
    found = f"pose proof ({lemma} {at} : {says.format(body)})."
    if kind == "step":
        found += f" pose proof (step_square {at} : {body} * {body} = {body})."
    return found
