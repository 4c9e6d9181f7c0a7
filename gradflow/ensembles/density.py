r"""The whole spectrum of exponents of an infinitely wide network whose step is ``diag W diag``.

The steps :math:`D_t W` of a product are free of each other as the units grow, so the singular
values of long products follow from the S-transform of one step (U. Haagerup, H. Schultz, Publ.
Math. IHES 109 (2009) 19; for networks: J. Pennington, S. Schoenholz, S. Ganguli, NeurIPS 2017). At
rank fraction x,

.. math::  \lambda(x) = \ln\sigma + \tfrac12\ln(1-x) - \tfrac12\ln S_{D^2}(-x)

for a Gaussian W; a Haar-orthogonal one has no :math:`\ln(1-x)`, since it bends no direction.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from gradflow.arrays import real_array
from gradflow.ensembles.closed.equations import Equations, equations
from gradflow.ensembles.closed.moments import FixedPoint, fixed_point
from gradflow.ensembles.closed.notclosed import NotClosedError
from gradflow.ensembles.fields import Floats
from gradflow.ensembles.numeric import numeric
from gradflow.ensembles.theory import START, MeanField
from gradflow.errors import UsageError
from gradflow.given import instance

__all__ = ["exponents_by_rank"]

_WHERE = "exponents_by_rank"
# Even numbers, so that no node is at a kink at 0.
_NODES, _REACH = 8000, 10.0


def exponents_by_rank(theory: MeanField, ranks: ArrayLike) -> Floats:
    """Return the exponents (m,) at rank fractions (m,): 0 the largest, 0.5 the median direction.

    Parameters
    ----------
    theory
        What :func:`gradflow.mean_field` returned, of a cell with one state part whose Jacobian is
        one term ``diag(d0) W diag(d1)``. Whether W is orthogonal follows from its law.
    ranks
        From 0 to below 1.

    Raises
    ------
    UsageError
        Another Jacobian, a gain that depends on the state as well as on one field, or ranks out
        of range.

    Examples
    --------
    >>> import gradflow as gf
    >>> linear = gf.Cell(name="linear", state="h", maps="U", equations="h_next = U @ h")
    >>> exponents_by_rank(gf.mean_field(linear), [0.1, 0.5]).round(4)  # ln(1 - x) / 2
    array([-0.0527, -0.3466])
    """
    theory = instance(theory, f"{_WHERE}: theory", MeanField, "gradflow.mean_field")
    at = real_array(ranks, _WHERE, "ranks", many=True)
    if ((at < 0) | (at >= 1)).any():
        raise UsageError(f"{_WHERE}: ranks must lie from 0 to below 1.")
    try:
        made = equations(theory.laws)
        gains, weights, name = _gains(made, fixed_point(made, START))
    except NotClosedError as why:
        raise UsageError(
            f"{_WHERE}: cell {theory.cell.name!r}: {why}; exponents by rank are known for a "
            "Jacobian diag(d0) W diag(d1) alone."
        ) from None
    law = theory.laws.maps[name]
    found = [_exponent(gains, weights, float(x)) for x in at.ravel()]
    bend = 0.0 if law.orthogonal else 0.5 * np.log1p(-at)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(law.sigma) + bend + np.reshape(found, at.shape))


def _gains(made: Equations, at: FixedPoint) -> tuple[Floats, Floats, str]:
    """Return the law of the product of a step's diagonals, by nodes and weights, and its map."""
    chains = [c for found in made.terms.values() for c in found]
    if len(made.states) != 1 or len(chains) != 1 or len(chains[0][1]) != 1:
        raise NotClosedError("its Jacobian has other terms")
    (left, right), (name,) = chains[0]
    gain = left * right.xreplace(made.next)
    names = sorted(gain.free_symbols & set(made.variables), key=str)
    if gain.free_symbols & set(made.states) or len(names) > 1:
        raise NotClosedError("the gain of a unit is no function of one normal variable")
    z = np.linspace(-_REACH, _REACH, _NODES)
    weights = np.exp(-z * z / 2)
    sd = math.sqrt(at.scene.covariance(names[0], names[0])) if names else 0.0
    values = numeric(gain, tuple(names))(*([sd * z] if names else []))
    return np.abs(np.broadcast_to(values, z.shape)), weights / weights.sum(), name


def _exponent(gains: Floats, weights: Floats, rank: float) -> float:
    """Return ``-ln S(-rank) / 2`` of the law of squared gains; ``-inf`` where none are left."""
    alive = gains > 0
    share = weights[alive].sum()
    if rank >= share * (1 - 1e-12):
        return -math.inf
    squares, w = 2 * np.log(gains[alive]), weights[alive]
    if rank == 0:
        most = float(squares.max())
        return 0.5 * (float(np.log(w @ np.exp(squares - most))) + most)

    def surplus(shift: float) -> float:
        return float(w @ (1 / (1 + np.exp(-np.clip(shift + squares, -700, 700))))) - rank

    shift = brentq(surplus, -squares.max() - 60, -squares.min() + 60, xtol=1e-13)
    return -0.5 * (float(shift) + math.log((1 - rank) / rank))
