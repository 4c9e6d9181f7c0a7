r"""The diagonal norm in which a matrix is smallest: ``min over q of |Q W Q^-1|_2``.

It need not be smooth in ``log q`` and has no spurious minima (it is the upper bound of the
structured singular value: Sezginer & Overton, IEEE Trans. Automatic Control 35, 1990), so a descent
from the best of a few known weights finds it. Nothing found here has to be believed: the bound is
certified in whole numbers, or was proved for any weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import matrix_balance
from scipy.optimize import minimize

from gradflow.arrays import real_array
from gradflow.codegen.over_time import one_thread
from gradflow.errors import UsageError
from gradflow.proofs.algebra.integers import dyadic, singular_fault

Floats = NDArray[np.float64]

_SPAN = 2.0**24
"""The largest ratio of two weights: beyond it the factor in front of the rate says nothing."""
_CALLS = 150
"""How often the descent looks at the norm: later it gains in the fourth digit."""
_DIGITS, _BITS = 20, 60
_SLACKS = (1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2)


@dataclass(frozen=True, repr=False)
class DiagonalNorm:
    """Weights ``q``, (n,), least 1, and ``value``: the largest singular value of ``Q W Q^-1``."""

    q: Floats
    value: float

    def __repr__(self) -> str:
        """Return one line."""
        return f"<DiagonalNorm {self.value:.6g}, weights from 1 to {self.spread:.4g}>"

    @property
    def spread(self) -> float:
        """The largest weight over the smallest, the factor in front of the rate."""
        return float(self.q.max() / self.q.min())


def diagonal_norm(matrix: ArrayLike) -> DiagonalNorm:
    """Return weights in whose norm a square matrix is as small as diagonal weights make it.

    Raises ``UsageError`` for what is no finite square matrix.

    Examples
    --------
    >>> diagonal_norm([[0.5, 4.0], [0.0, 0.5]]).value < 0.51
    True
    """
    w = real_array(matrix, "diagonal norm", "the matrix")
    if w.ndim != 2 or w.shape[0] != w.shape[1] or not w.size:
        raise UsageError(
            f"diagonal norm: an array of shape {w.shape} has no weights on both sides; pass a "
            "square matrix with at least one row."
        )
    return _smallest(w.tobytes(), len(w))


@lru_cache(maxsize=1)
def _smallest(data: bytes, size: int) -> DiagonalNorm:
    """Return it; a theorem about any weights and the claim about these ask one after the other."""
    w = np.frombuffer(data).reshape(size, size)
    starts = [np.zeros(len(w)), *_known(w)]
    best = min(starts, key=lambda logs: _norm(logs, w)[0])
    scale = _norm(best, w)[0]
    if scale > 0:
        with one_thread():
            found = minimize(
                _norm,
                best,
                args=(w / scale,),
                jac=True,
                method="L-BFGS-B",
                options={"maxfun": _CALLS},
            )
        starts.append(_held(found.x))
    best = min(starts, key=lambda logs: _norm(logs, w)[0])
    q = _short(np.exp(best - best.min()))
    q.flags.writeable = False
    return DiagonalNorm(q, float(np.linalg.norm(q[:, None] * w / q, 2)))


def certify_diagonal(matrix: ArrayLike, q: Floats) -> tuple[Fraction, dict[str, Any]] | None:
    """Return a certified ``rho`` with ``|Q W v| <= rho |Q v|``, and its evidence.

    ``None`` where no certificate was found. The weights must be short floats, as
    :func:`diagonal_norm` returns them.
    """
    w = np.asarray(matrix, np.float64)
    inner = q[:, None] * w / q
    gram = inner.T @ inner
    rows, shift = dyadic(w.tolist())
    (weights,), weight_shift = dyadic([q.tolist()])
    top = float(np.linalg.norm(inner, 2))
    for slack in _SLACKS if top > 0 else ():
        bound = Fraction(float(top * np.sqrt(1 + slack)))
        rest = float(bound) ** 2 * np.eye(len(w)) - gram - 0.5 * slack * top**2 * np.eye(len(w))
        try:
            factor = np.linalg.cholesky(rest).T * q
        except np.linalg.LinAlgError:
            continue
        bits = _BITS - int(np.floor(np.log2(top)))
        evidence = {
            "kind": "singular",
            "matrix": rows,
            "shift": shift,
            "side": "max",
            "bound": str(bound),
            "factor": [[round(x) for x in line] for line in np.ldexp(factor, bits)],
            "factor_shift": bits,
            "weights": weights,
            "weight_shift": weight_shift,
        }
        if bits >= 0 and not singular_fault(evidence):
            return bound, evidence
    return None


def _norm(logs: Floats, w: Floats) -> tuple[float, Floats]:
    """Return the norm of ``Q W Q^-1`` at ``log q``, and its derivative by these."""
    held = _held(logs)
    q = np.exp(held - held.min())
    left, values, right = np.linalg.svd(q[:, None] * w / q)
    slope = values[0] * (left[:, 0] ** 2 - right[0] ** 2)
    return float(values[0]), np.where(held == logs, slope, 0.0)


def _held(logs: Floats) -> Floats:
    """Return logarithms of weights whose ratio is within ``_SPAN``."""
    middle = np.median(logs)
    return np.asarray(np.clip(logs, middle - np.log(_SPAN) / 2, middle + np.log(_SPAN) / 2))


def _known(w: Floats) -> list[Floats]:
    """Return weights that do well: balanced rows and columns, and the Perron vectors of ``|W|``."""
    found = []
    scale = matrix_balance(w, permute=False, separate=True)[1][0]
    if np.isfinite(scale).all() and (scale > 0).all():
        found.append(_held(-np.log(scale)))
    values, right = np.linalg.eig(np.abs(w))
    left_values, left = np.linalg.eig(np.abs(w).T)
    r = np.abs(right[:, np.argmax(values.real)].real)
    s = np.abs(left[:, np.argmax(left_values.real)].real)
    if (r > 0).all() and (s > 0).all():
        found.append(_held(0.5 * (np.log(s) - np.log(r))))
    return found


def _short(q: Floats) -> Floats:
    """Return weights of few binary digits, so that the certificate stays short."""
    mantissa, exponent = np.frexp(q / q.min())
    return np.asarray(np.ldexp(np.round(np.ldexp(mantissa, _DIGITS)), exponent - _DIGITS))
