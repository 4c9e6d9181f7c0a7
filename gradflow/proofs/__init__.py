"""PROVE: bounds with certificates anyone can re-check, and Coq files that only apply lemmas.

A statement has one of four levels, printed verbatim: ``PROVED`` (Coq accepted the file and the
axioms it rests on are allowed), ``CERTIFIED`` (exact arithmetic, re-checkable without SymPy),
``CORROBORATED`` (two independent solvers agree), ``OBSERVED`` (floating point). Of random networks
of infinitely many units there are statements of a lower level, ``DERIVED``: an argument is written
out beside them, and no program has checked it.
"""

from __future__ import annotations

from gradflow.lazy import lazily

# Loaded when first used: verifying a bundle must not load SymPy.
_HOME = {
    "Card": "cards.card",
    "CertifiedGradient": "certified.gradient.certified",
    "CertifiedProducts": "certified.along.products",
    "Claim": "claims.claim",
    "Derived": "wide.statement",
    "Loss": "certified.gradient.loss",
    "Condition": "measuring.margin",
    "Margin": "measuring.margin",
    "Premise": "coq.scripts",
    "Theorem": "coq.scripts",
    "TheoremSet": "theorems",
    "after_boxes": "coq.files",
    "after_recurrence": "coq.files",
    "after_upper": "coq.files",
    "attack": "claims.refute",
    "bound_above": "weights.along",
    "bound_below": "weights.along",
    "bounds": "bounding.step",
    "box_bound": "weights.boxes",
    "card": "cards.card",
    "carousel": "bounding.carousels",
    "carousel_invariant": "bounding.invariants",
    "certify": "certified.certifying",
    "certify_bound": "claims.refute",
    "derived": "wide.carousel_floor",
    "enclose": "weights.enclosing",
    "forget_bias_for": "bounding.forget_bias",
    "gradient_claim": "certified.theorem.claim",
    "prove": "proving",
    "register_theorems": "theorems",
    "sigma_max": "weights.singular_values",
    "sigma_min": "weights.singular_values",
    "unit_invariants": "bounding.invariants",
    "verify": "claims.verify",
    "write": "claims.bundle",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
