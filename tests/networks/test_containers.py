"""Weights in several files, behind links and in loops, and matrices the other way round.

ONNX files are written here field by field, as onnx.proto numbers them.
"""

import json
import struct

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import InputError

CHANCE = np.random.default_rng(0)
WEIGHTS = {
    "rnn.weight_ih_l0": CHANCE.normal(size=(12, 2)),
    "rnn.weight_hh_l0": CHANCE.normal(size=(12, 3)),
    "rnn.bias_ih_l0": CHANCE.normal(size=12),
    "rnn.bias_hh_l0": CHANCE.normal(size=12),
}
X = CHANCE.normal(size=(7, 2))


def safetensors(path, arrays):
    """Write a file of safetensors."""
    header, data = {}, b""
    for name, array in arrays.items():
        raw = array.astype("<f8").tobytes()
        ends = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": "F64", "shape": list(array.shape), "data_offsets": ends}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


@pytest.fixture
def shards(tmp_path):
    names = list(WEIGHTS)
    table = {}
    for part, own in enumerate((names[:1], names[1:]), 1):
        file = f"model-0000{part}-of-00002.safetensors"
        safetensors(tmp_path / file, {n: WEIGHTS[n] for n in own})
        table |= dict.fromkeys(own, file)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": table}))
    return index


@pytest.fixture
def whole(tmp_path):
    safetensors(tmp_path / "whole.safetensors", WEIGHTS)
    return gf.read(tmp_path / "whole.safetensors").run(X).states["1.h"]


def test_shards_are_one_file(shards, whole):
    np.testing.assert_array_equal(gf.read(shards).run(X).states["1.h"], whole)


def test_links_are_followed_as_caches_of_models_have_them(shards, whole, tmp_path):
    """In a cache the name is a link to a file whose name is a digest, each shard by itself."""
    cache, blobs = tmp_path / "snapshot", tmp_path / "blobs"
    cache.mkdir()
    blobs.mkdir()
    for number, path in enumerate(sorted(tmp_path.glob("model*"))):
        blob = blobs / f"{number:064x}"
        path.rename(blob)
        (cache / path.name).symlink_to(blob)
    found = gf.read(cache / "model.safetensors.index.json")
    np.testing.assert_array_equal(found.run(X).states["1.h"], whole)
    blob = (cache / "one.safetensors").absolute()
    blob.symlink_to(tmp_path / "whole.safetensors")
    np.testing.assert_array_equal(gf.read(blob).run(X).states["1.h"], whole)
    (cache / "nowhere.safetensors").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match="no such file"):
        gf.read(cache / "nowhere.safetensors")


@pytest.mark.parametrize("shard", ["../whole.safetensors", "gone.safetensors"])
def test_shards_that_are_not_beside_the_index_are_refused(shards, whole, shard):
    index = json.loads(shards.read_text())
    index["weight_map"]["rnn.bias_hh_l0"] = shard
    shards.write_text(json.dumps(index))
    with pytest.raises(InputError, match="not beside it"):
        gf.read(shards)


def number(value):
    """Return a whole number as protobuf writes it."""
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def part(field, value):
    """Return one field of a message: a whole number, or bytes with their length."""
    if isinstance(value, int):
        return number(field << 3) + number(value)
    raw = value if isinstance(value, bytes) else value.encode()
    return number(field << 3 | 2) + number(len(raw)) + raw


def tensor(name, array, beside=None):
    dims = b"".join(part(1, size) for size in array.shape)
    whole = array.dtype.kind == "i"
    known = dims + part(2, 7 if whole else 11) + part(8, name)
    raw = array.astype("<i8" if whole else "<f8").tobytes()
    if beside is None:
        return known + part(9, raw)
    path, offset = beside
    with path.open("ab") as file:
        file.seek(0, 2)
        file.write(b"\0" * offset)
        start = file.tell()
        file.write(raw)
    said = {"location": path.name, "offset": str(start), "length": str(len(raw))}
    pairs = b"".join(part(13, part(1, k) + part(2, v)) for k, v in said.items())
    return known + pairs + part(14, 1)


def node(operation, inputs, outputs, name="", attributes=b""):
    return (
        b"".join(part(1, n) for n in inputs)
        + b"".join(part(2, n) for n in outputs)
        + part(3, name)
        + part(4, operation)
        + attributes
    )


def recurrent():
    """The arrays and the node of an LSTM, rows in the order i o f c of ONNX."""
    order = [0, 3, 1, 2]
    arrays = {
        short: np.concatenate([np.split(WEIGHTS[f"rnn.{long}_l0"], 4)[k] for k in order])
        for short, long in {"W": "weight_ih", "R": "weight_hh"}.items()
    }
    both = [np.split(WEIGHTS[f"rnn.{n}_l0"], 4) for n in ("bias_ih", "bias_hh")]
    biases = np.concatenate([one[k] for one in both for k in order])
    size = part(5, part(1, "hidden_size") + part(3, 3) + part(20, 2))
    lstm = node("LSTM", ["x", "W", "R", "B"], ["y"], "memory", size)
    return {n: a[None] for n, a in {**arrays, "B": biases}.items()}, lstm


def model(path, nodes, arrays, beside=None):
    graph = b"".join(part(1, one) for one in nodes)
    graph += b"".join(part(5, tensor(n, a, beside)) for n, a in arrays.items())
    path.write_bytes(part(1, 8) + part(7, graph))
    return path


def loop(body):
    return node("Loop", ["n"], ["z"], "over steps", part(5, part(1, "body") + part(6, body)))


def test_onnx_arrays_beside_the_file(tmp_path, whole):
    arrays, lstm = recurrent()
    inside = gf.read(model(tmp_path / "inside.onnx", [lstm], arrays))
    np.testing.assert_array_equal(inside.run(X).states["1.h"], whole)
    path = model(tmp_path / "beside.onnx", [lstm], arrays, (tmp_path / "beside.data", 16))
    np.testing.assert_array_equal(gf.read(path).run(X).states["1.h"], whole)
    data = (tmp_path / "beside.data").read_bytes()
    (tmp_path / "beside.data").write_bytes(data[:-8])
    with pytest.raises(InputError) as refused:
        gf.read(path)
    assert "\n" not in str(refused.value)
    (tmp_path / "beside.data").unlink()
    with pytest.raises(InputError, match="beside"):
        gf.read(path)


def test_a_recurrence_in_a_loop_is_named_and_never_dropped(tmp_path):
    arrays, lstm = recurrent()
    body = part(1, lstm)
    path = model(tmp_path / "loop.onnx", [loop(body)], arrays)
    with pytest.raises(InputError, match=r"over steps \(Loop\), which holds LSTM"):
        gf.read(path)
    path = model(tmp_path / "both.onnx", [lstm, loop(part(1, node("Add", ["a"], ["b"])))], arrays)
    with pytest.warns(UserWarning, match=r"over steps \(Loop\)"):
        found = gf.read(path)
    assert any("over steps (Loop)" in one for one in found.skipped)
    assert len(found.layers) == 1


def test_shapes_and_places_of_a_graph_are_not_told_as_weights(tmp_path):
    arrays, lstm = recurrent()
    beside = {"other": np.ones((2, 2)), "shape": np.array([1, 1, 3])}
    path = model(tmp_path / "a.onnx", [lstm], arrays | beside)
    assert gf.read(path).skipped == ("other",)


@pytest.mark.parametrize("which", ["recurrent", "inputs", "both"])
def test_square_matrices_the_other_way_round_are_settled(which, tmp_path):
    network = gf.stack("lstm", 1, hidden=3, inputs=3, rng=0)
    params = network.layers[0].params
    turned = {"recurrent": "U_", "inputs": "W_", "both": ("U_", "W_")}[which]
    arrays = {n: a.T if n.startswith(turned) else a for n, a in params.items()}
    np.savez(tmp_path / "net.npz", **arrays)
    x = np.random.default_rng(1).normal(size=(8, 3))
    y = network.run(x).states["1.h"][1:]
    found = gf.settle(tmp_path / "net.npz", x, y)
    assert found.facts == {"transposed": which}
    assert found.error < 1e-14
    read = gf.read(tmp_path / "net.npz", transposed=which)
    np.testing.assert_allclose(read.run(x).states["1.h"][1:], y, atol=1e-14)


def written_out(activation, weight="U", steps=4, start=0.0):
    """The steps of h_next = act(x W + b + h U), one after the other, and their arrays."""
    arrays = {
        "W": WEIGHTS["rnn.weight_ih_l0"][:3].T.copy(),
        weight: WEIGHTS["rnn.weight_hh_l0"][:3].T.copy(),
        "b": WEIGHTS["rnn.bias_ih_l0"][:3],
        "h0": np.full((1, 3), start),
    }
    nodes, old = [], "h0"
    for t in range(steps):
        arrays[f"t{t}"] = np.array([t], dtype=float)
        nodes += [
            node("Gather", ["x", f"t{t}"], [f"x{t}"]),
            node("MatMul", [f"x{t}", "W"], [f"p{t}"]),
            node("MatMul", [old, weight], [f"q{t}"]),
            node("Add", [f"q{t}", "b"], [f"r{t}"]),
            node("Add", [f"p{t}", f"r{t}"], [f"a{t}"]),
            node(activation, [f"a{t}"], [f"h{t + 1}"]),
        ]
        old = f"h{t + 1}"
    return nodes, arrays


@pytest.mark.parametrize("steps", [2, 5])
def test_a_vanilla_network_that_is_written_out_is_read(steps, tmp_path):
    nodes, arrays = written_out("Tanh", steps=steps, start=0.3)
    found = gf.read(model(tmp_path / "a.onnx", nodes, arrays))
    h, states = np.full(3, 0.3), []
    for x in X:
        h = np.tanh(x @ arrays["W"] + h @ arrays["U"] + arrays["b"])
        states.append(h)
    np.testing.assert_allclose(found.run(X).states["1.h"][1:], states, atol=1e-15)
    assert found.assumed == (
        f"'U' is written out over {steps} steps, each with the same matrices, and is read as one "
        "recurrent layer",
    )
    assert np.abs(found.run(X).states["1.h"][1:] - 1.001 * np.array(states)).max() > 1e-4


def test_the_same_matrices_from_the_end_are_the_other_direction(tmp_path):
    nodes, arrays = written_out("Tanh")
    for t in range(4):
        arrays[f"t{t}"] = np.array([3.0 - t])
    (layer,) = gf.read(model(tmp_path / "a.onnx", nodes, arrays)).layers
    assert layer.direction == "reverse"


def test_written_out_steps_of_another_cell_are_named_or_read_by_torchs_names(tmp_path):
    nodes, arrays = written_out("Erf", weight="memory.kernel")
    with pytest.raises(InputError, match=r"in 4 written-out steps with memory\.kernel"):
        gf.read(model(tmp_path / "a.onnx", nodes, arrays))
    # steps that differ in a bias are those of no cell
    nodes, arrays = written_out("Tanh")
    nodes[9] = node("Add", ["q1", "h0"], ["r1"])
    with pytest.raises(InputError, match="written-out steps with U"):
        gf.read(model(tmp_path / "b.onnx", nodes, {**arrays, "h0": np.ones((1, 3))}))
    nodes, arrays = written_out("Erf", weight="rnn.weight_hh_l0")
    own = {**arrays, **{n: a for n, a in WEIGHTS.items() if n != "rnn.weight_hh_l0"}}
    own["rnn.weight_hh_l0"] = WEIGHTS["rnn.weight_hh_l0"]
    with pytest.warns(UserWarning, match="names of torch"):
        (layer,) = gf.read(model(tmp_path / "c.onnx", nodes, own)).layers
    assert layer.kind == "lstm"
    # beside a node, it is not dropped in silence
    known, lstm = recurrent()
    nodes, arrays = written_out("Erf", weight="memory.kernel")
    arrays["V"] = arrays.pop("W")
    arrays |= known
    with pytest.warns(UserWarning, match="has that recurrence too"):
        found = gf.read(model(tmp_path / "d.onnx", [lstm, *nodes], arrays))
    assert "4 written-out steps with memory.kernel" in found.skipped


def test_a_recurrence_in_a_function_is_named(tmp_path):
    arrays, lstm = recurrent()
    path = model(tmp_path / "f.onnx", [node("Memory", ["x", *arrays], ["y"], "net")], arrays)
    path.write_bytes(path.read_bytes() + part(25, part(1, "Memory") + part(7, lstm)))
    with pytest.raises(InputError, match=r"net \(Memory\), which holds LSTM"):
        gf.read(path)


def test_a_first_state_of_another_size_is_that_of_a_lost_projection(tmp_path):
    arrays, _ = recurrent()
    arrays["c0"] = np.zeros((1, 1, 5))
    lstm = node("LSTM", ["x", "W", "R", "B", "", "", "c0"], ["y"], "memory")
    with pytest.raises(InputError, match="5 entries for 3 units"):
        gf.read(model(tmp_path / "a.onnx", [lstm], arrays))
