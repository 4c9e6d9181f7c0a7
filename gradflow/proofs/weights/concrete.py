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
from gradflow.cells.typeset import number_latex
from gradflow.proofs.bounding.step import bounds, facts_of
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.derivation import block_latex
from gradflow.proofs.claims.stating import texts, told
from gradflow.proofs.claims.typeset import PROSE, Letters
from gradflow.proofs.weights.singular_values import sigma_max
from gradflow.proofs.weights.values import map_array


def concrete(cell: Cell, params: Mapping[str, ArrayLike]) -> Claim | None:
    """Return the bound of every product of a cell's Jacobians for these weights, any input.

    ``None`` where the weights alone do not bound the step: the cell's bound needs the supremum of
    something that moves, such as the LSTM's ``c``, or a map whose norm is no float's.
    """
    derivation = bounds(cell)
    facts, letters = facts_of(cell), Letters(cell, derivation.expressions, PROSE)
    singular, given, norms = {}, {}, []
    for variable in derivation.variables:
        kind, name = variable
        if kind == "norm" and name in cell.linear_maps:
            if name not in params:
                return None
            found = sigma_max(map_array(cell, cell.linear_maps[name], params))
            singular[name] = found.evidence
            norms.append(rf"${letters.variable(variable)} \le {float(found.bound):.6g}$")
        elif kind == "sup" and facts.is_given(derivation.expressions[name]):
            height = _largest(cell, derivation.expressions[name], params)
            if height is None:
                return None
            given[name] = height
            norms.append(f"${letters.variable(variable)} = {float(height):.6g}$")
        else:
            return None
    data = evidence.weights(derivation, singular, given)
    rate = Fraction(data["rate"])
    shown = float(np.nextafter(float(rate), np.inf))
    one = derivation.bound is not None
    phrases = texts("any_cell")["phrases"]
    values = {
        "what": phrases["whole" if one else "parts"],
        "rate": number_latex(shown),
        "consequence": phrases["vanishes" if rate < 1 else "grows"],
    }
    blocks = [f"${block_latex(letters, b)}$" for b in derivation.blocks if b.terms]
    return Claim(
        name=f"{cell.name}.weights",
        cell=cell.name,
        hypotheses=tuple(norms),
        proof=(*blocks, f"column sums at these norms: at most {text_of(rate)}"),
        evidence=(data,),
        **told(texts("any_cell")["weights"], values),
    )


def text_of(rate: Fraction) -> str:
    """Return a fraction as a decimal rounded up."""
    digits = 12
    up = -(-rate.numerator * 10**digits // rate.denominator)
    return f"{up // 10**digits}.{up % 10**digits:0{digits}d}"


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
