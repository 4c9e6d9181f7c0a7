"""What is measured on products of the steps of a run, whatever range their entries have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradflow.spectra.beyond.factors import factored
from gradflow.spectra.decay.blocks import (
    Block,
    block_log_norms,
    block_singular_values,
    block_slices,
)
from gradflow.spectra.decay.decay import Decay, matrix_decay, product_decay
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.products.eigenvalues import ProductEigenvalues, product_eigenvalues
from gradflow.spectra.products.singular_values import SingularValues, singular_values


def decay(run: Linearised, block: Block | None) -> Decay:
    r"""Return the decay of :math:`\|P(T, T-\ell)\|_2`, or of one block of the product."""
    steps = factored(run)
    if block is None:
        found = product_decay(steps.matrices, f"{run.name}: product of Jacobians")
    else:
        of, by = block_slices(block, run.parts, "decay")
        quantity = rf"\|\partial {block[0]}_t / \partial {block[1]}_k\|_2"
        label = f"{run.name}: block ({block[0]}, {block[1]}) of the product"
        logs = block_log_norms([steps.matrices], steps.matrices.shape[-1], of, by)
        found = matrix_decay(logs, quantity, label)
    log_norm = found.log_norm[..., :: steps.each]
    return replace(found, lag=np.arange(run.steps + 1), log_norm=log_norm)


def values(run: Linearised, lags: Sequence[int] | None, block: Block | None) -> SingularValues:
    """Return log singular values of ``P(T, T - lag)``, or of one block of it."""
    place = None if block is None else block_slices(block, run.parts, "singular_values")
    steps = factored(run)
    wanted = steps.lags(lags, run.steps)
    if place is None:
        found = singular_values(steps.matrices, wanted)
        least = run.width
    else:
        found = block_singular_values(steps.matrices, *place, wanted)
        least = found.log_sigma.shape[-1]
    if steps.each == 1:
        return found
    log_sigma, error = found.log_sigma[..., :least], found.error[..., :least]
    return SingularValues(found.lag // steps.each, log_sigma, error)


def eigenvalues(run: Linearised, lag: int) -> ProductEigenvalues:
    """Return the eigenvalues of ``P(T, T - lag)``."""
    steps = factored(run, run.steps - lag)
    found = product_eigenvalues(steps.matrices)
    count = run.width
    return ProductEigenvalues(
        found.log_abs[..., :count], found.phase[..., :count], found.error[..., :count]
    )
