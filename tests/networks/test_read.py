"""Networks read from files that frameworks wrote, beside their own states and gradients."""

import io
import json
import pickle
import random
import re
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import GradflowError, InputError, UsageError

FILES = Path(__file__).parent / "files"
STORED = json.loads((FILES / "manifest.json").read_text())
torch = pytest.importorskip("torch")


def kept(reference):
    name, _, key = reference.partition(":")
    return np.load(FILES / name)[key]


def quiet(path, **facts):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return gf.read(path, **facts)


@pytest.mark.parametrize("entry", STORED, ids=[e["id"] for e in STORED])
def test_stored_files_give_the_states_of_the_framework(entry):
    network = gf.read(FILES / entry["file"])
    assert len(network.layers) == len(entry["layers"])
    for layer, want in zip(network.layers, entry["layers"], strict=True):
        told = (layer.kind, layer.direction, layer.inputs, layer.hidden)
        assert told == tuple(want[k] for k in ("kind", "direction", "inputs", "hidden"))
        x = kept(want["input"])
        back = slice(None, None, -1 if layer.direction == "reverse" else 1)
        states = gf.run(layer.cell, layer.params, x[back]).states
        for part in states:
            found = states[part][1:][back]
            # float32 weights, run in float32 there and in float64 here
            np.testing.assert_allclose(found, kept(want[part]), rtol=0, atol=2e-6)


@pytest.mark.parametrize("entry", [e for e in STORED if "jacobian" in e], ids=lambda e: e["id"])
def test_the_whole_jacobian_and_gradient_are_those_of_autograd(entry):
    network = gf.read(FILES / entry["file"])
    run = network.run(kept(entry["layers"][0]["input"]))
    # torch differentiated in float64, the others in float32
    tolerance = 1e-12 if "torch" in entry["version"] or entry["file"].endswith("pt") else 3e-7
    if entry["file"].endswith(".onnx"):
        tolerance = 1e-12
    np.testing.assert_allclose(run.jacobian(run.steps), kept(entry["jacobian"]), atol=tolerance)
    if "gradient" not in entry:
        return
    gradient = entry["gradient"]
    top = f"{len(network.layers)}.h"
    covector = {top: kept(gradient["dL_dhT_top"])}
    whole = np.exp(run.gradient_decay(covector).log_norm[-2::-1])
    np.testing.assert_allclose(whole, kept(gradient["state_whole"]), rtol=1e-12)
    nodes = run.node_gradients(covector)
    for level in (0, 1):
        for part in "hc":
            want = kept(gradient[f"node_layer{level}_{part}"])
            found = np.linalg.norm(nodes[f"{level + 1}.{part}"], axis=-1)
            np.testing.assert_allclose(found, want, rtol=1e-11)


MODULES = {
    "lstm": lambda: torch.nn.LSTM(4, 6, 2),
    "lstm without bias": lambda: torch.nn.LSTM(4, 6, 2, bias=False),
    "lstm projected": lambda: torch.nn.LSTM(4, 6, 2, proj_size=3),
    "lstm of one unit": lambda: torch.nn.LSTM(1, 1),
    "lstm both ways": lambda: torch.nn.LSTM(4, 5, 2, bidirectional=True),
    "lstm both ways projected": lambda: torch.nn.LSTM(4, 6, 2, bidirectional=True, proj_size=2),
    "gru": lambda: torch.nn.GRU(4, 6, 2),
    "gru without bias": lambda: torch.nn.GRU(4, 6, bias=False),
    "gru both ways": lambda: torch.nn.GRU(4, 6, bidirectional=True),
    "rnn": lambda: torch.nn.RNN(4, 6, 2),
    "rnn of relu": lambda: torch.nn.RNN(4, 6, 2, nonlinearity="relu"),
    "weight norm": lambda: torch.nn.utils.parametrizations.weight_norm(
        torch.nn.LSTM(4, 6), "weight_hh_l0"
    ),
}


def outputs(network, x):
    runs = network.layer_runs(x)
    top = network.layers[-1].level
    ways = [
        run.states["h"][1:][:: -1 if layer.direction == "reverse" else 1]
        for layer, run in zip(network.layers, runs, strict=True)
        if layer.level == top
    ]
    return np.concatenate(ways, axis=-1)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("way", ["module", "zip", "legacy", "safetensors", "npz"])
def test_every_option_of_torch_gives_its_states(name, way, tmp_path):
    torch.manual_seed(3)
    module = MODULES[name]().double()
    width = next(iter(module.state_dict().values())).shape[1] if name != "weight norm" else 4
    x = np.random.default_rng(1).normal(size=(7, width))
    want = module(torch.tensor(x))[0].detach().numpy()
    facts = {"nonlinearity": "relu"} if name == "rnn of relu" and way != "module" else {}
    if way == "module":
        network = gf.read(module)
    elif way == "npz":
        np.savez(tmp_path / "a.npz", **{k: v.numpy() for k, v in module.state_dict().items()})
        network = quiet(tmp_path / "a.npz", **facts)
    elif way == "safetensors":
        (tmp_path / "a.safetensors").write_bytes(as_safetensors(module.state_dict()))
        network = quiet(tmp_path / "a.safetensors", **facts)
    else:
        new = way == "zip"
        torch.save(module.state_dict(), tmp_path / "a.pt", _use_new_zipfile_serialization=new)
        network = quiet(tmp_path / "a.pt", **facts)
    np.testing.assert_allclose(outputs(network, x), want, rtol=0, atol=1e-12)


def as_safetensors(tensors):
    """The bytes of a .safetensors file, written from its published description."""
    header, body = {}, b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().numpy().tobytes()
        kind = {"float64": "F64", "float32": "F32"}[str(tensor.numpy().dtype)]
        place = [len(body), len(body) + len(raw)]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": place}
        body += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_files_that_safetensors_itself_writes(dtype, tmp_path):
    package = pytest.importorskip("safetensors.torch")
    torch.manual_seed(0)
    state = torch.nn.LSTM(3, 4, 2).to(getattr(torch, dtype)).state_dict()
    package.save_file(state, tmp_path / "a.safetensors", {"format": "pt"})
    for level, layer in enumerate(gf.read(tmp_path / "a.safetensors").layers):
        assert layer.dtype == dtype
        want = state[f"weight_hh_l{level}"].double().numpy()
        assert (np.concatenate([layer.params[f"U_{g}"] for g in "ifgo"]) == want).all()


def test_the_oracle_sees_gates_in_another_order():
    torch.manual_seed(0)
    module = torch.nn.LSTM(4, 6).double()
    x = np.random.default_rng(1).normal(size=(7, 4))
    want = module(torch.tensor(x))[0].detach().numpy()
    wrong = outputs(gf.read(module, gates="igfo"), x)
    assert np.abs(wrong - want).max() > 1e-3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_short_floats_are_read_exactly(dtype, tmp_path):
    torch.manual_seed(0)
    module = torch.nn.LSTM(3, 4).to(getattr(torch, dtype))
    torch.save(module.state_dict(), tmp_path / "a.pt")
    want = module.weight_hh_l0.detach().double().numpy()[4:8]
    for source in (module, tmp_path / "a.pt"):
        layer = gf.read(source).layers[0]
        assert layer.dtype == dtype
        assert (layer.params["U_f"] == want).all()


def test_strides_and_shared_storages(tmp_path):
    torch.manual_seed(0)
    rows = torch.randn(5, 40, dtype=torch.float64)
    state = {
        "weight_ih_l0": rows[:3].T[:20],  # a column-major view
        "weight_hh_l0": rows.T[20:, :],
        "bias_ih_l0": rows.reshape(-1)[:40:2],  # every other number
        "bias_hh_l0": rows.reshape(-1)[100:120],
    }
    torch.save(state, tmp_path / "a.pt")
    params = gf.read(tmp_path / "a.pt").layers[0].params
    assert (params["W_f"] == state["weight_ih_l0"].numpy()[5:10]).all()
    both = (state["bias_ih_l0"] + state["bias_hh_l0"]).numpy()
    assert (params["b_o"] == both[15:]).all()


NORMS = torch.nn.utils.parametrizations
PARAMETRIZED = {
    "spectral": NORMS.spectral_norm,
    "weight": NORMS.weight_norm,
    "orthogonal": NORMS.orthogonal,
    "cayley": lambda *one: NORMS.orthogonal(*one, "cayley"),
    "householder": lambda *one: NORMS.orthogonal(*one, "householder"),
    "matrix_exp": lambda *one: NORMS.orthogonal(*one, "matrix_exp"),
    "spectral before": torch.nn.utils.spectral_norm,
}


def parametrized(module, name, way):
    """A module with one weight made from others, changed by two steps of a training."""
    module = way(module.double(), name)
    x = torch.randn(3, module.input_size, dtype=torch.float64)
    optimizer = torch.optim.SGD(module.parameters(), 0.3)
    for _ in range(2):
        optimizer.zero_grad()
        layer = isinstance(module, torch.nn.LSTM)
        given = module(x)[0] if layer else module(x, module(x))  # from zeros U has no gradient
        given.square().sum().backward()
        optimizer.step()
    module(x)  # the forward makes what the state_dict belongs to
    module.eval()(x)
    return module


@pytest.mark.parametrize("way", PARAMETRIZED)
@pytest.mark.parametrize("make", [lambda: torch.nn.RNNCell(3, 4), lambda: torch.nn.LSTM(3, 4)])
@pytest.mark.parametrize("which", ["ih", "hh"])
def test_weights_that_are_made_from_others_are_those_of_torch(make, which, way, tmp_path):
    torch.manual_seed(1)
    module = make()
    name = f"weight_{which}" + "_l0" * isinstance(module, torch.nn.LSTM)
    module = parametrized(module, name, PARAMETRIZED[way])
    want = getattr(module, name).detach().numpy()
    torch.save(module.state_dict(), tmp_path / "a.pt")
    before = {k: v.clone() for k, v in module.train().state_dict().items()}
    facts = {"orthogonal_map": "default" if way == "orthogonal" else way}
    facts = facts if any(name.endswith(".base") for name in module.state_dict()) else {}
    for source, said in ((tmp_path / "a.pt", facts), (module, {})):
        params = quiet(source, **said).layers[0].params
        letter = {"ih": "W", "hh": "U"}[which]
        blocks = [params[n] for n in (letter, *(f"{letter}_{g}" for g in "ifgo")) if n in params]
        np.testing.assert_allclose(np.concatenate(blocks), want, rtol=0, atol=1e-14)
        assert np.abs(np.concatenate(blocks) - 1.001 * want).max() > 1e-5
    assert all((v == before[k]).all() for k, v in module.state_dict().items())
    assert all(part.training for part in module.modules())


def test_the_map_of_an_orthogonal_parametrization_is_asked_for(tmp_path):
    torch.manual_seed(1)
    cayley = parametrized(torch.nn.RNNCell(3, 4), "weight_hh", PARAMETRIZED["cayley"])
    torch.save(cayley.state_dict(), tmp_path / "a.pt")
    with pytest.raises(InputError, match="orthogonal_map='default' where none was named"):
        gf.read(tmp_path / "a.pt", nonlinearity="tanh")
    want = cayley.weight_hh.detach().numpy()
    found = {
        said: gf.read(tmp_path / "a.pt", nonlinearity="tanh", orthogonal_map=said)
        for said in ("default", "matrix_exp", "cayley", "householder")
    }
    off = {n: np.abs(one.layers[0].params["U"] - want).max() for n, one in found.items()}
    assert off.pop("cayley") < 1e-14
    assert min(off.values()) > 1e-3
    with pytest.raises(UsageError, match="known are default, matrix_exp"):
        gf.read(tmp_path / "a.pt", orthogonal_map="qr")
    with pytest.raises(UsageError, match="would change nothing"):
        gf.read(cayley, orthogonal_map="cayley")
    # an input and the framework's answer to it tell
    x = np.random.default_rng(0).normal(size=(5, 3))
    state, y = torch.zeros(1, 4, dtype=torch.float64), []
    for row in torch.tensor(x):
        state = cayley(row[None], state).detach()
        y.append(state.numpy()[0])
    settled = gf.settle(tmp_path / "a.pt", x, np.array(y))
    assert settled.facts["orthogonal_map"] == "cayley"
    assert settled.error < 1e-12


def test_before_any_update_every_map_gives_the_same(tmp_path):
    fresh = NORMS.orthogonal(torch.nn.RNNCell(3, 4).double(), "weight_hh", "cayley")
    torch.save(fresh.state_dict(), tmp_path / "a.pt")
    found = gf.read(tmp_path / "a.pt", nonlinearity="tanh").layers[0].params["U"]
    np.testing.assert_allclose(found, fresh.weight_hh.detach().numpy(), rtol=0, atol=1e-15)


def test_an_orthogonal_weight_without_a_base_needs_its_map_said(tmp_path):
    torch.manual_seed(1)
    for way in ("householder", "cayley", "matrix_exp"):
        cell = torch.nn.RNNCell(6, 3).double()
        cell = NORMS.orthogonal(cell, "weight_ih", way, use_trivialization=False)
        torch.save(cell.state_dict(), tmp_path / "a.pt")
        with pytest.raises(InputError, match="does not say which"):
            gf.read(tmp_path / "a.pt", nonlinearity="tanh")
        (layer,) = gf.read(tmp_path / "a.pt", nonlinearity="tanh", orthogonal_map=way).layers
        want = cell.weight_ih.detach().numpy()
        np.testing.assert_allclose(layer.params["W"], want, rtol=0, atol=1e-14)


def test_parametrizations_that_a_file_does_not_tell_are_refused(tmp_path):
    plain = NORMS.orthogonal(torch.nn.LSTM(3, 4), "weight_hh_l0", use_trivialization=False)
    torch.save(plain.state_dict(), tmp_path / "b.pt")
    with pytest.raises(InputError, match=r"the file does not say which; .*'weight_hh_l0'"):
        gf.read(tmp_path / "b.pt")
    bias = torch.nn.utils.parametrize.register_parametrization(
        torch.nn.GRUCell(3, 4), "bias_hh", torch.nn.Tanh()
    )
    torch.save(bias.state_dict(), tmp_path / "c.pt")
    with pytest.raises(InputError, match="does not say which"):
        gf.read(tmp_path / "c.pt")


class Model(torch.nn.Module):
    """A language model, as people write it."""

    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(11, 4)
        self.rnn = torch.nn.LSTM(4, 6, 2)
        self.out = torch.nn.Linear(6, 11)


def test_a_checkpoint_with_optimizer_and_namespace(tmp_path):
    import argparse

    model = Model()
    optimizer = torch.optim.Adam(model.parameters())
    model.out(model.rnn(model.emb(torch.arange(5)))[0]).sum().backward()
    optimizer.step()
    whole = {
        "model_state_dict": {f"module.{k}": v for k, v in model.state_dict().items()},
        "optimizer": optimizer.state_dict(),
        "args": argparse.Namespace(lr=1.0),
        "epoch": 3,
    }
    torch.save(whole, tmp_path / "c.pt")
    network = gf.read(tmp_path / "c.pt")
    assert len(network.layers) == 2
    assert (network.head.weight == model.out.weight.detach().numpy()).all()
    assert (network.head.bias == model.out.bias.detach().numpy()).all()
    assert (network.embedding == model.emb.weight.detach().numpy()).all()
    assert network.layers[0].name == "rnn"
    assert any("exp_avg" in name for name in network.skipped)
    assert {"args", "epoch", "optimizer.param_groups"} <= set(network.skipped)
    assert any("head" in sentence for sentence in network.assumed)


def test_two_layers_over_two_hundred_steps_with_head_and_loss():
    torch.manual_seed(2)
    model = Model().double()
    tokens = torch.randint(0, 11, (200,))
    embedded = model.emb(tokens).detach()
    network = gf.read(model)
    # torch's cells step by step, so that every state is a leaf of its own restart
    states = [torch.zeros(1, 6, dtype=torch.float64, requires_grad=True) for _ in range(4)]
    cells = []
    for level in (0, 1):
        cell = torch.nn.LSTMCell(4 if level == 0 else 6, 6).double()
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        cell.load_state_dict({n: getattr(model.rnn, f"{n}_l{level}") for n in names})
        cells.append(cell)

    def through(start, h1, c1, h2, c2):
        for t in range(start, 200):
            h1, c1 = cells[0](embedded[t][None], (h1, c1))
            h2, c2 = cells[1](h1, (h2, c2))
        loss = torch.nn.functional.cross_entropy(model.out(h2), torch.tensor([4]))
        return loss, h2

    run = network.run(embedded.numpy())
    _, last = through(0, *states)
    head = last.detach().requires_grad_()
    torch.nn.functional.cross_entropy(model.out(head), torch.tensor([4])).backward()
    decay = run.gradient_decay({"2.h": head.grad.numpy()[0]})
    for start in (0, 1, 50, 150, 199):
        at = [
            torch.tensor(run.states[p][start][None], requires_grad=True)
            for p in ("1.h", "1.c", "2.h", "2.c")
        ]
        loss, _ = through(start, *at)
        want = np.sqrt(sum(float((g**2).sum()) for g in torch.autograd.grad(loss, at)))
        assert np.exp(decay.log_norm[200 - start]) == pytest.approx(want, rel=1e-10)


def test_what_a_file_leaves_open_is_warned_of_and_can_be_said(tmp_path):
    module = torch.nn.RNN(3, 4, nonlinearity="relu")
    torch.save(module.state_dict(), tmp_path / "a.pt")
    with pytest.warns(UserWarning, match="nonlinearity"):
        network = gf.read(tmp_path / "a.pt")
    assert "tanh is assumed" in network.assumed[0]
    assert gf.read(tmp_path / "a.pt", nonlinearity="relu").assumed == ()
    assert gf.read(module).layers[0].kind == "rnn_relu"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"nonlinearty": "relu"}, "did you mean 'nonlinearity'"),
        ({"nonlinearity": "swoosh"}, "known are tanh"),
        ({"nonlinearity": 3}, "pass a name"),
        ({"reset_after": "yes"}, "True or False"),
        ({"gates": "iifo"}, "once"),
        ({"reset_after": True}, "would change nothing"),
        ({"nonlinearity": "relu"}, "would change nothing"),
        ({"recurrent_activation": "relu"}, "would change nothing"),
        ({"cell": "lstm"}, "would change nothing"),
        ({"transposed": "inputs"}, "would change nothing"),
        ({"only": "rnn"}, "one without a name"),
    ],
)
def test_wrong_facts_get_a_sentence(facts, words):
    with pytest.raises(UsageError, match=words):
        gf.read(torch.nn.LSTM(2, 3), **facts)


def test_a_fact_that_the_module_contradicts_is_refused():
    with pytest.raises(UsageError, match="own is 'tanh'"):
        gf.read(torch.nn.RNN(2, 3), nonlinearity="relu")
    with pytest.raises(UsageError, match="would change nothing"):
        gf.read(torch.nn.RNN(2, 3), gates="ifgo")


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        ({"sparse": torch.eye(3).to_sparse()}, ["sparse"]),
        ({"losses": [0.5] * 2000, "lr": {"first": 1.0, "last": 0.1}}, ["losses", "lr"]),
        ({"model": torch.nn.Linear(2, 3)}, ["model"]),
        ({"wide": {"a": torch.ones(2), "b": "text"}}, ["wide.a", "wide.b"]),
        ({"optimizer": {"state": {}, "groups": [{}]}, "best": []}, ["optimizer", "best"]),
        ({"betas": [[0.9], [0.999], [1], [2]], "none": None}, ["betas", "none"]),
    ],
)
def test_what_a_file_holds_beside_the_network_is_named(entries, names, tmp_path):
    torch.save({"state_dict": torch.nn.LSTM(2, 3).state_dict(), **entries}, tmp_path / "a.pt")
    assert list(gf.read(tmp_path / "a.pt").skipped) == names


def test_the_units_of_a_projected_layer_are_those_of_its_cell():
    module = torch.nn.LSTM(1, 8, 2, proj_size=2)
    assert "1 input, 8 units projected to 2>" in repr(gf.read(module))
    assert "2 inputs, 8 units projected to 2>" in repr(gf.read(module).layers[1])
    assert repr(gf.read(torch.nn.LSTM(1, 1))).endswith("1 input, 1 unit>")


def test_packed_weights_are_told_apart_from_a_file_without_a_network(tmp_path):
    state = {"rnn._packed_params.dtype": torch.qint8, "scale": torch.ones(1)}
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(InputError, match="before quantisation"):
        gf.read(tmp_path / "a.pt")
    torch.save({"scale": torch.ones(1)}, tmp_path / "b.pt")
    with pytest.raises(InputError, match="save the state_dict of a module"):
        gf.read(tmp_path / "b.pt")


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_lstm_is_called_one(tmp_path):
    whole = torch.nn.Sequential(torch.nn.LSTM(2, 3))
    packed = torch.ao.quantization.quantize_dynamic(whole, {torch.nn.LSTM}, dtype=torch.qint8)
    tensor = torch.quantize_per_tensor(torch.ones(3, 3), 0.1, 0, torch.qint8)
    for content in (packed, packed.state_dict(), {"net": packed.state_dict()}, {"a": tensor}):
        torch.save(content, tmp_path / "a.pt")
        with pytest.raises(InputError, match="quantised"):
            gf.read(tmp_path / "a.pt")
    with pytest.raises(InputError, match="quantised"):
        gf.read(packed)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (None, "is None"),
        (torch.eye(12, 3).to_sparse(), "is a sparse tensor"),
        (torch.empty(12, 3, device="meta"), "is a tensor without numbers"),
    ],
)
def test_entries_that_are_no_dense_tensors_are_called_what_they_are(entry, words, tmp_path):
    state = dict(torch.nn.LSTM(2, 3).state_dict())
    state["weight_hh_l0"] = entry
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(InputError, match=f"weight_hh_l0, {words}"):
        gf.read(tmp_path / "a.pt")
    torch.save({"rnn": entry}, tmp_path / "alone.pt")
    with pytest.raises(InputError, match=f"holds no tensor with numbers .rnn {words}") as refused:
        gf.read(tmp_path / "alone.pt")
    assert "weights_only" not in str(refused.value)  # the advice for pickled modules


@pytest.mark.parametrize("make", [dict, list, tuple])
def test_a_file_without_anything_is_called_empty(make, tmp_path):
    torch.save(make(), tmp_path / "a.pt")
    with pytest.raises(InputError, match="it is empty"):
        gf.read(tmp_path / "a.pt")


def test_a_list_that_holds_networks_is_told(tmp_path):
    first, second = (torch.nn.LSTM(2, 3).state_dict() for _ in range(2))
    torch.save([3, first], tmp_path / "a.pt")
    network = gf.read(tmp_path / "a.pt")
    assert "the file holds a list, whose entry '1' was read" in network.assumed
    torch.save({"nets": [first, second]}, tmp_path / "b.pt")
    network = gf.read(tmp_path / "b.pt")
    assert len(network.layers) == 1  # two networks, and no stack of two layers
    assert "'nets.0' was read, not 'nets.1'" in network.assumed[0]
    other = gf.read(tmp_path / "b.pt", only="nets.1").layers[0].params["U_f"]
    assert (other == second["weight_hh_l0"].numpy()[3:6]).all()


def test_an_encoder_and_a_decoder_are_no_stack(tmp_path):
    parts = {"encoder": torch.nn.LSTM(2, 3), "decoder": torch.nn.LSTM(4, 5)}
    torch.save(torch.nn.ModuleDict(parts).state_dict(), tmp_path / "a.pt")
    with pytest.warns(UserWarning, match="encoder, decoder; choose one by only='encoder'"):
        network = gf.read(tmp_path / "a.pt")
    with pytest.raises(UsageError, match=r"no stack.*only='encoder'"):
        network.run(np.ones((4, 2)))
    assert gf.read(tmp_path / "a.pt", only="decoder").layers[0].inputs == 4


def test_tensors_of_a_graphics_card_are_read(tmp_path):
    state = torch.nn.LSTM(2, 3).state_dict()
    torch.save(state, tmp_path / "cpu.pt")
    with (
        zipfile.ZipFile(tmp_path / "cpu.pt") as old,
        zipfile.ZipFile(tmp_path / "cuda.pt", "w") as new,
    ):
        for info in old.infolist():
            content = old.read(info)
            if info.filename.endswith("data.pkl"):
                short, long = b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"
                assert content.count(short) == 1  # then a reference to it
                content = content.replace(short, long)
            new.writestr(info.filename, content)
    found = gf.read(tmp_path / "cuda.pt").layers[0].params
    assert (found["U_o"] == state["weight_hh_l0"].numpy()[9:]).all()


def test_numbers_of_a_type_that_is_not_read_are_named(tmp_path):
    state = {k: v.to(torch.float8_e4m3fn) for k, v in torch.nn.LSTM(2, 3).state_dict().items()}
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(InputError, match="float8_e4m3fn"):
        gf.read(tmp_path / "a.pt")


def test_a_module_that_is_not_whole_is_refused_or_its_gap_told(tmp_path):
    state = dict(torch.nn.LSTM(2, 3, 2).state_dict())
    upper = {k: v for k, v in state.items() if k.endswith("l1")}
    torch.save(upper, tmp_path / "upper.pt")
    with pytest.raises(InputError, match="without the l0"):
        gf.read(tmp_path / "upper.pt")
    del state["bias_hh_l1"]
    torch.save(state, tmp_path / "one.pt")
    assert "zeros are taken" in gf.read(tmp_path / "one.pt").assumed[0]


@pytest.mark.parametrize("prefix", ["", "cells.0."])
def test_arrays_of_another_cell_among_those_of_an_lstm_are_warned_of(prefix, tmp_path):
    state = dict(torch.nn.LSTMCell(2, 3).state_dict()) | {"weight_ci": torch.ones(3)}
    torch.save({f"{prefix}{name}": value for name, value in state.items()}, tmp_path / "a.pt")
    with pytest.warns(UserWarning, match="weight_ci"):
        network = gf.read(tmp_path / "a.pt")
    assert network.skipped == (f"{prefix}weight_ci",)


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ({"ln_i.weight": torch.ones(12), "ln_i.bias": torch.ones(12)}, "ln_i.weight, ln_i.bias"),
        ({"norm.weight": torch.ones(3)}, "norm.weight"),
        ({"scale": torch.ones(12)}, "scale"),
        ({"out.weight": torch.ones(12, 3), "out.bias": torch.ones(12)}, ""),
        ({"conv.weight": torch.ones(3, 1, 1), "conv.bias": torch.ones(3)}, ""),
        ({"norm.weight": torch.ones(7), "log_scale": torch.ones(3)}, ""),
        ({"optim.scale": torch.ones(12)}, ""),
    ],
)
def test_arrays_beside_the_module_that_fit_its_gates_are_warned_of(beside, told, tmp_path):
    state = torch.nn.ModuleDict({"rnn": torch.nn.LSTM(2, 3)}).state_dict()
    torch.save({**state, **beside}, tmp_path / "a.pt")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        gf.read(tmp_path / "a.pt")
    assert [told in str(one.message) for one in said] == [True] * bool(told)


class Harmful:
    """What runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_nothing_in_a_pickle_is_executed(tmp_path):
    canary = str(tmp_path / "canary")
    state = torch.nn.LSTM(2, 3).state_dict()
    torch.save({"state_dict": state, "extra": Harmful(canary)}, tmp_path / "a.pt")
    torch.save(Harmful(canary), tmp_path / "b.pt")
    torch.save({"x": Harmful(canary)}, tmp_path / "c.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "d.pt").write_bytes(pickle.dumps(Harmful(canary)))
    Path(canary).unlink(missing_ok=True)
    assert len(gf.read(tmp_path / "a.pt").layers) == 1
    for name in "bcd":
        with pytest.raises(InputError):
            gf.read(tmp_path / f"{name}.pt")
    assert not Path(canary).exists()
    # the oracle: Python's own unpickler makes the canary
    pickle.loads((tmp_path / "d.pt").read_bytes()).close()
    assert Path(canary).exists()


def test_programs_and_whole_modules_are_told_how_to_export(tmp_path):
    torch.save(torch.nn.LSTM(2, 3), tmp_path / "whole.pt")
    with pytest.raises(InputError, match="state_dict"):
        gf.read(tmp_path / "whole.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.LSTM(2, 3)).save(str(tmp_path / "script.pt"))
    with pytest.raises(InputError, match="TorchScript"):
        gf.read(tmp_path / "script.pt")


def hostile():
    """Files that were made to do harm, or that no network can be."""
    state = {k: v.clone() for k, v in torch.nn.LSTM(2, 3).state_dict().items()}

    def saved(changed):
        stream = io.BytesIO()
        torch.save(changed, stream)
        return stream.getvalue()

    def table(**entries):
        text = json.dumps(entries).encode()
        return len(text).to_bytes(8, "little") + text

    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("config.json", "metadata.json"):
            archive.writestr(name, "{}")
        archive.writestr("model.weights.h5", bytes(200 * 2**20))
    nan = {**state, "weight_hh_l0": state["weight_hh_l0"] * float("nan")}
    entry = {"dtype": "F32", "shape": [4, 1], "data_offsets": [0, 16]}
    laughs = b"\x80\x02]q\x00" + b"".join(
        b"]q" + bytes([i + 1]) + b"(h" + bytes([i]) + b"h" + bytes([i]) + b"e" for i in range(60)
    )
    signalling = {**state, "weight_hh_l0": state["weight_hh_l0"].clone()}
    signalling["weight_hh_l0"].view(torch.int32)[0, 0] = 0x7F800001
    return {
        "empty.pt": b"",
        "signalling_nan.pt": saved(signalling),
        "text.pt": b"hello",
        "cut.pt": saved(state)[:900],
        "nan.pt": saved(nan),
        "disagree.pt": saved({**state, "weight_hh_l0": torch.zeros(12, 5)}),
        "missing.pt": saved({k: v for k, v in state.items() if k != "weight_ih_l0"}),
        "nothing.pt": saved({"fc.weight": torch.zeros(2, 2)}),
        "hidden0.pt": saved({k: v[:0] for k, v in state.items()}),
        "int8.pt": saved({k: v.to(torch.int8) for k, v in state.items()}),
        "five_gates.pt": saved({k: torch.cat([v, v[:3]]) for k, v in state.items()}),
        "laughs.pt": laughs + b".",
        "memo.pt": b"\x80\x02]r\xff\xff\xff\xff.",
        "header.safetensors": (2**40).to_bytes(8, "little") + b"{}",
        "overlap.safetensors": table(a=entry, b={**entry, "data_offsets": [8, 24]}) + bytes(24),
        "absurd.safetensors": table(a={**entry, "shape": [2**40, 2**40]}) + bytes(16),
        "deep.safetensors": (200000).to_bytes(8, "little") + b"[" * 200000,
        "bomb.keras": bomb.getvalue(),
        "cut.h5": (FILES / "keras_lstm.weights.h5").read_bytes()[:3000],
        "cut.onnx": (FILES / "torch_lstm_opset20.onnx").read_bytes()[:700],
        "junk.onnx": bytes(range(256)) * 4,
        "alone.onnx": (FILES / "torch_lstm_opset20.onnx").read_bytes(),
        "junk.msgpack": b"\xdf\xff\xff\xff\xff",
        "odd_type.msgpack": (FILES / "written" / "nnx-gru-msgpack.msgpack")
        .read_bytes()
        .replace(b"float32", b"f\x00oat32"),
        "junk.eqx": b"\x93NUMPY\x01\x00\xff\xff",
        "pickled.npz": pickled_npz(),
    }


def pickled_npz():
    stream = io.BytesIO()
    np.savez(stream, weight_ih_l0=np.array([{}], dtype=object))
    return stream.getvalue()


def test_hostile_files_get_one_sentence(tmp_path):
    for name, content in hostile().items():
        path = tmp_path / name
        path.write_bytes(content)
        try:
            found = gf.read(path)
        except InputError as error:
            said = str(error)
        else:
            pytest.fail(f"{name} was read as {found}")
        assert name in said, name
        assert "\n" not in said, name
        assert len(said) < 700, name
        assert said.isascii(), name


def mutated(count, seed, folder):
    chance = random.Random(seed)
    files = [
        f for f in FILES.iterdir() if f.is_file() and f.suffix not in (".npz", ".json", ".data")
    ]
    files += [FILES / "flax_gru.npz"]
    files += [f for f in (FILES / "written").iterdir() if f.suffix != ".json"]
    outcomes: dict[str, int] = {"read": 0, "refused": 0}
    said = []
    for _ in range(count):
        source = chance.choice(files)
        content = bytearray(source.read_bytes())
        if chance.random() < 0.2:
            del content[chance.randrange(len(content)) :]
        for _ in range(chance.choice([1, 1, 2, 5, 30])):
            if content:
                content[chance.randrange(len(content))] = chance.choice(
                    [0, 255, chance.randrange(256)]
                )
        path = folder / source.name
        path.write_bytes(content)
        try:
            quiet(path)
            outcomes["read"] += 1
        except GradflowError as error:
            said.append((source.name, str(error)))
            outcomes["refused"] += 1
    assert [one for one in said if not re.fullmatch(r"[\x20-\x7e]{1,900}", one[1])] == []
    return outcomes


def test_mutated_files_are_read_or_refused(tmp_path):
    outcomes = mutated(60, 0, tmp_path)
    assert min(outcomes.values()) > 0


@pytest.mark.slow
def test_many_mutated_files_are_read_or_refused(tmp_path):
    outcomes = mutated(500, 1, tmp_path)
    assert min(outcomes.values()) > 0


def test_a_missing_file_a_folder_and_a_number(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        gf.read(tmp_path / "none.pt")
    for ending in (
        "",
        ".pt",
        ".safetensors",
        ".safetensors.index.json",
        ".npz",
        ".h5",
        ".keras",
        ".onnx",
        ".eqx",
    ):
        folder = tmp_path / f"folder{ending}"
        folder.mkdir()
        with pytest.raises(InputError, match="is a folder, and none of Orbax"):
            gf.read(folder)
    with pytest.raises(UsageError, match="pass the name of a file"):
        gf.read(3)


def test_a_file_of_torch_by_the_ending_of_safetensors(tmp_path):
    weights = torch.nn.LSTM(3, 5).state_dict()
    torch.save(weights, tmp_path / "lstm.safetensors")
    (layer,) = gf.read(tmp_path / "lstm.safetensors").layers
    torch.save(weights, tmp_path / "lstm.pt")
    (expected,) = gf.read(tmp_path / "lstm.pt").layers
    assert layer.params.keys() == expected.params.keys()
    for name, value in expected.params.items():
        np.testing.assert_array_equal(layer.params[name], value)
    assert any(np.asarray(value).any() for value in layer.params.values())
