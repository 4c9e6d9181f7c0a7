"""Files that frameworks wrote, a kind and an option each, beside the framework's own outputs."""

import importlib
import importlib.util
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from oracles.frameworks import flax_files, keras_files, onnx_files
from oracles.frameworks.differentiated import jacobian, run_states
from oracles.frameworks.sample import drawn_input, top_outputs

WRITTEN = Path(__file__).parent / "files" / "written"
ANSWERS = json.loads((WRITTEN / "answers.json").read_text())
NEEDS = {
    "keras_files": ("keras", "torch", keras_files.SAMPLES),
    "keras2_files": ("tf_keras", "tensorflow", keras_files.KERAS2),
    "flax_files": ("flax", "equinox", flax_files.SAMPLES),
    "onnx_files": ("onnxruntime", "onnxscript", onnx_files.SAMPLES),
}
ALL = [(family, name) for family, (*_, samples) in NEEDS.items() for name in samples]


def error(path, facts, x, y):
    """The largest error of the top layer's outputs, in units of 1 or of the largest output."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = top_outputs(gf.read(path, **facts), x)
    assert found.shape == y.shape
    return np.abs(found - y).max() / max(1.0, np.abs(y).max())


@pytest.mark.parametrize("name", ANSWERS)
def test_stored_files_give_the_outputs_of_the_framework(name):
    answer = ANSWERS[name]
    y = np.array(answer["y"])
    # float32 there, float64 here
    assert error(WRITTEN / answer["file"], answer["facts"], drawn_input(), y) < 1e-6


def test_the_oracle_sees_an_error_of_a_thousandth():
    answer = ANSWERS["onnx-node-clip"]
    y = 1.001 * np.array(answer["y"])
    assert error(WRITTEN / answer["file"], answer["facts"], drawn_input(), y) > 1e-6


def test_wrong_facts_give_other_numbers():
    answer = ANSWERS["keras-weights-gru-before-no-bias"]
    wrong = answer["facts"] | {"reset_after": True}
    y = np.array(answer["y"])
    assert error(WRITTEN / answer["file"], wrong, drawn_input(), y) > 1e-3


def quick(name):
    """Whether ``make test`` writes the file too: one of each format, kind and option."""
    if name.startswith("onnx"):
        return "dynamo" not in name or name in ("onnx-lstm-both-dynamo", "onnx-rnn-relu-dynamo")
    return name in QUICK


QUICK = {
    *(f"keras-{n}" for n in keras_files.MODELS if not n.startswith("simple-")),
    *("keras-simple-relu", "keras-simple-leaky", "keras-backwards-then-gru"),
    *("keras-h5-gru-before", "keras-h5-both-gru-then-lstm", "keras-h5-stacked-cells"),
    *("keras-weights-lstm-hard", "keras-weights-gru-no-bias", "keras-weights-both-gru-then-lstm"),
    *("keras-weights-both-twice", "keras-weights-lstm-then-both", "keras-h5-both-twice"),
}
PRECISE = [one for one in ALL if not one[1].startswith(("onnx-node", "keras2"))]
"""Those that the framework runs in float64 too."""
QUICK_PRECISE = {
    *("keras-simple", "keras-gru-before", "keras-two-kinds", "keras-stacked-cells"),
    *("keras-weights-gru", "keras-h5-three-equal", "onnx-lstm2-dynamo", "onnx-gru-script"),
}


def grid(names, is_quick):
    return [
        pytest.param(*one, id=one[1], marks=[] if is_quick(one[1]) else pytest.mark.slow)
        for one in names
    ]


def written(family, name, folder, dtype="float32"):
    first, second, samples = NEEDS[family]
    if not all(map(importlib.util.find_spec, (first, second))):
        pytest.skip(f"{first} and {second} are not installed")
    if "orbax" in name:
        pytest.importorskip("tensorstore")
    write = samples[name]
    return write(folder) if dtype == "float32" else write(folder, dtype)


# Keras' own variables, as NumPy asks them
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
@pytest.mark.parametrize(("family", "name"), grid(ALL, quick))
def test_files_written_now_give_the_outputs_of_the_framework(family, name, tmp_path):
    sample = written(family, name, tmp_path)
    assert error(sample.path, sample.facts, sample.x, sample.y) < 1e-6


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
@pytest.mark.parametrize(("family", "name"), grid(PRECISE, QUICK_PRECISE.__contains__))
def test_in_float64_jacobian_and_gradient_are_those_of_its_autograd(family, name, tmp_path):
    sample = written(family, name, tmp_path, "float64")
    assert error(sample.path, sample.facts, sample.x, sample.y) < 1e-12
    if sample.advance is None:  # of two directions no step has a Jacobian
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        run = gf.read(sample.path, **sample.facts).run(sample.x)
    last = run.jacobian(run.steps)
    states = run_states(sample, len(last))
    want = jacobian(sample, states[-2], sample.x[-1:])
    # the sixth in the slope of torch's hardsigmoid, on which Keras runs, is one of float32
    near = 1e-6 if name.endswith(("lstm-hard", "gru-elu")) else 1e-10
    np.testing.assert_allclose(last, want, rtol=0, atol=near)
    assert np.abs(1.001 * last - want).max() > 1e-5
    # the loss is a number times the top layer's h at the end
    top = f"{len(run.layers)}.h"
    covector = np.random.default_rng(5).normal(size=run.states[top].shape[-1])
    found = np.exp(run.gradient_decay({top: covector}).log_norm)
    whole = np.zeros(len(last))
    whole[run.parts[top]] = covector
    for lag in range(1, len(sample.x) + 1):
        start = len(sample.x) - lag
        want = np.linalg.norm(whole @ jacobian(sample, states[start], sample.x[start:]))
        assert found[lag] == pytest.approx(want, rel=near)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
@pytest.mark.parametrize("ending", [".keras", ".weights.h5", ".h5"])
@pytest.mark.parametrize("padded", [False, True])
def test_the_embedding_of_keras_is_found(padded, ending, tmp_path):
    if not all(map(importlib.util.find_spec, ("keras", "torch"))):
        pytest.skip("keras and torch are not installed")
    keras = keras_files.imported("keras")
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((None,)),
            layers.Embedding(9, 3, mask_zero=padded, name="tokens"),
            layers.GRU(4),
            layers.Dense(2),
        ]
    )
    path = tmp_path / f"model{ending}"
    model.save_weights(path) if ending == ".weights.h5" else model.save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        network = gf.read(path)
    table = keras.ops.convert_to_numpy(model.layers[0].embeddings)
    np.testing.assert_array_equal(network.embedding, table)
    symbols = np.array([3, 1, 4, 1, 5])
    h = network.run(table[symbols]).states["1.h"][-1]
    y = model.predict(symbols[None], verbose=0)[0]
    np.testing.assert_allclose(network.head.weight @ h + network.head.bias, y, atol=1e-6)
    # what a file of weights alone cannot tell
    told = any("masks steps" in sentence for sentence in network.assumed)
    assert told == (padded and ending != ".weights.h5")


def _swapped(folder, torch):
    """An LSTM whose file has its gates in the order i o f g, and what the network gives."""
    torch.manual_seed(0)
    module = torch.nn.LSTM(3, 4).double()
    x = np.random.default_rng(1).normal(size=(7, 3))
    y = module(torch.tensor(x))[0].detach().numpy()
    i, f, g, o = (slice(4 * k, 4 * k + 4) for k in range(4))
    order = np.r_[i, o, f, g]
    np.savez(folder / "a.npz", **{k: v.numpy()[order] for k, v in module.state_dict().items()})
    return folder / "a.npz", x, y


def test_the_check_finds_the_order_of_the_gates(tmp_path):
    torch = pytest.importorskip("torch")
    path, x, y = _swapped(tmp_path, torch)
    for want in (y, y[-1]):
        found = gf.settle(path, x, want)
        assert found.facts == {"gates": "iofg"}
        assert found.error < 1e-12
    assert gf.settle(path, x, y, gates="iofg").facts == {}
    with pytest.raises(gf.errors.InputError, match="none of"):
        gf.settle(path, x, y + 1)
    with pytest.raises(gf.errors.UsageError, match="shape"):
        gf.settle(path, x, y[:, :2])


def test_the_check_finds_the_form_of_a_gru():
    answer = ANSWERS["keras-weights-gru-before-no-bias"]
    found = gf.settle(WRITTEN / answer["file"], drawn_input(), np.array(answer["y"]))
    assert found.facts == {"reset_after": False}
