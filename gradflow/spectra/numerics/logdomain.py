"""Scale kept apart from direction, so that nothing underflows (``0.25**T`` is 0 at T = 538).

A vector is a unit vector and the natural log of its length; a matrix is a matrix of modest entries
and whole powers of two. Scaling by a power of two rounds nothing. A length of exactly zero has the
logarithm ``-inf`` and the direction zero, without a warning.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array, real_numbers
from gradflow.errors import UsageError
from gradflow.spectra.numerics.largest import spectral_norms

Floats = NDArray[np.float64]
Exponents = NDArray[np.int64]

# Far below every exponent a product can reach, and still safe to add and subtract in 64 bits.
ZERO_EXPONENT = -(2**60)


def as_steps(jacobians: ArrayLike, where: str, batched: bool = False) -> Floats:
    """`jacobians` as a float64 array (T, d, d), or (..., T, d, d) where `batched`.

    Raises
    ------
    UsageError
        If the shape is another, d is 0, or an entry is complex, not a number or not finite.
    """
    given = real_numbers(jacobians, where, "step Jacobians", many=True)
    shape = given.shape
    allowed = "(..., T, d, d)" if batched else "(T, d, d)"
    ranked = len(shape) >= 3 if batched else len(shape) == 3
    if not ranked or shape[-1] != shape[-2] or shape[-1] == 0:
        raise UsageError(
            f"{where}: the step Jacobians have shape {shape}, and {allowed} with d >= 1 is allowed;"
            " stack one square matrix a step, first step first"
        )
    return real_array(given, where, "step Jacobians", many=True)


def log_magnitude(x: ArrayLike) -> Floats:
    """Natural log of ``|x|``, entry by entry; ``-inf`` where x is exactly zero."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.abs(x)), dtype=np.float64)


def binary_exponent(x: Floats) -> Exponents:
    """The integer e with ``2^(e-1) <= |x| < 2^e``, entry by entry; `ZERO_EXPONENT` where x is 0."""
    _, exponent = np.frexp(x)
    return np.where(x == 0, ZERO_EXPONENT, exponent.astype(np.int64))


def shifted(x: Floats, exponent: Exponents) -> Floats:
    """``x * 2^exponent``: exact, but for results under 2^-1022, which round to zero."""
    return np.ldexp(x, np.clip(exponent, -2200, 2200).astype(np.int32))


def normalized(x: Floats, axis: int | tuple[int, ...]) -> tuple[Floats, Exponents]:
    """``(y, e)`` with ``x = y * 2^e`` exactly, where max |y| over `axis` is in [1/2, 1) or 0.

    `e` keeps the axes in `axis` with length 1, and is 0 where x is zero all over them.
    """
    exponent = binary_exponent(np.abs(x).max(axis=axis, keepdims=True, initial=0.0))
    exponent = np.where(exponent == ZERO_EXPONENT, 0, exponent)
    return shifted(x, -exponent), exponent


def unit_rows(rows: ArrayLike) -> tuple[Floats, Floats]:
    """Direction and log length of vectors: rows (..., d) -> unit (..., d), log_norm (...).

    ``rows = unit * exp(log_norm)``, in natural log; a zero vector gives zeros and ``-inf``.
    """
    modest, exponent = normalized(np.asarray(rows, dtype=np.float64), axis=-1)
    norm = np.linalg.norm(modest, axis=-1)
    unit = modest / np.where(norm == 0, 1.0, norm)[..., None]
    return unit, log_magnitude(norm) + exponent[..., 0] * np.log(2)


def row_products(jacobians: ArrayLike, covector: ArrayLike) -> tuple[Floats, Floats]:
    """The gradient ``g P(T, T - lag)`` for lag = 0..T, as direction and natural log of its length.

    Parameters
    ----------
    jacobians : (..., T, d, d)
        Step Jacobians ``J_1 .. J_T``, first step first.
    covector : (..., d)
        The row g, such as ``dL/ds_T``; broadcasts against the leading axes of `jacobians`.

    Returns
    -------
    unit : (..., T + 1, d)
        ``g P(T, T - lag) / |g P(T, T - lag)|``, lag 0 first; zeros where the gradient is zero.
    log_scale : (..., T + 1)
        ``log |g P(T, T - lag)|``, Euclidean length; ``-inf`` where the gradient is exactly zero.

    Raises
    ------
    UsageError
        If the shapes do not fit, or an entry is not finite.
    """
    where = "row_products"
    steps, exponents = normalized(as_steps(jacobians, where, batched=True), axis=(-1, -2))
    first = real_array(covector, where, "covector's entries", many=True)
    length, d = steps.shape[-3:-1]
    try:
        batch = np.broadcast_shapes((*steps.shape[:-3], d), first.shape)[:-1]
    except ValueError:
        batch = ()
    if first.shape[-1:] != (d,) or len(batch) < steps.ndim - 3:
        raise UsageError(
            f"{where}: the covector has shape {first.shape} and the step Jacobians {steps.shape},"
            f" and a covector (..., {d}) whose leading axes broadcast is allowed;"
            " give one row a trajectory"
        )
    rows = np.empty((*batch, length + 1, d))
    total = np.zeros((*batch, length + 1), dtype=np.int64)
    rows[..., 0, :], shift = normalized(np.broadcast_to(first, (*batch, d)), axis=-1)
    total[..., 0] = shift[..., 0]
    for lag in range(1, length + 1):
        row = rows[..., lag - 1, None, :] @ steps[..., length - lag, :, :]
        rows[..., lag, :], shift = normalized(row[..., 0, :], axis=-1)
        total[..., lag] = total[..., lag - 1] + shift[..., 0] + exponents[..., length - lag, 0, 0]
    unit, log_norm = unit_rows(rows)
    return unit, log_norm + total * np.log(2)


def log_norms_of_products(jacobians: ArrayLike) -> Floats:
    """``log ||P(T, T - lag)||_2`` for lag = 0..T: (..., T, d, d) -> (..., T + 1).

    The natural log of the leading singular value, lag 0 (the identity, so 0.0) first; ``-inf``
    where the product is exactly zero. The running product is kept with its largest entry near 1.
    Its smaller singular values are lost to rounding; `singular_values` has all of them.

    Raises
    ------
    UsageError
        If the shape is not (..., T, d, d) with d >= 1, or an entry is not finite.
    """
    given = as_steps(jacobians, "log_norms_of_products", batched=True)
    return log_norms_backward([given])


def log_norms_backward(blocks: Iterable[Floats]) -> Floats:
    """The same of step Jacobians in blocks (..., m, d, d), the block of the last steps first."""
    log_norms: list[Floats] = []
    product: Floats | None = None
    start: Floats | None = None
    total = np.zeros((), dtype=np.int64)
    for block in blocks:
        given = as_steps(block, "log_norms_of_products", batched=True)
        *batch, length, d, _ = given.shape
        if product is None:
            product = np.broadcast_to(np.eye(d), (*batch, d, d))
            log_norms.append(np.zeros(batch))
        for back in range(1, length + 1):
            step, exponent = normalized(given[..., length - back, :, :], axis=(-1, -2))
            product, shift = normalized(product @ step, axis=(-1, -2))
            total = total + shift[..., 0, 0] + exponent[..., 0, 0]
            norm, start = spectral_norms(product, start)
            log_norms.append(log_magnitude(norm) + total * np.log(2))
    return np.stack(log_norms, axis=-1)
