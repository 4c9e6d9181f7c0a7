"""Saturated units whose slopes no float64 holds, against products of mpmath Jacobians."""

import re
from dataclasses import replace
from functools import cache

import mpmath
import numpy as np
import pytest

import gradflow as gf
from gradflow.codegen.logarithms.numbers import added
from gradflow.errors import PrecisionError
from gradflow.spectra.beyond.factors import factored
from gradflow.spectra.linearised_cell import LinearisedCell

BACKENDS = ["numpy", "numba"]
TANH = gf.Cell(name="tanh_unit", state="h", vectors="b", equations="h_next = tanh(h + b)")
SIGMOID = gf.Cell(name="sigmoid_unit", state="h", vectors="b", equations="h_next = sigmoid(h + b)")
UNITS = {"tanh": TANH, "sigmoid": SIGMOID}
# 4 exp(-2 |a|) is subnormal from 354 on and 0 from 373 on, exp(-|a|) from 709 and 746 on
BIASES = [0.3, 14.0, 19.0, 63.0, 345.0, 358.0, 372.5, 400.0, 700.0, 740.0, 2000.0]
LOOP = gf.Cell(name="loop", state="x", scalars="w", equations="x_next = w * tanh(x)")
RNN = gf.Cell(name="rnn_b", state="h", maps="W", vectors="b", equations="h_next = tanh(W @ h + b)")
BEFORE = gf.Cell(
    name="before", state="x", maps="W", vectors="b", equations="x_next = W @ tanh(x) + b"
)
GATED = gf.Cell(
    name="gated",
    state="h",
    maps="W",
    vectors="k b",
    equations="z = sigmoid(k)\nh_next = z * h + (1 - z) * tanh(W @ h + b)",
)


@cache
def exact_unit(name, b, steps=100):
    """The log of the product of the slopes of ``h' = f(h + b)`` from ``h = 0``, in nats."""
    with mpmath.workdps(60):
        h, total = mpmath.mpf(0), mpmath.mpf(0)
        for _ in range(steps):
            a = h + mpmath.mpf(b)
            if name == "tanh":
                total += 2 * mpmath.log(mpmath.sech(a))
                h = mpmath.tanh(a)
            else:
                total -= mpmath.log(1 + mpmath.exp(-a)) + mpmath.log(1 + mpmath.exp(a))
                h = 1 / (1 + mpmath.exp(-a))
        return float(total)


def everything(run, steps=100):
    """Every analysis of one unit as the log of the product of all steps."""
    u = np.ones(1)
    return {
        "decay": run.decay().log_norm[-1],
        "block": run.decay(block=(run.cell.states[0],) * 2).log_norm[-1],
        "gradient": run.gradient_decay(u).log_norm[-1],
        "unit": run.gradient_decay(u).by_unit[-1, 0],
        "part": run.gradient_decay(u).by_part[run.cell.states[0]][-1],
        "paths": run.paths(u).total[-1],
        "singular value": run.singular_values().log_sigma[-1, 0],
        "eigenvalue": run.product_eigenvalues().log_abs[0],
        "exponent": run.lyapunov(transient=0).exponents[0] * steps,
        "leading exponent": run.lyapunov(transient=0, leading=1).exponents[0] * steps,
    }


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize(
    "biases",
    [
        [19.0, 371.0, -700.0, 740.0],
        pytest.param([*BIASES, *(-b for b in BIASES)], marks=pytest.mark.slow),
    ],
    ids=["few", "all"],
)
def test_every_analysis_of_one_unit_agrees_with_60_digits(name, backend, biases):
    for b in biases:
        run = gf.run(UNITS[name], {"b": np.array([b])}, state=[0.0], steps=100, backend=backend)
        for what, found in everything(run).items():
            assert found == pytest.approx(exact_unit(name, b), rel=1e-12), (what, b)
        streamed = gf.stream_gradient_decay(
            UNITS[name], {"b": [b]}, None, [1.0], [0.0], steps=100, memory=1500, backend=backend
        )
        assert streamed.log_norm[-1] == pytest.approx(exact_unit(name, b), rel=1e-12)


def test_a_batch_has_a_scale_of_its_own_for_each():
    b = np.array([1.0])
    first = np.array([[0.0], [500.0], [20.0]])
    run = gf.run(TANH, {"b": b}, state=first, steps=3, backend="numpy")
    assert run.in_doubt().tolist() == [[False] * 3, [True, False, False], [False] * 3]
    for i in range(3):
        one, wanted = run.one(i), 0.0
        with mpmath.workdps(50):
            for h in one.flat_states[:-1, 0]:
                wanted += float(2 * mpmath.log(mpmath.sech(mpmath.mpf(h) + 1)))
        assert run.decay().log_norm[i, -1] == pytest.approx(wanted, rel=1e-12)
        assert run.gradient_decay([1.0]).log_norm[i, -1] == pytest.approx(wanted, rel=1e-12)
        assert run.paths([1.0]).total[i, -1] == pytest.approx(wanted, rel=1e-12)


def test_without_the_doubt_the_answer_is_wrong(monkeypatch):
    monkeypatch.setattr(LinearisedCell, "log_least", lambda run: np.zeros((*run.batch, run.steps)))
    run = gf.run(TANH, {"b": [400.0]}, state=[0.0], steps=100, backend="numpy")
    assert {v for k, v in everything(run).items()} == {-np.inf}
    run = gf.run(TANH, {"b": [371.0]}, state=[0.0], steps=100, backend="numpy")
    assert abs(run.decay().log_norm[-1] / exact_unit("tanh", 371.0) - 1) > 1e-11


@pytest.mark.parametrize("w", [19.0, 20.0, 40.0, 400.0, 1000.0])
def test_the_exponent_of_a_saturated_fixed_point(w):
    with mpmath.workdps(60):
        x = mpmath.findroot(lambda x: mpmath.mpf(w) * mpmath.tanh(x) - x, w)
        wanted = float(mpmath.log(w) + 2 * mpmath.log(mpmath.sech(x)))
    if w == 19:
        assert wanted == pytest.approx(-33.66926666, abs=1e-8)
    run = gf.run(LOOP, {"w": w}, state=[w], steps=100)
    assert run.lyapunov().exponents[0] == pytest.approx(wanted, rel=1e-12)
    assert run.lyapunov(leading=1).exponents[0] == pytest.approx(wanted, rel=1e-12)
    streamed = gf.leading_exponents(LOOP, {"w": w}, state=[w], steps=100)
    assert streamed.exponents[0] == pytest.approx(wanted, rel=1e-12)


def exact_steps(run, digits=60):
    """The step Jacobians by the mpmath target at the states of a run."""
    code = gf.compile(run.cell, "mpmath", digits=digits)
    bound = code.bind(run.params, run.flat_states[0])
    x = next(iter(run.inputs.values())) if run.inputs else [None] * run.steps
    return [
        bound.jacobian(run.flat_states[k], x[k], k + 1).astype(object) for k in range(run.steps)
    ]


def log_of(value):
    return float(mpmath.log(abs(value))) if value else -np.inf


def exact_gradient(run, u):
    """Logs of the gradient's entries (T + 1, d) and norms (T + 1,), lag 0 first."""
    with mpmath.workdps(60):
        row = np.array([mpmath.mpf(x) for x in u], dtype=object)
        rows = [row]
        for step in reversed(exact_steps(run)):
            row = row @ step
            rows.append(row)
        norms = [log_of(mpmath.sqrt(sum(x * x for x in r))) for r in rows]
        return np.array([[log_of(x) for x in r] for r in rows]), np.array(norms)


def saturated_runs(seed, steps=12):
    """Networks of two or three units with biases and gates from ordinary to far beyond float64."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 4))

    def spread():
        return rng.choice([0.5, 5.0, 20.0, 100.0, 400.0, 800.0], size=n) * rng.choice([-1, 1], n)

    start = rng.normal(size=n)
    for cell in (RNN, BEFORE, GATED):
        params = {"W": rng.normal(size=(n, n)), "b": spread()}
        params |= {"k": spread()} if cell is GATED else {}
        yield gf.run(cell, params, state=start, steps=steps, backend=BACKENDS[0])
    x = rng.normal(size=(steps, 2))
    for name in ("lstm", "gru"):
        cell = gf.cells.get(name)
        params = cell.init(hidden=n, input=2, rng=seed)
        for bias in [p for p in params if p.startswith("b_")]:
            if rng.random() < 0.5:
                params[bias] = spread()
        state = {"h": start, **({"c": spread()} if name == "lstm" else {})}
        yield gf.run(cell, params, x, state, backend=BACKENDS[0])


@pytest.mark.parametrize("seed", range(6))
def test_gradients_of_saturated_networks_are_those_of_mpmath(seed):
    doubted = 0
    for run in saturated_runs(seed):
        u = np.random.default_rng(seed).normal(size=run.width)
        units, norms = exact_gradient(run, u)
        found = run.gradient_decay(u)
        label = f"{run.name} {seed}"
        doubted += bool(run.in_doubt().any())
        # a sum of d terms of any sign may cancel a few digits of each
        np.testing.assert_allclose(found.log_norm, norms, rtol=1e-12, atol=1e-10, err_msg=label)
        if run.in_doubt().any():
            np.testing.assert_allclose(found.by_unit, units, rtol=1e-12, atol=1e-8, err_msg=label)
        by_path = run.paths(u)
        np.testing.assert_allclose(by_path.total, norms[1:], rtol=1e-12, atol=1e-10, err_msg=label)
    assert doubted


def exact_product(matrices):
    """The product of matrices of mpmath numbers, the first to the right."""
    product = matrices[0]
    for matrix in matrices[1:]:
        product = matrix @ product
    return product


@pytest.mark.parametrize("seed", range(4))
def test_the_factors_of_a_step_are_its_jacobian(seed):
    """Entry by entry, whatever lies beside it; the logs are held against mpmath above."""
    padded = 0
    for run in saturated_runs(seed, steps=6):
        found = added(list(run.log_path_jacobians(np.arange(6)).values()))
        steps, d = factored(run), run.width
        padded += steps.matrices.shape[-1] > d
        for k in range(6):
            mine = steps.matrices[k * steps.each : (k + 1) * steps.each]
            with mpmath.workdps(600):
                product = exact_product(list(np.vectorize(mpmath.mpf, otypes=[object])(mine)))
                assert not product[d:].any() or steps.matrices.shape[-1] == d
                logs = np.array([[log_of(x) for x in row] for row in product[:d, :d]])
            np.testing.assert_allclose(logs, found.log[k], rtol=1e-14, atol=1e-12)
    assert padded or seed != 0


@pytest.mark.parametrize("seed", range(4))
def test_products_of_saturated_networks_have_the_determinant_and_norm_of_their_steps(seed):
    for run in saturated_runs(seed, steps=8):
        if run.name == "lstm":  # its determinants cancel, and rounding of its entries decides
            continue
        label = f"{run.name} {seed}"
        with mpmath.workdps(2000):
            exact = exact_steps(run, 2000)
            determinant = sum(log_of(mpmath.det(mpmath.matrix(step.tolist()))) for step in exact)
            norm = log_of(mpmath.norm(mpmath.matrix(exact_product(exact).tolist()), 2))
        decay = run.decay().log_norm[-1]
        # the Frobenius norm is the spectral one to a factor of the root of d
        assert -1e-9 <= norm - decay <= np.log(run.width) / 2 + 1e-9, label
        values = run.singular_values([8])
        assert values.log_sigma[0, 0] == pytest.approx(decay, abs=1e-8, rel=1e-12), label
        for logs, error in (
            (values.log_sigma[0], values.error),
            (np.atleast_1d(run.product_eigenvalues().log_abs), run.product_eigenvalues().error),
        ):
            slack = error.sum() + 1e-8
            assert logs.sum() == pytest.approx(determinant, rel=1e-12, abs=slack), label


def test_an_lstm_whose_cells_have_reached_63_and_400_has_no_dead_unit():
    cell = gf.cells.lstm
    params = cell.init(hidden=3, input=2, rng=0)
    params["b_f"] = np.full(3, 40.0)
    x = np.random.default_rng(1).normal(size=(50, 2))
    state = {"h": np.zeros(3), "c": np.array([63.0, 400.0, 0.5])}
    run = gf.run(cell, params, x, state)
    u = {"h": np.ones(3)}
    decay = run.gradient_decay(u)
    assert np.isfinite(decay.by_unit[1:]).all()
    assert (run.gradient_decay(u).unit_half_lives() > 0).all()
    units, _ = exact_gradient(run, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(decay.by_unit, units, rtol=1e-12, atol=1e-8)


SIDE = gf.Cell(name="side", state="h", vectors="a", equations="h_next = a * h")
PARTS = gf.Cell(
    name="parts", state="h m", scalars="a b", equations="h_next = a * h\nm_next = b * m + 0 * h"
)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_unit_that_falls_below_the_others_over_many_ordinary_steps_has_its_log(backend):
    rates = np.array([1.0, 0.5, 0.9, -0.01, 0.0])
    run = gf.run(SIDE, {"a": rates}, state=np.ones(5), steps=1500, backend=backend)
    assert not run.in_doubt().any()
    found = run.gradient_decay(np.ones(5)).by_unit
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = np.arange(1501)[:, None] * np.log(abs(rates))
    wanted[0] = 0.0
    # a sum of 1500 logarithms, each right to rounding
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("units", [True, False])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_part_that_falls_below_the_others_over_many_ordinary_steps_has_its_log(backend, units):
    run = gf.run(PARTS, {"a": 2.0, "b": 0.5}, state=[1e-300, 1.0], steps=900, backend=backend)
    found = run.gradient_decay([1.0, 1.0], units=units).by_part
    np.testing.assert_allclose(found["h"], np.arange(901) * np.log(2), rtol=1e-12)
    np.testing.assert_allclose(found["m"], np.arange(901) * -np.log(2), rtol=1e-12)
    nothing = run.gradient_decay([1.0, 0.0], units=units).by_part
    assert (nothing["m"] == -np.inf).all()


def test_a_unit_of_a_stack_that_falls_below_the_others_has_its_log():
    """Without products between them, layers are as many cells."""
    cell = gf.Cell(
        name="line",
        state="h",
        inputs="x",
        maps="W",
        vectors="a",
        equations="h_next = a * h + W @ x",
    )
    network = gf.stack(cell, 2, hidden=1, inputs=1, rng=0)
    for layer, rate in zip(network.layers, (0.25, 1.0), strict=True):
        layer.params["a"][:], layer.params["W"][:] = rate, 0.0
    found = network.run(np.ones((1200, 1))).gradient_decay([1.0, 1.0])
    wanted = np.stack([np.arange(1201) * np.log(0.25), np.zeros(1201)], -1)
    np.testing.assert_allclose(found.by_unit, wanted, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.by_part["1.h"], wanted[:, 0], rtol=1e-12, atol=1e-12)


def test_zeros_of_a_relu_are_not_made_again(monkeypatch):
    """Ordinary networks with units that are off cost no logarithms."""
    monkeypatch.setattr("gradflow.spectra.beyond.rows._pulled", None)
    cell = gf.cells.irnn
    params = cell.init(hidden=16, input=2, rng=0)
    x = np.random.default_rng(0).normal(size=(100, 2))
    run = gf.run(cell, params, x)
    found = run.gradient_decay(np.ones(16)).by_unit
    assert np.isneginf(found).any()
    with pytest.raises(TypeError):
        gf.run(TANH, {"b": [500.0]}, state=[0.0], steps=3).gradient_decay([1.0])


@pytest.mark.parametrize("seed", range(6))
def test_the_magnitudes_of_saturated_runs_are_no_more_than_their_steps_allow(seed):
    for run in saturated_runs(seed):
        assert (run.log_least() <= run.log_least(closely=True) + 1e-6).all()


def test_what_is_zero_stays_zero():
    """A ReLU that is off, W = 0, and 0 times y are no underflow, whatever is saturated beside."""
    off = gf.Cell(
        name="off", state="h", vectors="b", equations="h_next = relu(h + b) * sigmoid(h - 1000)"
    )
    run = gf.run(off, {"b": [-5.0, -5.0]}, state=[0.0, 1.0], steps=20)
    assert not run.in_doubt().any()
    assert (run.decay().log_norm[1:] == -np.inf).all()
    run = gf.run(RNN, {"W": np.zeros((2, 2)), "b": [0.1, 700.0]}, state=[0.1, 0.2], steps=20)
    assert not run.in_doubt().any()
    assert (run.singular_values().log_sigma == -np.inf).all()
    assert (run.lyapunov().exponents == -np.inf).all()
    nothing = gf.Cell(name="nothing", state="y", scalars="q", equations="y_next = 0 * y + q")
    assert gf.run(nothing, {"q": 1.0}, state=[1.0], steps=9).decay().rate() == -np.inf


def test_an_entry_too_small_beside_others_is_kept_or_the_value_refused():
    """``[[1, e^-1000], [0, 1]]``: no scale of rows and columns makes float64 hold it."""
    cell = gf.Cell(
        name="beside",
        state="a b",
        vectors="k",
        equations="a_next = a + (1 - sigmoid(k)) * b\nb_next = b",
    )
    run = gf.run(cell, {"k": [1000.0]}, state=[1.0, 1.0], steps=10)
    small = np.log(10) - 1000
    assert run.decay(block=("a", "b")).log_norm[-1] == pytest.approx(small, rel=1e-13)
    block = run.singular_values([10], block=("a", "b"))
    assert block.log_sigma[0, 0] == pytest.approx(small, rel=1e-12)
    assert run.gradient_decay([1.0, 0.0]).by_part["b"][-1] == pytest.approx(small, rel=1e-13)
    np.testing.assert_array_equal(run.decay().log_norm, 0)
    np.testing.assert_allclose(run.singular_values([10]).log_sigma, 0, atol=1e-12)
    np.testing.assert_allclose(run.product_eigenvalues().log_abs, 0, atol=1e-12)
    assert run.lyapunov(leading=1).exponents[0] == pytest.approx(0, abs=1e-9)
    with pytest.raises(PrecisionError, match=r"10\^-308 a step"):
        run.lyapunov()


def test_sums_that_come_out_as_zero_are_refused_by_name():
    run = gf.run(TANH, {"b": [700.0]}, state=[0.0], steps=10)
    for of in (run.parameter_gradient, lambda g: run.truncation(g, [2])):
        with pytest.raises(PrecisionError, match="below 10"):
            of([1.0])
    ordinary = gf.run(TANH, {"b": [30.0]}, state=[0.0], steps=10)
    found = ordinary.parameter_gradient([1.0]).log_norm["b"]
    np.testing.assert_allclose(found, np.arange(1, 11) * exact_unit("tanh", 30.0) / 100, rtol=1e-2)


def test_a_stack_of_one_layer_is_that_layer():
    network = gf.stack("gru", 1, hidden=2, inputs=2, rng=0)
    network.layers[-1].params["b_z"][:] = -800.0
    run = network.run(np.random.default_rng(0).normal(size=(10, 2)))
    layer = run.runs[0]
    assert run.in_doubt().all()
    u = np.array([1.0, -2.0])
    for found, wanted in (
        (run.decay().log_norm, layer.decay().log_norm),
        (run.gradient_decay(u).log_norm, layer.gradient_decay(u).log_norm),
        (run.singular_values([10]).log_sigma, layer.singular_values([10]).log_sigma),
        (run.lyapunov().exponents, layer.lyapunov().exponents),
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


EQUATIONS = {
    "mix": "s = sigmoid(W_s @ x + U_s @ h + b_s)\ng = tanh(W_g @ x + U_g @ h + b_g)\n"
    "h_next = s * g\n",
    "gru": "r = sigmoid(W_r @ x + U_r @ h + b_r)\nz = sigmoid(W_z @ x + U_z @ h + b_z)\n"
    "g = tanh(W_g @ x + U_g @ (r * h) + b_g)\nh_next = z * h + (1 - z) * g\n",
    "lstm": "i = sigmoid(W_i @ x + U_i @ h + b_i)\nf = sigmoid(W_f @ x + U_f @ h + b_f)\n"
    "o = sigmoid(W_o @ x + U_o @ h + b_o)\ng = tanh(W_g @ x + U_g @ h + b_g)\n"
    "c_next = f * c + i * g\nh_next = o * tanh(c_next)\n",
}
MIX = gf.Cell(
    name="mix",
    state="h",
    inputs="x",
    maps="W_s U_s W_g U_g",
    vectors="b_s b_g",
    equations=EQUATIONS["mix"],
)
NORMED = (
    "gain{k} * (h{k}_next - mean(h{k}_next)) / sqrt(mean((h{k}_next - mean(h{k}_next))**2) + {e})"
)


def as_one_cell(network, names, run):
    """The layers of a stack as equations of one cell, run by the mpmath target at its states."""
    lines, params, below = [], {}, "x"
    for k, (name, layer, behind) in enumerate(
        zip(names, network.layers, run.between, strict=True), 1
    ):
        text = EQUATIONS[name]
        words = sorted({*re.findall(r"[A-Za-z_]+", text)} - {"sigmoid", "tanh", "x"}, key=len)
        for word in words[::-1]:
            new = word.replace("_next", f"{k}_next") if "_next" in word else f"{word}{k}"
            text = re.sub(rf"(?<![A-Za-z_]){word}(?![A-Za-z_0-9])", new, text)
        lines.append(re.sub(r"\bx\b", below, text))
        params |= {f"{p}{k}": v for p, v in layer.params.items()}
        if k == len(names):
            break
        given = f"h{k}_next"
        if behind.norm is not None:
            given = NORMED.format(k=k, e=repr(behind.norm.epsilon))
            params[f"gain{k}"] = behind.norm.gain
        lines.append(f"y{k} = {given}" + (f" + {below}" if behind.residual and k > 1 else ""))
        below = f"y{k}"
    states = " ".join(part.split(".")[1] + part.split(".")[0] for part in run.parts)
    cell = gf.Cell(
        name="whole",
        state=states,
        inputs="x",
        maps=" ".join(p for p, v in params.items() if np.ndim(v) == 2),
        vectors=" ".join(p for p, v in params.items() if np.ndim(v) == 1),
        equations="\n".join(lines),
    )
    bound = gf.compile(cell, "mpmath", digits=60).bind(params, run.flat_states[0])
    return lambda x: [
        bound.jacobian(run.flat_states[k], x[k], k + 1).astype(object) for k in range(run.steps)
    ]


def saturated_stack(names, seed, **options):
    cells = [MIX if name == "mix" else name for name in names]
    network = gf.stack(cells, hidden=2, inputs=2, rng=seed, **options)
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        for bias in [p for p in layer.params if p.startswith("b_")]:
            size = rng.choice([0.5, 20.0, 300.0, 800.0], size=2)
            layer.params[bias][:] = size * rng.choice([-1, 1], 2)
    x = rng.normal(size=(4, 2))
    return network, network.run(x), x


@pytest.mark.parametrize("options", [{}, {"residual": True}, {"norm": True, "residual": True}])
@pytest.mark.parametrize(
    "names",
    [
        ("mix", "mix"),
        pytest.param(("mix", "lstm", "mix"), marks=pytest.mark.slow),
        pytest.param(("lstm", "gru", "lstm"), marks=pytest.mark.slow),
    ],
    ids="-".join,
)
def test_saturated_stacks_are_those_of_mpmath(names, options):
    doubted = 0
    for seed in range(3):
        network, run, x = saturated_stack(names, seed, **options)
        doubted += bool(run.in_doubt().any())
        steps = as_one_cell(network, names, run)(x)
        u = np.random.default_rng(seed).normal(size=run.width)
        with mpmath.workdps(60):
            row = np.array([mpmath.mpf(v) for v in u], dtype=object)
            rows = [row]
            for step in reversed(steps):
                row = row @ step
                rows.append(row)
            norms = np.array([log_of(mpmath.sqrt(sum(v * v for v in r))) for r in rows])
            units = np.array([[log_of(v) for v in r] for r in rows])
        found = run.gradient_decay(u)
        np.testing.assert_allclose(found.log_norm, norms, rtol=1e-12, atol=1e-9)
        np.testing.assert_allclose(found.by_unit, units, rtol=1e-11, atol=1e-8)
        np.testing.assert_allclose(run.paths(u).total, norms[1:], rtol=1e-12, atol=1e-9)
        with mpmath.workdps(600):
            product = exact_product(steps)
            size = log_of(mpmath.norm(mpmath.matrix(product.tolist()), 2))
            own = {p: product[s, s] for p, s in run.parts.items()}
            blocks = {p: log_of(mpmath.norm(mpmath.matrix(b.tolist()), 2)) for p, b in own.items()}
        decay = run.decay().log_norm[-1]
        assert -1e-9 <= size - decay <= np.log(run.width) / 2 + 1e-9
        assert run.singular_values([4]).log_sigma[0, 0] == pytest.approx(decay, abs=1e-8, rel=1e-12)
        for part, wanted in blocks.items():
            off = wanted - run.decay(block=(part, part)).log_norm[-1]
            assert -1e-8 - 1e-11 * abs(wanted) <= off <= np.log(2) / 2 + 1e-8, part
    assert doubted


def test_an_oracle_of_stacks_sees_a_wrong_derivative_between_layers(monkeypatch):
    right = LinearisedCell.log_input_jacobians

    def wrong(run, where):
        found = right(run, where)
        return replace(found, log=found.log + 1e-3, value=found.value * np.exp(1e-3))

    monkeypatch.setattr(LinearisedCell, "log_input_jacobians", wrong)
    with pytest.raises(AssertionError):
        test_saturated_stacks_are_those_of_mpmath(("mix", "mix"), {})


def test_exponents_and_layer_norms_of_a_saturated_stack():
    """Blocks of a block triangular product have exponents of their own: those of the layers."""
    network = gf.stack("gru", 2, hidden=2, inputs=2, rng=0)
    for layer, size in zip(network.layers, (-800.0, -500.0), strict=True):
        layer.params["b_z"][:] = size
        layer.params["U_g"][:] = 0.0
    run = network.run(np.random.default_rng(0).normal(size=(20, 2)))
    assert run.in_doubt().all()
    own = np.concatenate([layer.lyapunov(transient=0).exponents for layer in run.runs])
    wanted = np.sort(own)[::-1]
    assert run.lyapunov(transient=0, leading=1).exponents[0] == pytest.approx(wanted[0], rel=0.05)
    norms = run.layer_norms(20)
    assert norms[0, 1] == -np.inf
    for k, layer in enumerate(run.runs):
        within = layer.decay().log_norm[-1]
        assert within - 1e-9 <= norms[k, k] + np.log(2) / 2 + 1e-9
        assert norms[k, k] <= within + np.log(2) / 2 + 1e-9


def test_a_stack_whose_layers_have_no_doubt_may_have_one_between_them():
    """Three layers whose inputs act by e^-300 each: by e^-600 and e^-900 upon layers above."""
    cell = gf.Cell(
        name="thin",
        state="h",
        inputs="x",
        maps="W",
        vectors="k",
        equations="h_next = 0.5 * h + sigmoid(k) * (W @ x)",
    )
    network = gf.stack(cell, 4, hidden=1, inputs=1, rng=0)
    for layer in network.layers:
        layer.params["k"][:], layer.params["W"][:] = -300.0, 1.0
    run = network.run(np.ones((3, 1)))
    assert not any(layer.in_doubt().any() for layer in run.runs)
    assert run.in_doubt().all()
    block = run.decay(block=("4.h", "1.h")).log_norm[1:]
    # one step: 1/2 e^-900; each more in C(k + 3, 3) ways beyond, each half as large
    wanted = np.log([0.5, 1.0, 5 / 4]) - 900
    assert block == pytest.approx(wanted, rel=1e-12)
