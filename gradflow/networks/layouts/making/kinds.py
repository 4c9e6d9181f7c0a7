"""The cells of trained layers: those of the library, and their variants by what a file says.

An activation of a variant acts on a pre-activation that has a name of its own, so that a clipped or
piecewise one stays readable.
"""

from __future__ import annotations

from functools import lru_cache

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.cells.library.rnn import rnn_with
from gradflow.errors import InputError

__all__ = ["ACTIVATIONS", "activated", "gru_cell", "lstm_cell", "minimal_cell", "rnn_cell"]

ACTIVATIONS: dict[str, str] = {
    "tanh": "tanh({a})",
    "sigmoid": "sigmoid({a})",
    "relu": "relu({a})",
    "linear": "{a}",
    "hard_sigmoid": "Max(0, Min(1, {a} / 6 + 1 / 2))",
    "hard_sigmoid_keras2": "Max(0, Min(1, 0.2 * {a} + 0.5))",
    "hard_tanh": "Max(-1, Min(1, {a}))",
    "relu6": "Max(0, Min(6, {a}))",
    "softsign": "{a} / (1 + Abs({a}))",
    "softplus": "softplus({a})",
    "exponential": "exp({a})",
    "silu": "{a} * sigmoid({a})",
    "gelu": "{a} * (1 + erf({a} / sqrt(2))) / 2",
    "mish": "{a} * tanh(softplus({a}))",
    "elu": "Piecewise(({a}, {a} > 0), (exp(Min({a}, 0)) - 1, True))",
    "selu": (
        "1.0507009873554805 * Piecewise(({a}, {a} > 0), "
        "(1.6732632423543772 * (exp(Min({a}, 0)) - 1), True))"
    ),
    "leaky_relu": "Piecewise(({a}, {a} > 0), (0.2 * {a}, True))",
}
"""Activation by name, as an expression in the pre-activation ``a``.

``hard_sigmoid`` is that of Keras 3 and torch, ``hard_sigmoid_keras2`` that of Keras 2;
``leaky_relu`` has Keras 3's slope.
"""


def activated(name: str, where: str) -> str:
    """Return the expression of an activation. Raises ``InputError`` for an unknown one."""
    if name not in ACTIVATIONS:
        raise InputError(
            f"{where} has an activation that gradflow does not know; known are "
            f"{', '.join(ACTIVATIONS)}, and a cell of your own may have any."
        )
    return ACTIVATIONS[name]


@lru_cache(maxsize=64)
def rnn_cell(activation: str = ACTIVATIONS["tanh"], clip: float | None = None) -> Cell:
    """Return the vanilla network with that activation of its pre-activation."""
    for name in ("tanh", "relu", "sigmoid"):
        if activation == ACTIVATIONS[name] and clip is None:
            return get("rnn") if name == "tanh" else rnn_with(name)
    return Cell(
        name="rnn_variant",
        state="h",
        inputs="x",
        maps="W U",
        vectors="b",
        equations="\n".join(
            [
                f"a_h = {_clipped('W @ x + U @ h + b', clip)}",
                f"h_next = {activation.format(a='a_h')}",
            ]
        ),
        title="Vanilla recurrent network, another activation",
    )


@lru_cache(maxsize=64)
def lstm_cell(
    *,
    gate: str = ACTIVATIONS["sigmoid"],
    candidate: str = ACTIVATIONS["tanh"],
    output: str = ACTIVATIONS["tanh"],
    projected: bool = False,
    peepholes: bool = False,
    coupled: bool = False,
    clip: float | None = None,
) -> Cell:
    """Return the LSTM with those activations and additions.

    ``projected``: h = P (o tanh c). ``peepholes``: i and f see the old c, o the new one.
    ``coupled``: f = 1 - i. ``clip``: pre-activations stay within [-clip, clip].
    """
    plain = (gate, candidate, output) == tuple(ACTIVATIONS[n] for n in ("sigmoid", "tanh", "tanh"))
    if plain and not (projected or peepholes or coupled or clip is not None):
        return get("lstm")
    lines = []
    for name, function in (("i", gate), ("f", gate), ("g", candidate), ("o", gate)):
        if coupled and name == "f":
            lines.append("f = 1 - i")
            continue
        inner = f"W_{name} @ x + U_{name} @ h + b_{name}"
        if peepholes and name != "g":
            inner += f" + p_{name} * {'c_next' if name == 'o' else 'c'}"
        if name == "o":
            lines.append("c_next = f * c + i * g")
        lines.append(f"a_{name} = {_clipped(inner, clip)}")
        lines.append(f"{name} = {function.format(a=f'a_{name}')}")
    lines.append(f"m = {output.format(a='c_next')}")
    lines.append("h_next = P @ (o * m)" if projected else "h_next = o * m")
    gates = [n for n in "ifog" if not (coupled and n == "f")]
    size = "[hidden,projected]" if projected else ""
    return Cell(
        name="lstm_variant",
        state="h[projected] c" if projected else "h c",
        inputs="x",
        maps=" ".join(
            [f"W_{n}" for n in gates]
            + [f"U_{n}{size}" for n in gates]
            + (["P[projected,hidden]"] if projected else [])
        ),
        vectors=" ".join(
            [f"b_{n}" for n in gates] + ([f"p_{n}" for n in gates if n != "g"] if peepholes else [])
        ),
        equations="\n".join(lines),
        title="Long short-term memory, as the file has it",
        forget_bias="" if coupled else "b_f",
    )


@lru_cache(maxsize=64)
def gru_cell(
    *,
    after: bool,
    gate: str = ACTIVATIONS["sigmoid"],
    candidate: str = ACTIVATIONS["tanh"],
    clip: float | None = None,
) -> Cell:
    """Return the GRU; ``after``: the reset gate acts after the recurrent product."""
    if (gate, candidate, clip) == (ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"], None):
        return get("gru_reset_after" if after else "gru")
    inner = "W_g @ x + b_g + r * (U_g @ h + d_g)" if after else "W_g @ x + U_g @ (r * h) + b_g"
    lines = []
    for name, function, text in (
        ("r", gate, "W_r @ x + U_r @ h + b_r"),
        ("z", gate, "W_z @ x + U_z @ h + b_z"),
        ("g", candidate, inner),
    ):
        lines += [
            f"a_{name} = {_clipped(text, clip)}",
            f"{name} = {function.format(a=f'a_{name}')}",
        ]
    lines.append("h_next = z * h + (1 - z) * g")
    return Cell(
        name="gru_reset_after_variant" if after else "gru_variant",
        state="h",
        inputs="x",
        maps="W_r W_z W_g U_r U_z U_g",
        vectors="b_r b_z b_g" + " d_g" * after,
        equations="\n".join(lines),
        title="Gated recurrent unit, as the file has it",
        forget_bias="b_z",
    )


@lru_cache(maxsize=1)
def minimal_cell() -> Cell:
    """Return the minimal gated unit of Flax, its gate applied after the product."""
    return Cell(
        name="mgu",
        state="h",
        inputs="x",
        maps="W_f W_g U_f U_g",
        vectors="b_f b_g d_g",
        equations="""
            f = sigmoid(W_f @ x + U_f @ h + b_f)
            g = tanh(W_g @ x + b_g + f * (U_g @ h + d_g))
            h_next = (1 - f) * g + f * h
        """,
        title="Minimal gated unit, its gate after the product",
        reference="Zhou et al., arXiv:1603.09420; form: flax.linen.MGUCell",
        forget_bias="b_f",
    )


def _clipped(text: str, clip: float | None) -> str:
    return text if clip is None else f"Max(-{clip!r}, Min({clip!r}, {text}))"
