"""``gf.certify``: one verb for what can be said about a run with certainty."""

from __future__ import annotations

from typing import overload

from gradflow.arrays import whole_number
from gradflow.given import instance, real_number, record
from gradflow.proofs.certified.along.products import CertifiedProducts, certify_products
from gradflow.proofs.certified.gradient.certified import CertifiedGradient, certify_gradient
from gradflow.proofs.certified.gradient.loss import Loss
from gradflow.proofs.certified.program.deriving import Stacked
from gradflow.spectra import Trajectory


@overload
def certify(run: Trajectory | Stacked, loss: None = None) -> CertifiedProducts: ...
@overload
def certify(
    run: Trajectory | Stacked, loss: Loss, *, digits: int = 6, seconds: float = 60.0
) -> CertifiedGradient: ...
def certify(
    run: Trajectory | Stacked,
    loss: Loss | None = None,
    *,
    digits: int = 6,
    seconds: float = 60.0,
) -> CertifiedProducts | CertifiedGradient:
    r"""Enclose what becomes of the gradient along one run, every rounding accounted for.

    The weights, the inputs and the initial state of the run are taken as exact, and what is
    enclosed is what real arithmetic makes of them. The states are computed anew.

    Parameters
    ----------
    run
        Of one cell or of stacked layers, without batch axes.
    loss
        Without it, the product of step Jacobians over every window of steps,
        :math:`\|P(t, k)\|_2`. With a loss, its gradient by the state after every step and by every
        array of parameters.
    digits
        Digits of the gradient's norm at every lag; more take more precision.
    seconds
        What the gradient of a loss may take, by an estimate made before the work at each precision
        begins: an LSTM of 32 units over 100 steps takes 3 to 15.

    Raises
    ------
    UsageError
        For a batch, for weights that change by step, for a loss that does not fit the run, or a
        function for which no rule is known; at once where the gradient would take about more than
        ``seconds``, with what it takes.
    PrecisionError
        Where a unit sits on a kink, or no allowed precision gives the digits.

    Examples
    --------
    >>> import gradflow as gf
    >>> cell = gf.cells.lstm
    >>> run = gf.run(cell, cell.init(hidden=4, inputs=2, rng=0), [[1.0, 0.0]] * 20)
    >>> bound = gf.certify(run)
    >>> bool(abs(bound.upper - bound.lower).max() < 1e-6)
    True
    """
    analysed = record(run, "certify: run", ("require_single", "parts", "steps"), "run")
    if loss is None:
        return certify_products(analysed)
    instance(loss, "certify: loss", Loss, "gf.proofs.Loss")
    count = whole_number(digits, "certify: digits", 1, 100)
    allowed = real_number(seconds, "certify: seconds", least=0.0)
    return certify_gradient(analysed, loss, digits=count, seconds=allowed)
