r"""How far the weights alone make an LSTM or a GRU contract, and how long it then takes to forget.

The comparison matrices are those of ``lstm.contracting`` and ``gru.contracting``: gates by their
largest values over ``|h| <= 1`` and the inputs of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, inf, log

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from gradflow.proofs.measuring.products import spectral

Floats = NDArray[np.float64]
EPSILON = 1e-3
"""A gradient that is smaller than this part of what it was is called forgotten."""

LEAST = 1e-9
"""The least weight of ``dh``, where nothing of it reaches ``dc``."""


@dataclass(frozen=True, kw_only=True)
class Contraction:
    """What a step does to changes of a state, from the weights alone.

    Parameters
    ----------
    rate
        What a step multiplies a weighted norm by, at most: under 1 it contracts.
    weight
        The weight ``w`` of ``dh`` beside ``dc``; 1 where the state has one part.
    height
        How large a cell state stays; 1 where there is none.
    """

    rate: float
    weight: float = 1.0
    height: float = 1.0


def lstm_contraction(params: Mapping[str, Floats], x: Floats, start: float = 0.0) -> Contraction:
    """Return the spectral radius of the LSTM's comparison matrix, and its weight.

    Inputs ``x`` are (steps, input); ``start`` bounds the cell state at the start.
    """
    i, f, o = (float(expit(gate_most(params, name, x))) for name in "ifo")
    shut = float(expit(-gate_most(params, "f", x)))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        height = max(float(np.divide(i, shut)), start)
        k = {name: spectral(params[f"U_{name}"]) for name in "ifog"}
        taken = height * k["f"] if k["f"] else 0.0
        b = taken / 4 + k["i"] / 4 + i * k["g"]
        matrix = np.array([[f, b], [o * f, o * b + k["o"] / 4]])
        if not np.isfinite(matrix).all():
            return Contraction(rate=inf, height=height)
        # the larger root of the characteristic polynomial, whose roots are real
        half = (matrix[0, 0] + matrix[1, 1]) / 2
        apart = (matrix[0, 0] - matrix[1, 1]) / 2
        rate = float(half + np.hypot(apart, np.sqrt(matrix[0, 1] * matrix[1, 0])))
    # the theorem needs a weight above 0, and its two conditions at that weight
    weight = max(float((rate - f) / (o * f)), LEAST)
    rate = max(f + weight * o * f, float((matrix[0, 1] + weight * matrix[1, 1]) / weight))
    return Contraction(rate=rate, weight=weight, height=height)


def gru_contraction(params: Mapping[str, Floats], x: Floats) -> Contraction:
    """Return what a step of a GRU multiplies the largest entry of a change by, at most."""
    z, r = (float(expit(gate_most(params, name, x))) for name in "zr")
    shut = float(expit(-gate_most(params, "z", x)))
    k = {name: row_sum(params[f"U_{name}"]) for name in "gzr"}
    return Contraction(rate=z + shut * (k["g"] * (r + k["r"] / 4)) + k["z"] / 2)


def gate_most(params: Mapping[str, Floats], gate: str, x: Floats) -> float:
    """Return the largest argument of a gate over ``|h| <= 1`` and the inputs, (steps, input)."""
    w, u, b = (np.asarray(params[f"{name}_{gate}"], np.float64) for name in "WUb")
    driven = (np.asarray(x, np.float64) @ w.T).max(0, initial=-np.inf) if len(x) else 0.0
    return float((driven + b + np.abs(u).sum(1)).max())


def row_sum(matrix: Floats) -> float:
    """Return the largest sum of magnitudes in a row."""
    return float(np.abs(matrix).sum(1).max())


def recovery(rate: float, epsilon: float = EPSILON) -> str:
    """Return in words after how many steps a rate under 1 leaves less than ``epsilon``."""
    steps = 1 if rate <= epsilon else ceil(log(epsilon) / log(rate))
    return f"recovery time: the rate {rate:.4g} is {epsilon:g} after {steps:,} steps"
