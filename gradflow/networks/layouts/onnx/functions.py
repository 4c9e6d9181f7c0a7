"""The activations of ONNX' recurrent nodes, with their parameters."""

from __future__ import annotations

import numpy as np

from gradflow.errors import InputError
from gradflow.networks.formats.onnx import Node
from gradflow.networks.layouts.layout import require

__all__ = ["activations"]

_USUAL = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
# name: expression in a, with alpha and beta and their usual values
_FUNCTIONS: dict[str, tuple[str, float, float]] = {
    "sigmoid": ("sigmoid({a})", 0, 0),
    "tanh": ("tanh({a})", 0, 0),
    "relu": ("relu({a})", 0, 0),
    "hardsigmoid": ("Max(0, Min(1, {alpha} * {a} + {beta}))", 0.2, 0.5),
    "affine": ("{alpha} * {a} + {beta}", 1.0, 0.0),
    "leakyrelu": ("Piecewise(({a}, {a} > 0), ({alpha} * {a}, True))", 0.01, 0),
    "thresholdedrelu": ("Piecewise(({a}, {a} > {alpha}), (0, True))", 1.0, 0),
    "scaledtanh": ("{alpha} * tanh({beta} * {a})", 1.0, 1.0),
    "elu": ("Piecewise(({a}, {a} > 0), ({alpha} * (exp(Min({a}, 0)) - 1), True))", 1.0, 0),
    "softsign": ("{a} / (1 + Abs({a}))", 0, 0),
    "softplus": ("softplus({a})", 0, 0),
}
_WITH_ALPHA = ("hardsigmoid", "affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "elu")
_WITH_BETA = ("hardsigmoid", "affine", "scaledtanh")


def activations(node: Node, directions: int, where: str) -> list[tuple[str, ...]]:
    """Return the activations of a node by direction, each an expression in ``a``.

    Raises ``InputError`` for one that gradflow does not know and for a wrong number of them.
    """
    usual = _USUAL[node.operation]
    said = node.attributes.get("activations")
    names = [str(n).lower() for n in said] if said else [n.lower() for n in usual] * directions
    require(len(names) == len(usual) * directions, where, f"has {len(names)} activations")
    alphas = list(node.attributes.get("activation_alpha") or [])
    betas = list(node.attributes.get("activation_beta") or [])
    made = []
    for name in names:
        if name not in _FUNCTIONS:
            raise InputError(
                f"{where} has an activation that gradflow does not know; known are "
                f"{', '.join(_FUNCTIONS)}."
            )
        text, alpha, beta = _FUNCTIONS[name]
        alpha = alphas.pop(0) if name in _WITH_ALPHA and alphas else alpha
        beta = betas.pop(0) if name in _WITH_BETA and betas else beta
        made.append(text.replace("{alpha}", _number(alpha)).replace("{beta}", f"({_number(beta)})"))
    count = len(usual)
    return [tuple(made[d * count : (d + 1) * count]) for d in range(directions)]


def _number(value: float) -> str:
    """Return a float32 of a file in the fewest digits that are it."""
    return f"({np.format_float_positional(np.float32(value), trim='0')})"
