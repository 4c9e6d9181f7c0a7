"""A certified statement about given weights: how fast any gradient can grow or must decay."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from gradflow.arrays import real_array
from gradflow.cells.cell import Cell
from gradflow.cells.language.spaces import ONE
from gradflow.proofs.algebra.polynomial import fraction_from_json
from gradflow.proofs.bounding.step import bounds, facts_of
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.seal import plain_declaration
from gradflow.proofs.claims.weighing import weighted_texts, weights_texts
from gradflow.proofs.theorems.any_cell import assumed_of_a_run
from gradflow.proofs.weights.diagonal_norm import certify_diagonal, diagonal_norm
from gradflow.proofs.weights.singular_values import sigma_max
from gradflow.proofs.weights.values import map_array

_GAIN = Fraction(999, 1000)
"""A weighted norm that is smaller by less than this is not worth a claim of its own."""


def concrete(cell: Cell, params: Mapping[str, ArrayLike]) -> Claim | None:
    """Return the bound of every product of a cell's Jacobians for these weights, any input.

    ``None`` where the weights alone do not bound the step: the cell's bound needs the supremum of
    something that moves, such as the LSTM's ``c``, or a map whose norm is no float's; and where the
    cell's bound is not stated.
    """
    derivation = bounds(cell)
    facts = facts_of(cell)
    singular, given = {}, {}
    for kind, name in derivation.variables:
        if kind == "norm" and name in cell.linear_maps:
            if name not in params:
                return None
            singular[name] = sigma_max(map_array(cell, cell.linear_maps[name], params)).evidence
        elif kind == "sup" and facts.is_given(derivation.expressions[name]):
            height = _largest(cell, derivation.expressions[name], params)
            if height is None:
                return None
            given[name] = height
        else:
            return None
    assumes = assumed_of_a_run(cell)
    if assumes is None:
        return None
    data = evidence.weights(derivation, singular, given, assumes)
    return Claim(
        name=f"{cell.name}.weights",
        cell=cell.name,
        title="these weights",
        evidence=(data,),
        declaration=plain_declaration(cell.declaration),
        **weights_texts(data),
    )


def weighted(cell: Cell, params: Mapping[str, ArrayLike], plain: Claim | None) -> Claim | None:
    """Return the bound in the diagonal norm in which the cell's one map is smallest, any input.

    ``plain`` is what :func:`concrete` returned. ``None`` where a step has several maps, and where a
    norm is of no use: no certificate was found, the bound allows growth, or it is no better than
    that of ``plain``.
    """
    derivation = bounds(cell)
    names = {m for block in derivation.blocks for term in block.terms for m in term.maps}
    if len(derivation.states) != 1 or len(names) != 1:
        return None
    (name,) = names
    if plain is None or derivation.variables != (("norm", name),):
        return None
    (said,) = plain.evidence
    matrix = map_array(cell, cell.linear_maps[name], params)
    found = certify_diagonal(matrix, diagonal_norm(matrix).q)
    if found is None or found[0] >= _GAIN * fraction_from_json(said["singular"][name]["bound"]):
        return None
    data = evidence.weighted(derivation, found[1], said["assumes"])
    if fraction_from_json(data["rate"]) >= 1:
        return None
    return Claim(
        name=f"{cell.name}.diagonal",
        cell=cell.name,
        title=r"these weights, in a diagonal norm",
        evidence=(data,),
        declaration=plain_declaration(cell.declaration),
        **weighted_texts(data),
    )


def _largest(cell: Cell, expression: sp.Expr, params: Mapping[str, ArrayLike]) -> Fraction | None:
    """Return ``max |expression|`` over units, exactly, for an expression in given numbers."""
    names = sorted(expression.free_symbols, key=str)
    where = f"cell {cell.name!r}"
    arrays = {n: np.atleast_1d(real_array(params[n.name], where, n.name)) for n in names}
    lengths = {a.size for n, a in arrays.items() if cell.spaces[n.name] != ONE}
    best = Fraction(0)
    for unit in range(max(lengths, default=1)):
        values = {n: sp.Rational(Fraction(float(a[unit % a.size]))) for n, a in arrays.items()}
        value = sp.expand(expression.xreplace(values))
        if not value.is_Rational:
            return None
        best = max(best, abs(Fraction(int(value.p), int(value.q))))
    return best
