r"""One block of the product of whole Jacobians, such as :math:`\partial c_t/\partial c_k`.

It is no product of blocks: every way through the other parts counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from gradflow.errors import UsageError, shown
from gradflow.spectra.numerics.largest import spectral_norms
from gradflow.spectra.numerics.logdomain import (
    ZERO_EXPONENT,
    Floats,
    as_steps,
    binary_exponent,
    log_magnitude,
    normalized,
    shifted,
)
from gradflow.spectra.products.singular_values import SingularValues, checked_lags, singular_values

# A part of the state seen at t, and a part of the state at k.
Block = tuple[str, str]


def block_slices(block: Block, parts: Mapping[str, slice], where: str) -> tuple[slice, slice]:
    """Return the rows and columns of a block. Raises ``UsageError`` for parts that are none."""
    known = ", ".join(parts)
    pair = isinstance(block, (tuple, list)) and len(block) == 2
    if not pair or not all(isinstance(part, str) and part in parts for part in block):
        raise UsageError(
            f"{where}: block is {shown(block)}; give two state parts of {known}: (of, by), such as "
            f"{(next(iter(parts)),) * 2}."
        )
    of, by = block
    return parts[of], parts[by]


def block_log_norms(blocks: Iterable[Floats], d: int, of: slice, by: slice) -> Floats:
    r"""Return log spectral norms (..., T + 1) of one block of ``P(T, T - lag)``, lag 0 first.

    ``blocks`` are step Jacobians (..., m, d, d), those of the last steps first; ``of`` are the
    block's rows, ``by`` its columns. Each column of the rows kept has a power of two of its own, so
    a block that falls beside one that grows is not lost.
    """
    columns = np.eye(d)[of]
    exponent = np.where(columns.any(axis=-2), 0, ZERO_EXPONENT)
    log_norm, start = [], None
    for step in itertools.chain([None], _backward(blocks)):
        if step is not None:
            reach = exponent[..., :, None] + binary_exponent(step)
            top = reach.max(axis=-2)
            top = np.where(top < ZERO_EXPONENT // 2, ZERO_EXPONENT, top)
            grown = columns @ shifted(step, exponent[..., :, None] - top[..., None, :])
            columns, shift = normalized(grown, axis=-2)
            some = columns.any(axis=-2)
            exponent = np.where(some, top + shift[..., 0, :], ZERO_EXPONENT)
        scale = exponent[..., by].max(axis=-1)
        found = shifted(columns[..., by], (exponent[..., by] - scale[..., None])[..., None, :])
        size, start = spectral_norms(found, start)
        norm = log_magnitude(size)
        log_norm.append(norm + np.where(np.isneginf(norm), 0, scale) * np.log(2))
    return np.stack(np.broadcast_arrays(*log_norm), axis=-1)


def _backward(blocks: Iterable[Floats]) -> Iterator[Floats]:
    """Yield the Jacobians (..., d, d) of single steps, the last first."""
    for block in blocks:
        steps = as_steps(block, "decay", batched=True)
        for t in range(steps.shape[-3] - 1, -1, -1):
            yield steps[..., t, :, :]


def block_singular_values(
    jacobians: Floats, of: slice, by: slice, lags: Sequence[int] | None
) -> SingularValues:
    """Return log singular values (..., m, least of the block's sizes) of blocks of ``P``.

    Those of the product with all other rows of its last Jacobian and all other columns of its
    first set to zero, which has no others but exact zeros. Arguments and errors as in
    :func:`gradflow.spectra.singular_values`; every lag has sweeps of its own.
    """
    *batch, count, width, _ = jacobians.shape
    lag = singular_values(jacobians, None).lag if lags is None else checked_lags(lags, count)
    least = min(of.stop - of.start, by.stop - by.start)
    log_sigma = np.full((*batch, len(lag), least), -np.inf)
    error = np.zeros(log_sigma.shape)
    rows, columns = np.zeros((width, 1)), np.zeros(width)
    rows[of], columns[by] = 1.0, 1.0
    for i, n in enumerate(lag):
        if n == 0:
            log_sigma[..., i, :] = 0.0 if of == by else -np.inf
            continue
        product = jacobians[..., count - int(n) :, :, :].copy()
        product[..., -1, :, :] *= rows
        product[..., 0, :, :] *= columns
        found = singular_values(product, [int(n)])
        log_sigma[..., i, :] = found.log_sigma[..., 0, :least]
        error[..., i, :] = found.error[..., 0, :least]
    return SingularValues(lag.astype(np.int64), log_sigma, error)
