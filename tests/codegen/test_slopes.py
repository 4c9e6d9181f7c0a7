"""Slopes of saturated units keep their digits in every target, against 60 digits by mpmath."""

import importlib
from functools import cache, partial

import mpmath
import numpy as np
import pytest
import sympy as sp

import gradflow as gf
from gradflow.cells.language.functions import (
    erf_rest,
    sigmoid,
    sigmoid_rest,
    softplus,
    tanh_slope,
)
from gradflow.cells.language.syntax import symbol
from gradflow.codegen.code import Code
from gradflow.codegen.lowering import calculus
from gradflow.codegen.lowering.routine import Let
from gradflow.codegen.lowering.slopes import with_slopes
from gradflow.codegen.targets.numba import runtime
from gradflow.codegen.targets.numpy import functions
from gradflow.errors import UsageError

TANH = gf.Cell(name="tanh_unit", state="h", vectors="b", equations="h_next = tanh(h + b)")
SIGMOID = gf.Cell(name="sigmoid_unit", state="h", vectors="b", equations="h_next = sigmoid(h + b)")
# the least float64 is 4.9e-324: 4 exp(-2 |a|) is above it up to |a| = 372, exp(-|a|) up to 744
TANH_BIASES = [0.25, 3.0, 12.0, 14.0, 16.0, 17.0, 18.0, 19.0, 22.5, 63.0, 200.0, 350.0]
SIGMOID_BIASES = [0.25, 12.0, 20.0, 30.0, 37.0, 200.0, 700.0]
LIBRARIES = {"numpy": "array", "torch": "tensor", "jax": "asarray"}


def exact_slope(name, a):
    """The slope at a number, from the exponential, to 60 digits."""
    with mpmath.workdps(60):
        a = mpmath.mpf(a)
        if name == "tanh":
            return mpmath.sech(a) ** 2
        return 1 / (1 + mpmath.exp(-a)) / (1 + mpmath.exp(a))


@cache
def exact_decay(name, b, steps=100):
    """The log of the product of the slopes of ``h' = f(h + b)`` from ``h = 0``, in nats."""
    with mpmath.workdps(60):
        h, total = mpmath.mpf(0), mpmath.mpf(0)
        for _ in range(steps):
            a = h + mpmath.mpf(b)
            total += mpmath.log(exact_slope(name, a))
            h = mpmath.tanh(a) if name == "tanh" else 1 / (1 + mpmath.exp(-a))
        return float(total)


CELLS = {
    "tanh": (TANH, [*TANH_BIASES, *(-b for b in TANH_BIASES)]),
    "sigmoid": (SIGMOID, [*SIGMOID_BIASES, *(-b for b in SIGMOID_BIASES)]),
}


@pytest.fixture(params=["numpy", "numba", "mpmath", *(f"array-api {n}" for n in LIBRARIES)])
def target(request):
    """A backend, and what makes arrays for it, float64 throughout."""
    backend, _, library = request.param.partition(" ")
    if not library:
        yield backend, np.array
        return
    module = pytest.importorskip(library)
    if library == "jax":
        with module.enable_x64(True):
            yield backend, module.numpy.asarray
        return
    yield backend, getattr(module, LIBRARIES[library])


def totals_of_steps(code, array, biases, steps=100):
    """The sums of the logs of the step Jacobians' diagonals along a run, one unit a bias."""
    params, h = {"b": array(np.array(biases))}, array(np.zeros(len(biases)))
    total = np.zeros(len(biases))
    for _ in range(steps):
        diagonal = np.asarray(code.jacobian(params, h)).diagonal()
        total += [float(mpmath.log(slope)) if slope > 0 else -np.inf for slope in diagonal]
        h = code.step(params, h)
    return total


@pytest.mark.parametrize("name", CELLS)
def test_the_decay_of_one_unit_is_right_to_rounding_in_every_target(name, target):
    backend, array = target
    cell, biases = CELLS[name]
    found = totals_of_steps(gf.compile(cell, backend), array, biases)
    wanted = [exact_decay(name, b) for b in biases]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_mpmath_has_no_range_that_ends():
    biases = [-700.0, 400.0, 700.0]
    found = totals_of_steps(gf.compile(TANH, "mpmath"), np.array, biases)
    np.testing.assert_allclose(found, [exact_decay("tanh", b) for b in biases], rtol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_run_says_the_decay_that_there_is(backend):
    known = {14: -2859.371, 16: -3259.371, 17: -3459.371, 18: -3659.371, 19: -3859.371}
    for b, told in known.items():
        assert exact_decay("tanh", b) == pytest.approx(told, abs=1e-3)
    for name, (cell, biases) in CELLS.items():
        for b in biases[::3]:
            run = gf.run(cell, {"b": np.array([b])}, steps=100, state=[0.0], backend=backend)
            wanted = exact_decay(name, b)
            assert run.decay().log_norm[-1] == pytest.approx(wanted, rel=1e-12), (name, b)
            assert run.gradient_decay([1.0]).log_norm[-1] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "numba", "array-api"])
def test_the_formula_as_it_is_printed_fails_the_test_of_the_decay(backend, monkeypatch):
    monkeypatch.setattr(calculus, "with_slopes", list)
    planted = Code(TANH, gf.compile(TANH, backend).target)  # not the code kept for the cell
    assert "slope" not in planted.text
    found = totals_of_steps(planted, np.array, [0.25, 14.0, 16.0, 19.0])
    wanted = np.array([exact_decay("tanh", b) for b in (0.25, 14.0, 16.0, 19.0)])
    np.testing.assert_array_equal(abs(found / wanted - 1) < 1e-12, [True, False, False, False])
    assert found[-1] == -np.inf


def test_the_multiplier_of_a_saturated_fixed_point():
    cell = gf.Cell(name="loop", state="x", scalars="w", equations="x_next = w * tanh(x)")
    with mpmath.workdps(60):
        w = mpmath.mpf(19)
        x = mpmath.findroot(lambda x: w * mpmath.tanh(x) - x, 19)
        wanted = mpmath.log(w * mpmath.sech(x) ** 2)
    assert float(wanted) == pytest.approx(-33.66926666, abs=1e-8)
    for backend in ("numpy", "numba"):
        run = gf.run(cell, {"w": 19.0}, steps=100, state=[float(x)], backend=backend)
        exponent = run.lyapunov(transient=10).exponents[0]
        assert exponent == pytest.approx(float(wanted), rel=1e-12)


def test_an_lstm_whose_cell_has_reached_63(target):
    """``dh'/dc = o (1 - tanh(c')^2) f`` and what comes with it, by hand."""
    backend, array = target
    cell = gf.cells.lstm
    params = {k: v * 0 for k, v in cell.init(hidden=1, input=1, rng=0).items()}
    params["b_f"] = params["b_f"] + 30.0
    params["b_i"] = params["b_i"] - 45.0
    params["b_g"] = params["b_g"] + 21.0
    params["b_o"] = params["b_o"] - 33.0
    for gate in "figo":
        params[f"U_{gate}"] = params[f"U_{gate}"] + 1.0
    given = {k: array(v) for k, v in params.items()}
    code = gf.compile(cell, backend)
    parts = {"h": array(np.array([0.0])), "c": array(np.array([63.0]))}
    found = np.array(
        code.jacobian(given, code.join(parts), array(np.array([0.0]))).tolist(), dtype=object
    )
    with mpmath.workdps(60):
        one = mpmath.mpf(1)
        f, i, o = (one / (1 + mpmath.exp(-mpmath.mpf(a))) for a in (30, -45, -33))
        f_rest, i_rest, o_rest = (one / (1 + mpmath.exp(mpmath.mpf(a))) for a in (30, -45, -33))
        g, g_slope = mpmath.tanh(21), mpmath.sech(21) ** 2
        c_next = f * 63 + i * g
        slope = mpmath.sech(c_next) ** 2
        c_by_h = 63 * f * f_rest + g * i * i_rest + i * g_slope
        h_by_h = mpmath.tanh(c_next) * o * o_rest + o * slope * c_by_h
        order = {"h": {"h": h_by_h, "c": o * slope * f}, "c": {"h": c_by_h, "c": f}}
        wanted = [[float(order[a][b]) for b in cell.states] for a in cell.states]
    np.testing.assert_allclose(found.astype(float), wanted, rtol=1e-13)
    assert min(map(min, wanted)) < 1e-65


@pytest.mark.parametrize("backend", ["numpy", "numba", "mpmath", "array-api"])
def test_an_open_gate_closes_what_it_closes(backend):
    """``(1 - z) g``, with z alone, with ``k = 1 - z``, and as twice the difference."""
    by_hand = {
        "z = sigmoid(b)\ng = tanh(h)\nh_next = (1 - z) * g": 1,
        "z = sigmoid(b)\nk = 1 - z\nh_next = k * h": 1,
        "z = sigmoid(b)\nh_next = 2 * (1 - z) * h": 2,
        "z = sigmoid(b)\nh_next = -(1 - z) * h": -1,
        "h_next = (3 - 3 * sigmoid(b)) * h": 3,
    }
    for equations, factor in by_hand.items():
        cell = gf.Cell(name="open", state="h", vectors="b", equations=equations)
        code = gf.compile(cell, backend)
        params, h, one = {"b": np.array([60.0])}, np.array([0.0]), np.array([1.0])
        with mpmath.workdps(60):
            rest = factor / (1 + mpmath.exp(mpmath.mpf(60)))
            closed = rest / (1 + mpmath.exp(mpmath.mpf(-60)))  # times z, which is nearly 1
        for found in (
            code.jacobian(params, h)[0, 0],
            code.jvp(params, h, one)[0],
            code.vjp(params, h, one)[0],
        ):
            assert float(found) == pytest.approx(float(rest), rel=1e-14), equations
        near = code.parameter_vjp(params, np.array([1.0]), one)["b"][0]
        value = mpmath.tanh(1) if "tanh" in equations else 1
        assert float(near) == pytest.approx(float(-closed * value), rel=1e-14), equations


def ulps(found, wanted):
    """How far a float64 is from the truth in units of its last place, also in the subnormals."""
    spacing = np.spacing(np.abs(float(wanted)))
    return abs(float((mpmath.mpf(float(found)) - wanted) / mpmath.mpf(float(spacing))))


@pytest.mark.parametrize("home", [functions, runtime], ids=["numpy", "numba"])
def test_the_functions_are_right_to_a_few_units_in_the_last_place(home):
    rng = np.random.default_rng(0)
    for name, most, end in (("tanh_slope", 372.5, 373.5), ("sigmoid_rest", 744.0, 746.0)):
        points = np.concatenate([rng.uniform(-most, most, 500), rng.uniform(-3, 3, 300), [0, -0]])
        function = getattr(home, name)
        with mpmath.workdps(60):
            for a in points:
                exact = mpmath.mpf(float(a))
                wanted = (
                    mpmath.sech(exact) ** 2 if name == "tanh_slope" else 1 / (1 + mpmath.exp(exact))
                )
                assert ulps(function(float(a)), wanted) <= 6, (name, a)
        assert function(end) == 0
        assert function(np.inf) == 0
        assert function(-np.inf) == (0 if name == "tanh_slope" else 1)
        assert np.isnan(function(np.nan))


@pytest.mark.parametrize("library", LIBRARIES)
def test_float32_is_as_good_as_float32_can_be(library):
    """No slope is 0 before float32's own normal range ends, at 1.2e-38."""
    module = pytest.importorskip(library)
    array = getattr(module.numpy if library == "jax" else module, LIBRARIES[library])
    for name, cell, ends in (("tanh", TANH, 44.0), ("sigmoid", SIGMOID, 87.0)):
        code = gf.compile(cell, "array-api")
        for b in (0.5, 6.0, 9.5, 17.5, 30.0, ends, -9.5, -ends):
            params = {"b": array(np.array([b], dtype=np.float32))}
            found = code.jacobian(params, array(np.array([0.0], dtype=np.float32)))
            assert "float32" in str(found.dtype)
            wanted = float(exact_slope(name, b))
            # the exponential of a rounded argument: |a| half units in the last place
            assert found.item() == pytest.approx(wanted, rel=2e-6), (name, b)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_autodiff_through_a_jacobian_gives_the_second_derivative(library):
    module = pytest.importorskip(library)
    transforms = importlib.import_module("torch.func") if library == "torch" else module
    array = getattr(module.numpy if library == "jax" else module, LIBRARIES[library])
    second = {
        TANH: lambda a: -2 * np.tanh(a) / np.cosh(a) ** 2,
        SIGMOID: lambda a: -np.tanh(a / 2) / np.cosh(a / 2) ** 2 / 4,
    }
    params = {"b": array(np.array([0.0], dtype=np.float32))}
    for cell in second:
        slope = partial(gf.compile(cell, "array-api").jacobian, params)
        derivative = transforms.grad(lambda h, slope=slope: slope(h)[0, 0])
        for at in (0.0, 0.75, -2.0, 20.0):
            found = derivative(array(np.array([at], dtype=np.float32)))
            assert found.item() == pytest.approx(second[cell](at), rel=1e-5)


a, b, s, g, x = (symbol(name) for name in "absgx")
NAMED = [Let(s, sigmoid(a + b), "hidden"), Let(g, sp.tanh(a * b), "hidden")]


@pytest.mark.parametrize(
    ("printed", "wanted"),
    [
        (1 - s, sigmoid_rest(a + b)),
        (s * (1 - s), s * sigmoid_rest(a + b)),
        (s - 1, -sigmoid_rest(a + b)),
        (x * (1 - g**2), x * tanh_slope(a * b)),
        (sp.Rational(1, 2) - g**2 / 2, tanh_slope(a * b) / 2),
        (2 - s - g**2, sigmoid_rest(a + b) + tanh_slope(a * b)),
        (1 - s + x * s, sigmoid_rest(a + b) + x * s),
        (x * (1 - sp.tanh(x) ** 2), x * tanh_slope(x)),
        (sp.exp(1 - sigmoid(x)), sp.exp(sigmoid_rest(x))),
        (1 - g, 2 * sigmoid_rest(2 * a * b)),
        (x * (1 + g), 2 * x * sigmoid_rest(-2 * a * b)),
        ((1 + sp.erf(x)) / 2, erf_rest(-x) / 2),
        (x * (1 - sp.erf(x)), x * erf_rest(x)),
        (x * sp.log(s), -x * softplus(-a - b)),
        # what is no slope, or loses nothing, stays
        (1 + s, 1 + s),
        (1 + g**2, 1 + g**2),
        (1 - s**2, 1 - s**2),
        (1 - g**4, 1 - g**4),
        (3 - s, 3 - s),
        (1 - 3 * s, 1 - 3 * s),
        (x - s, x - s),
        (1 - x, 1 - x),
    ],
)
def test_what_becomes_a_function_of_the_argument(printed, wanted):
    statements = with_slopes([*NAMED, Let(symbol("y"), printed, "hidden")])
    assert statements[:2] == NAMED
    assert statements[2].expression == wanted


def test_a_name_for_a_square_and_a_name_for_a_name():
    square, other = symbol("q"), symbol("r")
    more = [Let(square, g**2, "hidden"), Let(other, s, "hidden")]
    *_, first, second = with_slopes(
        [*NAMED, *more, Let(symbol("y"), 1 - square, "hidden"), Let(x, 1 - other, "hidden")]
    )
    assert first.expression == tanh_slope(a * b)
    assert second.expression == sigmoid_rest(a + b)


def test_what_is_printed_stays_and_the_step_is_as_declared():
    J = gf.jacobian("gru")
    assert "1 - g**2" in J.text()
    assert "z*(1 - z)" in J.text()
    assert "slope" not in J.text() + J.latex() + str(J.to_json())
    step, *rest = gf.compile(gf.cells.gru).source.split("\n\n\ndef ")[1:]
    assert "h_next = g*(1 - z) + h*z" in step
    assert all("1 - " not in text for text in rest)
    with pytest.raises(UsageError, match="tanh_slope"):
        gf.Cell(name="no", state="h", equations="h_next = tanh_slope(h)")
