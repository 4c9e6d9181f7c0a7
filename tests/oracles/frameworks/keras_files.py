"""Files that Keras 3 and Keras 2 (tf_keras) write, one a kind and option of recurrent layers."""

import contextlib
import importlib
import itertools
import os
import tempfile
from unittest import mock

import numpy as np

from oracles.frameworks.sample import Sample, drawn, drawn_input


def imported(package):
    """Keras on torch; the settings that it writes at its import go into a folder that goes away."""
    with (
        tempfile.TemporaryDirectory() as home,
        mock.patch.dict(os.environ, KERAS_HOME=home, KERAS_BACKEND="torch"),
    ):
        return importlib.import_module(package)


@contextlib.contextmanager
def _of(keras, dtype):
    """Layers of this type. But on TensorFlow, Keras rounds products of float64 to float32."""
    usual = keras.backend.floatx()
    keras.backend.set_floatx(dtype)
    try:
        if dtype == "float32":
            yield
        else:
            rounding = importlib.import_module("keras.src.backend.common.dtypes")
            with mock.patch.dict(rounding.BIT64_TO_BIT32_DTYPE, float64="float64"):
                yield
    finally:
        keras.backend.set_floatx(usual)


def _written(make, ending, *, facts=(), reverse=False, package="keras"):
    def write(folder, dtype="float32"):
        keras = imported(package)
        keras.backend.clear_session()
        x = drawn_input().astype(dtype)
        with _of(keras, dtype):
            layers = make(keras.layers)
            model = keras.Sequential([keras.Input((None, 3)), *layers, keras.layers.Dense(2)])
            rng = np.random.default_rng(3)
            for variable in model.weights:
                variable.assign(drawn(variable.shape, rng))
            inner = keras.Model(model.inputs, layers[-1].output)
            y = inner.predict(x[None], verbose=0)[0]
            path = folder / f"model{ending}"
            model.save_weights(path) if "weights" in ending else model.save(path)
        return Sample(
            path=path,
            x=x,
            y=y[::-1] if reverse else y,
            facts=dict(facts),
            advance=None if package == "tf_keras" else _advance(keras, layers),
        )

    return write


def _advance(keras, layers):
    """What takes a state of all layers through them; ``None`` where one reads from the end."""
    layers = [layer for layer in layers if "dropout" not in layer.name]
    if any(not hasattr(layer, "cell") or layer.go_backwards for layer in layers):
        return None

    def advance(state, inputs):
        with _of(keras, inputs.dtype.name):
            return through(state, inputs)

    def through(state, inputs):
        h, found, start = keras.ops.convert_to_tensor(inputs[None], inputs.dtype.name), [], 0
        for layer in layers:
            layer.return_state = True
            sizes = keras.tree.flatten(layer.cell.state_size)
            ends = start + np.cumsum([0, *sizes])
            parts = [state[None, a:b] for a, b in itertools.pairwise(ends)]
            old = keras.tree.pack_sequence_as(layer.cell.state_size, parts)
            h, *new = layer(h, initial_state=old)
            found += keras.tree.flatten(new)
            start = ends[-1]
        return keras.ops.concatenate([part[0] for part in found])

    return advance


def _rnn(name, units=4, **said):
    return lambda layers: [getattr(layers, name)(units, return_sequences=True, **said)]


def _two(first, second):
    return lambda layers: [*first(layers), *second(layers)]


def _both(make, **said):
    return lambda layers: [layers.Bidirectional(make(layers)[0], **said)]


def _cells(*cells):
    def make(layers):
        made = [getattr(layers, f"{name}Cell")(units, **said) for name, units, said in cells]
        return [layers.RNN(made if len(made) > 1 else made[0], return_sequences=True)]

    return make


_LSTM, _GRU, _BEFORE = _rnn("LSTM"), _rnn("GRU"), _rnn("GRU", reset_after=False)

MODELS = {
    "lstm": _LSTM,
    "lstm-no-bias": _rnn("LSTM", use_bias=False),
    "lstm-hard": _rnn("LSTM", activation="relu", recurrent_activation="hard_sigmoid"),
    "lstm-hard-tanh": _rnn("LSTM", activation="softsign", recurrent_activation="linear"),
    "gru": _GRU,
    "gru-before": _BEFORE,
    "gru-no-bias": _rnn("GRU", use_bias=False),
    "gru-before-no-bias": _rnn("GRU", use_bias=False, reset_after=False),
    "gru-elu": _rnn("GRU", activation="elu", recurrent_activation="hard_sigmoid"),
    "simple": _rnn("SimpleRNN"),
    "simple-relu": _rnn("SimpleRNN", activation="relu"),
    "simple-selu": _rnn("SimpleRNN", activation="selu"),
    "simple-leaky": _rnn("SimpleRNN", activation="leaky_relu"),
    "simple-gelu": _rnn("SimpleRNN", activation="gelu"),
    "simple-silu": _rnn("SimpleRNN", activation="silu"),
    "simple-mish": _rnn("SimpleRNN", activation="mish"),
    "simple-relu6": _rnn("SimpleRNN", activation="relu6"),
    "simple-hard-tanh": _rnn("SimpleRNN", activation="hard_tanh"),
    "simple-softplus": _rnn("SimpleRNN", activation="softplus"),
    "two-kinds": _two(_rnn("GRU", 5), _rnn("LSTM", 4)),
    "three-equal": _two(_two(_rnn("LSTM", 3), _rnn("LSTM", 3)), _rnn("LSTM", 3)),
    "both": _both(_LSTM),
    "both-gru-then-lstm": _two(_both(_GRU), _LSTM),
    "both-twice": _two(_both(_rnn("LSTM", 5)), _both(_LSTM)),
    "lstm-then-both": _two(_rnn("LSTM", 5), _both(_LSTM)),
    "both-other-backward": lambda layers: [
        layers.Bidirectional(
            layers.LSTM(4, return_sequences=True),
            backward_layer=layers.LSTM(
                4, return_sequences=True, go_backwards=True, activation="relu"
            ),
        )
    ],
    "cell": _cells(("LSTM", 4, {})),
    "cell-simple": _cells(("SimpleRNN", 4, {"activation": "relu"})),
    "stacked-cells": _cells(("LSTM", 5, {}), ("GRU", 4, {"reset_after": False})),
    "stacked-equal": _cells(*[("GRU", 3, {})] * 3),
    "dropout-between": lambda layers: [
        *_LSTM(layers),
        layers.Dropout(0.5),
        *_rnn("LSTM", 3, dropout=0.2)(layers),
    ],
}

_RELU = {"nonlinearity": "relu"}
_BARE = {"nonlinearity": "tanh", "recurrent_activation": "sigmoid"}

SAMPLES = {
    **{f"keras-{name}": _written(make, ".keras") for name, make in MODELS.items()},
    **{f"keras-h5-{name}": _written(make, ".h5") for name, make in MODELS.items()},
    "keras-backwards": _written(_rnn("LSTM", go_backwards=True), ".keras", reverse=True),
    "keras-backwards-then-gru": _written(
        _two(_rnn("LSTM", go_backwards=True), _GRU), ".keras", reverse=True
    ),
    "keras-backwards-twice": _written(
        _two(_rnn("LSTM", go_backwards=True), _rnn("GRU", go_backwards=True)), ".keras"
    ),
    **{
        f"keras-weights-{name}": _written(MODELS[name], ".weights.h5", facts=facts)
        for name, facts in {
            "lstm": _BARE,
            "gru": _BARE,
            "gru-before": _BARE,
            "gru-no-bias": _BARE | {"reset_after": True},
            "gru-before-no-bias": _BARE | {"reset_after": False},
            "lstm-hard": {"nonlinearity": "relu", "recurrent_activation": "hard_sigmoid"},
            "simple-relu": _RELU,
            "two-kinds": _BARE,
            "both": _BARE,
            "stacked-cells": _BARE,
            "three-equal": _BARE,
            "both-gru-then-lstm": _BARE,
            "both-twice": _BARE,
            "lstm-then-both": _BARE,
        }.items()
    },
}

KERAS2 = {
    f"keras2{ending.replace('.', '-')}-{name}": _written(
        MODELS[name], ending, package="tf_keras", facts=facts
    )
    for ending, names in {
        ".h5": ["lstm", "lstm-hard", "gru", "gru-before", "two-kinds", "both", "cell"],
        ".keras": ["lstm-hard", "gru", "both-gru-then-lstm", "stacked-cells"],
        "_weights.h5": ["two-kinds"],
        ".weights.h5": ["gru"],
    }.items()
    for name in names
    for facts in [_BARE if "weights" in ending else {}]
}
"""Those of Keras 2, whose hard_sigmoid has another slope."""
