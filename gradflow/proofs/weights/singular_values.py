"""Certified bounds of the singular values of a concrete matrix, checked with whole numbers.

NumPy proposes a bound and a Cholesky factor; ``gradflow.proofs.algebra.integers`` decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array
from gradflow.errors import PrecisionError, UsageError
from gradflow.proofs.algebra.integers import dyadic, singular_fault

_BITS = 60
_SLACKS = (1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2)


@dataclass(frozen=True, repr=False)
class SingularBound:
    """``sigma_max(W) <= bound`` or ``sigma_min(W) >= bound``, with its certificate.

    ``evidence`` is plain data for :func:`gradflow.proofs.claims.evidence.check`; the matrix in it
    is the very array that was given, float for float.
    """

    side: str
    bound: Fraction
    evidence: dict[str, Any]

    def __repr__(self) -> str:
        """Return one line."""
        sign = "<=" if self.side == "max" else ">="
        return f"<SingularBound sigma_{self.side} {sign} {float(self.bound):.6g}>"

    def fault(self) -> str:
        """Return what is wrong with the certificate, ``""`` if nothing is."""
        return singular_fault(self.evidence)


def sigma_max(matrix: ArrayLike) -> SingularBound:
    """Certify an upper bound of the largest singular value of a matrix, close to it.

    Raises ``UsageError`` for what is no finite matrix.
    """
    array = _matrix(matrix)
    return _certify(array, "max", float(np.linalg.norm(array, 2)))


def sigma_min(matrix: ArrayLike) -> SingularBound:
    """Certify a lower bound of the smallest singular value: ``|W x| >= bound |x|`` for every x.

    For a matrix with more columns than rows that is 0. Raises ``UsageError`` for what is no finite
    matrix.
    """
    array = _matrix(matrix)
    wide = array.shape[0] < array.shape[1]
    found = 0.0 if wide else float(np.linalg.svd(array, compute_uv=False).min())
    return _certify(array, "min", found)


def _matrix(matrix: ArrayLike) -> NDArray[np.float64]:
    array = real_array(matrix, "singular values", "the matrix", finite=False)
    if array.ndim != 2 or not array.size or not np.isfinite(array).all():
        raise UsageError(
            f"singular values: an array of shape {array.shape} that is a finite matrix is needed; "
            "pass one with at least one row and column, without nan or inf."
        )
    return array


def _certify(array: NDArray[np.float64], side: str, value: float) -> SingularBound:
    rows, shift = dyadic(array.tolist())
    width = array.shape[1]
    gram = array.T @ array
    scale = float(np.abs(gram).max()) or 1.0
    sign = 1.0 if side == "max" else -1.0
    if not value:
        return _without_factor(rows, shift, side)
    for slack in _SLACKS:
        square = value**2 + sign * slack * scale
        if square <= 0:
            break
        bound = Fraction(float(np.sqrt(square)))
        inner = sign * (float(bound) ** 2 * np.eye(width) - gram)
        try:
            factor = np.linalg.cholesky(inner - 0.5 * slack * scale * np.eye(width)).T
        except np.linalg.LinAlgError:
            continue
        whole = [[round(x) for x in line] for line in np.ldexp(factor, _factor_bits(scale))]
        evidence = {
            "kind": "singular",
            "matrix": rows,
            "shift": shift,
            "side": side,
            "bound": str(bound),
            "factor": whole,
            "factor_shift": _factor_bits(scale),
        }
        if not singular_fault(evidence):
            return SingularBound(side, bound, evidence)
    if side == "min":
        return _without_factor(rows, shift, side)
    raise PrecisionError(
        "singular values: no certificate was found for this matrix; scale it so that its largest "
        "entry is about 1."
    )


def _without_factor(rows: list[list[int]], shift: int, side: str) -> SingularBound:
    """Return the bound 0, which needs no factor: of a zero matrix, or from below."""
    evidence = {
        "kind": "singular",
        "matrix": rows,
        "shift": shift,
        "side": side,
        "bound": "0",
        "factor": [],
        "factor_shift": 0,
    }
    return SingularBound(side, Fraction(0), evidence)


def _factor_bits(scale: float) -> int:
    """Return how many bits after the point the factor needs, 0 or more."""
    return max(0, _BITS - int(np.floor(np.log2(scale)) // 2))
