"""Frames that are never formed: Q as LAPACK's reflections, its rows perhaps sorted, or an L.

Long rows go first into a QR: reflections then do not add a long row's error to a short row.

What the first k columns of a frame span is all that matters to growth rates, and is the same
whichever triangular factor is taken out. So between two orthonormal frames stands the cheaper L of
an LU with partial pivoting, which is as good as always well conditioned (Stewart).

Sources: R. Schreiber, C. Van Loan, SIAM J. Sci. Stat. Comput. 10 (1989) 53 (compact WY); A. J. Cox,
N. J. Higham, Proc. 17th Dundee Conf. Numer. Anal. (1998) 57 (QR, row by row); F. L. Bauer, Z.
angew. Math. Phys. 8 (1957) 214 (frames by LU); G. W. Stewart, IMA J. Numer. Anal. 17 (1997) 7.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from gradflow.spectra.numerics.logdomain import Exponents, Floats

# LAPACK's compact WY form is the faster one from the first size on; its blocks grow at the others.
_COMPACT, _WIDE, _WIDEST = 48, 200, 700
# Random vectors that sound an inverse. Not signs: two equal rows cancel one probe in two.
_PROBES = 3


class Reflections(NamedTuple):
    """An orthogonal matrix (d, d) as LAPACK left it: ``geqrt``'s V and T, or ``geqrf``'s.

    Above V stands R of the QR that made it. With an `order` (d,), the QR was that of the rows in
    this order, and the orthogonal matrix is the one with its rows put back.
    """

    reflectors: Floats
    factor: Floats
    order: NDArray[np.intp] | None = None


class Eliminated(NamedTuple):
    """A well-conditioned matrix (d, d) that is no orthogonal one: ``getrf``'s L, rows put back.

    Above L stands U of the LU that made it; row k of L is row ``order[k]`` of the matrix.
    """

    factors: Floats
    order: NDArray[np.intp]


Frame = Floats | Reflections
SquareFrame = Frame | Eliminated


def applied(matrix: Floats, frame: SquareFrame) -> Floats:
    """``matrix @ Q``, (d, d) in Fortran's order, which may be overwritten."""
    if isinstance(frame, Reflections):
        v, factor = frame.reflectors, frame.factor
        if frame.order is not None:
            matrix = matrix.T.take(frame.order, axis=0).T
        if factor.ndim == 1:
            work = 64 * len(v)
            return np.asarray(lapack.dormqr("R", "N", v, factor, matrix, work, overwrite_c=1)[0])
        return np.asarray(lapack.dgemqrt(v, factor, matrix, side="R", trans="N", overwrite_c=1)[0])
    if isinstance(frame, Eliminated):
        return lowered(matrix.T, frame, np.empty((len(matrix), len(matrix))))
    matrix[...] = matrix @ frame
    return matrix


def lowered(product: Floats, frame: Eliminated, into: Floats) -> Floats:
    """``product.T @ L``, of a product (d, d) in C's order; it is the transpose of `into`."""
    product.take(frame.order, 0, into, "clip")  # any other mode would make a copy
    blas.dtrmm(1.0, frame.factors, into.T, 1, 1, 0, 1, overwrite_b=1)
    return into.T


def reflected(matrix: Floats) -> Reflections:
    """The Q of a QR, whose R is left above the reflectors: in place, in Fortran's order."""
    d = len(matrix)
    if d < _COMPACT:
        v, tau, _, _ = lapack.dgeqrf(matrix, lwork=64 * d, overwrite_a=1)
        return Reflections(v, tau)
    block = 8 if d < _WIDE else 24 if d < 400 else 48 if d < _WIDEST else 64
    v, t, _ = lapack.dgeqrt(block, matrix, overwrite_a=1)
    return Reflections(v, t)


def eliminated(matrix: Floats) -> Eliminated:
    """The L of an LU, whose U is left above it: in place, in Fortran's order."""
    factors, swaps, _ = lapack.dgetrf(matrix, overwrite_a=1)
    order = lapack.dlaswp(_places(len(matrix)), swaps)
    return Eliminated(factors, order[:, 0].astype(np.intp))


@cache
def _places(d: int) -> Floats:
    return np.arange(d, dtype=np.float64)[:, None]


def formed(frame: SquareFrame, d: int) -> Floats:
    """Q (d, d) itself."""
    return applied(np.eye(d, order="F"), frame)


def sorted_rows(image: Floats, part: Exponents) -> tuple[Floats, NDArray[np.intp]]:
    """``diag(2^part) image`` with its rows in descending order of `part`, and that order."""
    order = np.argsort(-part, kind="stable")
    across = image.T.take(order, axis=1)
    across *= np.ldexp(1.0, part[order])
    return across.T, order


@cache
def probes(d: int) -> Floats:
    """Three Gaussian vectors (d, 3), the same ones always."""
    return np.asfortranarray(np.random.default_rng(1).standard_normal((d, _PROBES)))


def inverse_columns(frame: Reflections) -> Floats:
    """About the lengths (d,) of the columns of ``R^-1``, from three random left sides.

    The diagonal of R may belie them by any factor (W. Kahan, Canad. Math. Bull. 9 (1966) 757).
    """
    z = blas.dtrsm(1.0, frame.reflectors, probes(len(frame.reflectors)), trans_a=1)
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", z, z)))


def inverse_norm(frame: Reflections, part: Exponents, order: NDArray[np.intp]) -> float:
    """About ``|Y^-1|`` where ``diag(2^part) Y Q0 = Q R``, by rows in `order`; three right sides."""
    right = probes(len(part)).T.take(order, axis=1)
    right *= np.ldexp(1.0, part[order])
    v, factor = frame.reflectors, frame.factor
    if factor.ndim == 1:
        found = lapack.dormqr("L", "T", v, factor, right.T, 64 * len(v), overwrite_c=1)[0]
    else:
        found = lapack.dgemqrt(v, factor, right.T, trans="T", overwrite_c=1)[0]
    z = blas.dtrsm(1.0, v, found, overwrite_b=1)
    return math.sqrt(float(np.einsum("ij,ij->j", z, z).max()))
