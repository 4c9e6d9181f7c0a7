"""A network as a module of torch: what it gives, and that it is read back as it was."""

from dataclasses import replace

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError

torch = pytest.importorskip("torch")


def modules():
    sizes = {"batch_first": True, "dtype": torch.float64}
    return {
        "lstm": torch.nn.LSTM(3, 4, 2, **sizes),
        "both directions": torch.nn.LSTM(3, 4, 2, bidirectional=True, **sizes),
        "projected": torch.nn.LSTM(3, 5, 2, proj_size=2, **sizes),
        "gru": torch.nn.GRU(3, 4, 2, bidirectional=True, **sizes),
        "tanh": torch.nn.RNN(3, 4, **sizes),
        "relu": torch.nn.RNN(3, 4, nonlinearity="relu", **sizes),
        "no bias": torch.nn.RNN(3, 4, bias=False, nonlinearity="tanh", **sizes),
    }


@pytest.mark.parametrize("name", modules())
def test_there_and_back(name):
    torch.manual_seed(0)
    module = modules()[name]
    network = gf.read(module)
    again = gf.networks.to_torch(network, torch.float64)
    x = torch.randn(2, 7, 3, dtype=torch.float64)
    with torch.no_grad():
        wanted, given = module(x)[0], again(x)[0]
    assert type(again) is type(module)
    np.testing.assert_allclose(given, wanted, atol=1e-15)
    with torch.no_grad():
        next(again.parameters())[0, 0] += 1e-3
        assert float((again(x)[0] - wanted).abs().max()) > 1e-9  # an error of a thousandth is seen
        next(again.parameters())[0, 0] -= 1e-3
    for one, other in zip(network.layers, gf.read(again).layers, strict=True):
        assert (one.kind, one.level, one.direction) == (other.kind, other.level, other.direction)
        for key, array in one.params.items():
            np.testing.assert_allclose(other.params[key], array, atol=1e-15)


def test_a_stack_and_a_remedied_network_are_modules():
    network = gf.stack("lstm", 2, hidden=3, inputs=2, rng=0, forget_bias=-2.0)
    x = np.random.default_rng(0).normal(size=(3, 6, 2))
    remedy = next(r for r in gf.diagnose(network, x, need=5).remedies if "forget bias 5" in r.name)
    module = gf.networks.to_torch(remedy.network, torch.float64)
    with torch.no_grad():
        given = module(torch.tensor(x))[0]
    np.testing.assert_allclose(given, remedy.network.run(x).states["2.h"][:, 1:], atol=1e-14)
    assert module.to(torch.float32).weight_ih_l0.dtype == torch.float32


def test_what_no_module_has_is_refused():
    plain = gf.stack("lstm", 2, hidden=3, inputs=2, rng=0)
    started = replace(plain.layers[0], initial={"h": np.ones(3), "c": np.zeros(3)})
    for network in (
        gf.stack("gru", 2, hidden=3, inputs=2, rng=0),
        gf.stack("lstm", 2, hidden=3, inputs=2, rng=0, residual=True),
        gf.stack("lstm", 2, hidden=3, inputs=2, rng=0, norm=True),
        gf.stack(["lstm", "rnn"], hidden=3, inputs=2, rng=0),
        replace(plain, layers=(started, plain.layers[1])),
    ):
        with pytest.raises(UsageError, match="to_torch makes one"):
            gf.networks.to_torch(network)
    with pytest.raises(UsageError, match="dtype"):
        gf.networks.to_torch(plain, torch.int64)
