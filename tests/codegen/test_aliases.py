"""Words that papers use, in every backend, against torch, SciPy and exact sums."""

import numpy as np
import pytest
from scipy import special

import gradflow as gf
from gradflow.cells.language.defined import known_definitions
from oracles import complex_step
from oracles.agreement import gap

BACKENDS = ("numpy", "array-api", "mpmath")
POINTS = np.array([-30.0, -3.0, -1.5, -0.25, 0.0, 0.25, 1.0, 2.5, 3.0, 30.0])


def torch_words():
    torch = pytest.importorskip("torch")
    from torch.nn import functional as F

    return {
        "silu(h)": F.silu,
        "swish(h)": F.silu,
        "gelu(h)": F.gelu,
        "elu(h)": F.elu,
        "elu(h, 1.5)": lambda a: F.elu(a, 1.5),
        "leaky_relu(h)": F.leaky_relu,
        "leaky_relu(h, 0.2)": lambda a: F.leaky_relu(a, 0.2),
        "logsigmoid(h)": F.logsigmoid,
        "hard_sigmoid(h)": F.hardsigmoid,
        "hard_tanh(h)": F.hardtanh,
        "clip(h, -0.5, 2)": lambda a: torch.clip(a, -0.5, 2),
        "abs(h)": torch.abs,
        "max(h, 0.5, -h)": lambda a: torch.maximum(a, torch.clamp(-a, min=0.5)),
        "min(h, 0.5, -h)": lambda a: torch.minimum(a, torch.clamp(-a, max=0.5)),
        "arctan(h)": torch.arctan,
        "arcsinh(h)": torch.arcsinh,
        "heaviside(h)": lambda a: (a > 0) + 0 * a,
        "pi * h": lambda a: torch.pi * a,
    }


def cell_of(right, **more):
    return gf.Cell(name="words", state="h", equations=f"h_next = {right}", **more)


@pytest.mark.parametrize("backend", BACKENDS)
def test_values_and_slopes_are_those_of_torch(backend):
    torch = pytest.importorskip("torch")
    for right, function in torch_words().items():
        code = gf.compile(cell_of(right), backend=backend)
        h = torch.tensor(POINTS, requires_grad=True)
        value = function(h)
        (slope,) = torch.autograd.grad(value.sum(), h)
        # at a kink both are right; the pages say which side is taken here
        smooth = ~np.isin(POINTS, (-3.0, 0.0, 3.0))
        # a rounding unit of the largest value, 30 pi
        assert gap(code.step({}, POINTS), value.detach()) < 1e-15, right
        found = np.diag(np.asarray(code.jacobian({}, POINTS), dtype=float))
        # a few rounding units, and torch's 1/6 is a float32
        rounding = 1e-8 if right == "hard_sigmoid(h)" else 1e-14
        assert gap(found[smooth], slope.numpy()[smooth]) < rounding, right


def test_every_known_definition_is_tried():
    tried = {right.split("(")[0] for right in torch_words()} | {"softmax", "norm", "dot"}
    assert {name for name, _ in known_definitions()} <= tried


def test_slopes_at_the_kinks():
    wanted = {"leaky_relu(h)": 0.01, "elu(h)": 1.0, "abs(h)": 0.0, "norm(h)": 0.0, "max(h, 0)": 0}
    for right, slope in wanted.items():
        assert gf.compile(cell_of(right)).jacobian({}, np.zeros(1)) == slope, right


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scale", [1.0, 1e3, 1e5])
def test_softmax_of_large_entries(backend, scale):
    v = scale * np.array([0.3, -1.2, 0.30001, 0.2])
    code = gf.compile(cell_of("softmax(h)"), backend=backend)
    p = special.softmax(v)
    assert gap(code.step({}, v), p) < 1e-15
    J = np.diag(p) - np.outer(p, p)
    assert gap(code.jacobian({}, v), J) < 1e-15
    assert gap(code.vjp({}, v, np.arange(4.0)), np.arange(4.0) @ J) < 1e-15
    assert gap(code.jvp({}, v, np.arange(4.0)), J @ np.arange(4.0)) < 1e-15


MORE = {
    "softmax": lambda v: np.exp(v - v.real.max()) / np.exp(v - v.real.max()).sum(),
    "norm": lambda v: np.sqrt((v * v).sum(keepdims=True)),
    "dot": lambda a, b: (a * b).sum(keepdims=True),
}
MIXING = [
    "softmax(U @ h) * norm(h - b) + dot(h, b)",
    "h * softmax(b * tanh(h)) - norm(softmax(h)) * U @ softmax(softmax(h))",
    "tanh(h / (1 + norm(U @ h) * dot(U @ h, h)))",
    "tanh(norm(h) * h + norm(h))",
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("right", MIXING)
def test_functions_that_mix_units(backend, right):
    cell = cell_of(right, **({"maps": "U"} if "U" in right else {}), vectors="b" * ("b" in right))
    rng = np.random.default_rng(5)
    values = {"h": rng.standard_normal(3), "U": rng.standard_normal((3, 3)), "b": np.ones(3)}
    values["b"] += 0.25
    params = {n: values[n] for n in cell.parameters}
    code = gf.compile(cell, backend=backend)
    J = complex_step.jacobian(cell.equations, ("h",), values, MORE)
    u = rng.standard_normal(3)
    assert gap(code.jacobian(params, values["h"]), J) < 1e-13  # sums of a few terms below 10
    assert gap(code.jvp(params, values["h"], u), J @ u) < 1e-13
    assert gap(code.vjp(params, values["h"], u), u @ J) < 1e-13
    found = code.parameter_vjp(params, values["h"], u)
    for name in params:
        wanted = u @ complex_step.derivative(cell.equations, ("h",), values, name, MORE)
        assert gap(np.ravel(found[name]), wanted) < 1e-13


@pytest.mark.slow
@pytest.mark.parametrize("right", MIXING)
def test_numba_agrees(right):
    pytest.importorskip("numba")
    test_functions_that_mix_units("numba", right)


def test_a_name_of_ones_own_is_not_taken():
    cell = gf.Cell(
        name="own",
        state="pi",
        vectors="norm max",
        equations="pi_next = max(pi, norm) + norm(norm) * max",
    )
    found = gf.compile(cell).step({"norm": np.array([3.0, 4.0]), "max": np.ones(2)}, np.ones(2))
    np.testing.assert_array_equal(found, [8.0, 9.0])


def test_how_they_print():
    cell = cell_of("leaky_relu(h) + abs(h) + norm(h) + dot(h, h) * max(h, pi)")
    text = cell.latex()
    for part in (r"\mathrm{leaky\_relu}\left( h_{t-1} \right)", r"\left\| h_{t-1} \right\|"):
        assert part in text
    assert r"h_{t-1}^{\top} h_{t-1} \, \max\left( h_{t-1}, \pi \right)" in text
    assert "norm(h)" in gf.jacobian(cell_of("norm(h) * h")).text()
