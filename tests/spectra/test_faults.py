"""A NaN or an infinity is located where the test planted it: step, equation, operation, unit."""

import pickle

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import NotFiniteError, PrecisionError, UsageError
from gradflow.spectra.faults.of_states import fault_of_states

STEPS, HIDDEN, STEP, UNIT, WHICH = 20, 4, 13, 2, 1


def planted(expression):
    """A cell whose equation ``y`` is an expression of the input, harmless but where it is hit."""
    return gf.Cell(
        name="planted",
        state="h",
        inputs="x[hidden]",
        maps="U",
        vectors="b",
        equations=f"z = x + b\ny = {expression}\nh_next = 0.3*tanh(U @ h) + y",
    )


def hit(value, calm=0.75):
    """Inputs (3, T, units) that are calm but for one step and unit of one trajectory."""
    x = np.full((3, STEPS, HIDDEN), calm)
    x[WHICH, STEP - 1, UNIT] = value
    return x


def params():
    rng = np.random.default_rng(5)
    return {"U": 0.4 * rng.standard_normal((HIDDEN, HIDDEN)), "b": np.zeros(HIDDEN)}


# expression, the value planted, operation, its arguments, what it gives, cause
VALUES = {
    "sqrt": ("sqrt(z)", -0.3, "sqrt", (-0.3,), "nan", "root of a negative number"),
    "half power": ("z**0.5", -0.3, "sqrt", (-0.3,), "nan", "root of a negative number"),
    "power": ("z**1.5", -0.3, "**", (-0.3, 1.5), "nan", "root of a negative number"),
    "power of 0": ("z**(z - 1)", 0.0, "**", (0.0, -1.0), "inf", "division by 0"),
    "log of 0": ("log(z)", 0.0, "log", (0.0,), "-inf", "logarithm of 0"),
    "log of negative": ("log(z)", -2.0, "log", (-2.0,), "nan", "logarithm of a negative number"),
    "one over 0": ("1/z", 0.0, "/", (1.0, 0.0), "inf", "division by 0"),
    "0/0": ("sin(z)/z", 0.0, "/", (0.0, 0.0), "nan", "0/0"),
    "over a power": ("tanh(z)/z**2", 0.0, "/", (0.0, 0.0), "nan", "0/0"),
    "over a root": ("1/sqrt(z)", 0.0, "/", (1.0, 0.0), "inf", "division by 0"),
    "remainder": ("3 % z", 0.0, "%", (3.0, 0.0), "nan", "remainder by 0"),
    "exp": ("exp(z)", 800.0, "exp", (800.0,), "inf", "overflow"),
    "cosh": ("1 - cosh(z)", 900.0, "cosh", (900.0,), "inf", "overflow"),
    "square": ("z**2", 1e200, "**", (1e200, 2.0), "inf", "overflow"),
    "multiple": ("1e200*z", 1e200, "*", (1e200, 1e200), "inf", "overflow"),
    "quotient": ("1e200/z", 1e-200, "/", (1e200, 1e-200), "inf", "overflow"),
    "sum": ("9e307*tanh(z) + z", 1.7e308, "+", (9e307, 1.7e308), "inf", "overflow"),
}
# as above, and the operation from which the infinity came
ORIGINS = {
    "inf - inf": ("exp(z) - cosh(2*z)", 800.0, "+", "nan", "inf - inf", "cosh", "overflow"),
    "0 inf": ("z*log(z)", 0.0, "*", "nan", "0*inf", "log", "logarithm of 0"),
    "inf/inf": ("exp(z)/cosh(2*z)", 800.0, "/", "nan", "inf/inf", "exp", "overflow"),
    "sine": ("sin(exp(z))", 800.0, "sin", "nan", "sin of an infinity", "exp", "overflow"),
}
# the state stays finite; expression, value planted, operation, cause
SLOPES = {
    "root": ("sqrt(z)", 0.0, "sqrt", "slope of a root at 0"),
    "power": ("z**0.3", 0.0, "**", "slope of a root at 0"),
    "root of a square": ("sqrt(z*z*z*z + z**6)", 0.0, "sqrt", "slope of a root at 0"),
    "hidden exp": ("tanh(exp(z))", 800.0, "exp", "overflow"),
    "hidden log": ("sigmoid(log(z))", 0.0, "log", "logarithm of 0"),
    "hidden quotient": ("tanh(1/z)", 0.0, "/", "division by 0"),
    "hidden square": ("z/(1 + z**2)", 1e200, "**", "overflow"),
    "far inside": ("tanh(0.1*z + exp(cosh(z)))", 12.0, "exp", "overflow"),
    "taken": ("sqrt(z) if z < 0.5 else z", 0.0, "sqrt", "slope of a root at 0"),
}
# what frameworks turn to NaN, or what does no harm
SOUND = {
    "no branch": ("sqrt(z) if z > 0.5 else 0*z", -2.0),
    "log beside": ("log(z) if z > 0.5 else z", -1.0),
    "quotient beside": ("sin(z)/z if abs(z) > 0.1 else 1 - z*z/6", 0.0),
    "three branches": ("1/z if z > 0.5 else (log(z) if z > 0.1 else z)", 0.0),
    "other way": ("z if z < 0.5 else sqrt(z)", -4.0),
    "absolute": ("abs(z)", 0.0),
    "kink": ("relu(z)", 0.0),
    "exp to 0": ("exp(-z)", 800.0),
    "no slope": ("step(exp(z))", 800.0),
    "saturated": ("tanh(z)", 1e300),
}
SOUND = {name: (text.replace("abs(", "Abs("), value) for name, (text, value) in SOUND.items()}


def at_the_place(fault, kind):
    return (fault.kind, fault.step, fault.equation, fault.unit, fault.batch) == (
        kind,
        STEP,
        "y",
        UNIT,
        (WHICH,),
    )


@pytest.mark.parametrize("name", VALUES)
def test_a_planted_value_is_found(name):
    expression, value, operation, arguments, result, cause = VALUES[name]
    cell, x = planted(expression), hit(value)
    fault = gf.locate(cell, params(), x, backend="numpy")
    assert at_the_place(fault, "value")
    assert (fault.operation, str(fault.result), fault.cause) == (operation, result, cause)
    assert sorted(fault.arguments) == pytest.approx(sorted(arguments), rel=1e-15)
    assert fault.origin is None
    with pytest.raises(UsageError, match=f"finite at step {STEP} of 20, trajectory .1,.") as error:
        gf.run(cell, params(), x, backend="numpy")
    assert f"equation y: {fault._said()} in unit {UNIT} is {result}" in str(error.value)
    assert str(error.value).endswith(f"; {fault.advice}.")


@pytest.mark.parametrize("name", ORIGINS)
def test_a_planted_value_leads_back_to_its_infinity(name):
    expression, value, operation, result, cause, source, why = ORIGINS[name]
    fault = gf.locate(planted(expression), params(), hit(value), backend="numpy")
    assert at_the_place(fault, "value")
    assert (fault.operation, str(fault.result), fault.cause) == (operation, result, cause)
    assert (fault.origin.operation, fault.origin.cause) == (source, why)
    assert fault.origin.batch == (WHICH,)
    assert f"comes from {source} of " in str(fault)


@pytest.mark.parametrize("name", SLOPES)
def test_a_planted_slope_is_found_where_the_value_is_finite(name):
    expression, value, operation, cause = SLOPES[name]
    cell, x = planted(expression), hit(value)
    run = gf.run(cell, params(), x, backend="numpy")
    fault = gf.locate(cell, params(), x, backend="numpy")
    assert at_the_place(fault, "slope")
    assert (fault.operation, fault.cause, fault.wrt) == (operation, cause, "b")
    assert run.fault() == fault
    assert gf.locate(cell, params(), np.delete(x, WHICH, axis=0), backend="numpy") is None
    with pytest.raises(PrecisionError, match=rf"step {STEP} of trajectory \(1,\), equation y"):
        run.parameter_gradient(np.ones(HIDDEN))


@pytest.mark.parametrize("name", SOUND)
def test_what_does_no_harm_is_not_blamed(name):
    expression, value = SOUND[name]
    assert gf.locate(planted(expression), params(), hit(value), backend="numpy") is None


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numba"])
@pytest.mark.parametrize("name", ["sqrt", "0/0", "exp", "square"])
def test_every_backend_says_the_same(name, backend):
    pytest.importorskip("numba")
    expression, value, *_ = VALUES[name]
    given = planted(expression), params(), hit(value)
    assert gf.locate(*given, backend=backend) == gf.locate(*given, backend="numpy")


def test_the_planted_places_are_told_apart():
    """The checks of this file fail for a step, a unit or a trajectory that is off by one."""
    fault = gf.locate(planted("sqrt(z)"), params(), hit(-0.3), backend="numpy")
    for wrong in (np.roll(hit(-0.3), 1, axis=axis) for axis in range(3)):
        other = gf.locate(planted("sqrt(z)"), params(), wrong, backend="numpy")
        assert not at_the_place(other, "value")
        assert other.cause == fault.cause


def test_a_clock_of_period_0():
    cell = gf.Cell(
        name="phased",
        state="h",
        vectors="s tau",
        equations="phi = ((t - s) % tau)/tau\nh_next = phi*h",
    )
    given = {"s": np.zeros(3), "tau": np.array([2.0, 0.0, 3.0])}
    fault = gf.locate(cell, given, state=np.ones(3), steps=5)
    assert (fault.step, fault.equation, fault.unit) == (1, "phi", 1)
    assert (fault.operation, fault.arguments, fault.cause) == ("%", (1.0, 0.0), "remainder by 0")
    with pytest.raises(UsageError, match="equation phi: 1 % 0 in unit 1 is nan"):
        gf.run(cell, given, state=np.ones(3), steps=5)


def test_growth_is_told_with_its_factor_and_its_beginning():
    cell = gf.Cell(name="grows", state="h", maps="U", equations="h_next = U @ h")
    U = np.array([[0.0, 3.0], [3.0, 0.0]])
    fault = gf.locate(cell, {"U": U}, state=[1.0, 0.5], steps=900)
    steps = int(np.floor(np.log(np.finfo(float).max) / np.log(3))) + 1  # 3^646 < 1.8e308 < 3^647
    assert (fault.step, fault.cause, fault.operation, fault.equation) == (
        steps,
        "growth",
        "U @ h",
        "h",
    )
    assert fault.growth == pytest.approx(3.0, rel=1e-12)
    assert fault.since == 0
    with pytest.raises(UsageError, match="factor 3 a step since step 0; use smaller weights or"):
        gf.run(cell, {"U": U}, state=[1.0, 0.5], steps=900)


def test_growth_that_begins_late():
    """The weight of the loop is an input: 0.5 for 100 steps, then 1000."""
    cell = gf.Cell(name="late", state="h", inputs="g[hidden]", equations="h_next = g*h")
    g = np.where(np.arange(300) < 100, 0.5, 1000.0)[:, None]
    fault = gf.locate(cell, {}, g, state=[2.0**100], steps=300)
    assert (fault.step, fault.since) == (203, 100)  # 1000^102 = 1e306
    assert (fault.cause, fault.growth) == ("growth", pytest.approx(1000.0, rel=1e-12))


def test_an_exponential_that_overflows_since_the_state_grew():
    cell = gf.Cell(
        name="counts", state="n h", scalars="a", equations="n_next = 2*n\nh_next = a*h + exp(n)"
    )
    fault = gf.locate(cell, {"a": 0.5}, state={"n": [1.0], "h": [0.0]}, steps=30)
    assert (fault.step, fault.equation, fault.operation) == (11, "h", "exp")  # exp(2^10)
    assert (fault.cause, fault.arguments) == ("overflow", (1024.0,))
    assert fault.growth > 2
    assert fault.since == 0


def test_a_slope_goes_before_a_value_that_fails_later():
    cell = gf.Cell(
        name="both", state="h", inputs="x[hidden]", vectors="b", equations="h_next = sqrt(x + b)"
    )
    x = np.ones((9, 2))
    x[3, 0], x[6, 1] = 0.0, -1.0
    fault = gf.locate(cell, {"b": np.zeros(2)}, x)
    assert (fault.kind, fault.step, fault.unit, fault.wrt) == ("slope", 4, 0, "b")


def test_the_norm_of_a_zero_state():
    cell = gf.Cell(
        name="normed",
        state="h",
        vectors="b",
        equations="size = sqrt(sum(h*h))\nh_next = 0.1*size + 0.5*h + b",
    )
    fault = gf.locate(cell, {"b": np.zeros(3)}, steps=4)
    assert (fault.kind, fault.step, fault.equation, fault.wrt) == ("slope", 1, "size", "h")
    assert (fault.operation, fault.arguments) == ("sqrt", (0.0,))
    run = gf.run(cell, {"b": np.zeros(3)}, steps=4)
    for analysis in (
        run.decay,
        run.lyapunov,
        run.singular_values,
        run.product_eigenvalues,
        run.eigenvalues,
        lambda: run.gradient_decay(np.ones(3)),
        lambda: run.paths(np.ones(3)),
        lambda: run.truncation(np.ones(3), [1]),
    ):
        with pytest.raises(
            (NotFiniteError, PrecisionError), match=r"It begins here: .*step 1, equ"
        ):
            analysis()


def test_a_product_of_slopes_that_is_too_large():
    cell = gf.Cell(
        name="steep", state="h", scalars="a", equations="y = tanh(a*h)\nh_next = tanh(a*y)"
    )
    fault = gf.locate(cell, {"a": 1e200}, state=[0.0], steps=2)
    assert (fault.kind, fault.step, fault.operation) == ("slope", 1, "the chain rule")
    assert fault.cause == "overflow"


def test_a_branch_that_is_an_equation_of_its_own():
    """Frameworks give NaN here, and so does a Jacobian whose equations keep their names."""
    cell = gf.Cell(
        name="aside",
        state="h",
        scalars="a",
        equations="y = sqrt(a*h)\nh_next = y if h > 0 else 0.5*h",
    )
    fault = gf.locate(cell, {"a": 1.0}, state=[4.0, -1.0], steps=2)
    assert (fault.kind, fault.step, fault.equation, fault.unit) == ("slope", 1, "y", 1)
    assert (fault.operation, fault.untaken) == ("sqrt", True)
    assert "write it inside the branch" in str(fault)
    inside = gf.Cell(
        name="inside",
        state="h",
        scalars="a",
        equations="h_next = sqrt(a*h) if h > 0 else 0.5*h",
    )
    assert gf.locate(inside, {"a": 1.0}, state=[4.0, -1.0], steps=2) is None


def test_a_power_that_varies():
    cell = gf.Cell(name="power", state="h", scalars="p", equations="h_next = h**p")
    fault = gf.locate(cell, {"p": 1.5}, state=[4.0, 0.0], steps=1)
    assert (fault.unit, fault.wrt, fault.cause) == (1, "h", "0/0")
    fault = gf.locate(cell, {"p": 2.0}, state=[-1.0, 4.0], steps=1)
    assert (fault.unit, fault.wrt, fault.cause) == (0, "p", "logarithm of a negative number")
    fault = gf.locate(cell, {"p": 0.5}, state=[0.0, 4.0], steps=1)
    assert (fault.unit, fault.wrt, fault.cause) == (0, "h", "slope of a root at 0")


def test_a_product_with_a_map_overflows_or_mixes_infinities():
    cell = gf.Cell(
        name="mixes",
        state="h",
        inputs="x[hidden]",
        maps="U",
        equations="y = exp(x)\nh_next = tanh(U @ y) + 0.1*h",
    )
    x = np.zeros((6, 2))
    x[3] = 900.0
    fault = gf.locate(cell, {"U": np.array([[1.0, 1.0], [1.0, -1.0]])}, x)
    assert (fault.step, fault.equation, fault.unit, fault.cause) == (4, "h", 1, "inf - inf")
    assert (fault.origin.equation, fault.origin.operation) == ("y", "exp")
    x[3] = 900.0, 0.0
    fault = gf.locate(cell, {"U": np.array([[1.0, 1.0], [0.0, -1.0]])}, x)
    assert (fault.step, fault.unit, fault.cause, fault.operation) == (4, 1, "0*inf", "U @ y")
    big = gf.Cell(name="big", state="h", maps="U", equations="h_next = U @ h")
    fault = gf.locate(big, {"U": np.full((2, 2), 1e200)}, state=[1e150, 0.0], steps=2)
    assert (fault.step, fault.cause, fault.arguments) == (1, "overflow", (1e150,))


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_what_is_given_is_named_where_it_enters(value, word):
    cell, whole, x = planted("z"), params(), hit(0.5)
    fault = gf.locate(cell, whole, hit(value))
    assert (fault.step, fault.equation, fault.unit, fault.batch) == (STEP, "z", UNIT, (WHICH,))
    assert (fault.operation, fault.cause) == ("x", f"{word} in the input")
    with pytest.raises(UsageError, match=rf"input x holds .* which is step {STEP};"):
        gf.run(cell, whole, hit(value))
    for name, index in (("U", (1, 3)), ("b", (3,))):
        wrong = {n: array.copy() for n, array in whole.items()}
        wrong[name][index] = value
        fault = gf.locate(cell, wrong, x)
        assert (fault.step, fault.operation, fault.unit) == (1, name, index[0])
        assert fault.cause == f"{word} in a parameter"
    state = np.zeros((3, HIDDEN))
    state[2, 3] = value
    fault = gf.locate(cell, whole, x, state)
    assert (fault.step, fault.equation, fault.unit, fault.batch) == (0, "h", 3, (2,))
    assert fault.cause == f"{word} in the initial state"


def test_a_missing_input_behind_a_mask_is_not_blamed():
    cell = gf.Cell(
        name="masked",
        state="h",
        inputs="x[hidden] m[hidden]",
        vectors="b",
        equations="h_next = 0.5*h + b + (x if m > 0 else 0)",
    )
    x, m = np.ones((5, 2)), np.ones((5, 2))
    x[2, 1], m[2, 1] = np.nan, 0.0
    assert gf.locate(cell, {"b": np.zeros(2)}, {"x": x, "m": m}) is None
    assert gf.locate(cell, {"b": np.zeros(2)}, {"x": x, "m": np.ones((5, 2))}).step == 3


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_the_cells_of_the_library_are_sound(name):
    cell = gf.cells.get(name)
    sizes = {("inputs" if s == "input" else s): 3 for s in cell.sizes}
    x = np.random.default_rng(0).standard_normal((2, 6, 3)) if cell.input_names else None
    assert gf.locate(cell, cell.init(rng=0, **sizes), x, steps=6) is None


def test_long_runs_that_keep_nothing_say_it_too():
    given = planted("sqrt(z)"), params(), hit(-0.3)
    said = f"step {STEP} of 20, trajectory .1,.: equation y: sqrt of -0.3 in unit {UNIT}"
    with pytest.raises(UsageError, match=said):
        gf.leading_exponents(*given, backend="numpy")
    with pytest.raises(UsageError, match=said):
        gf.stream_gradient_decay(*given, np.ones(HIDDEN), memory=1500, backend="numpy")


def test_a_state_that_numpy_would_not_lose_is_placed_all_the_same():
    """Another backend may leave the numbers by a rounding unit where NumPy does not."""
    run = gf.run("lstm", gf.cells.lstm.init(hidden=3, inputs=2, rng=0), np.ones((2, 3, 9, 2)))
    states = run.flat_states.copy()
    states[1, 2, 5:, 4] = np.nan  # the second unit of c
    fault = fault_of_states(run.bound, states, run.inputs)
    assert (fault.step, fault.equation, fault.unit, fault.batch) == (5, "c", 1, (1, 2))
    later = fault_of_states(run.bound, states[..., 3:, :], run.inputs, before=3)
    assert later == fault


def test_a_fault_is_data():
    fault = gf.locate(planted("z*log(z)"), params(), hit(0.0))
    assert pickle.loads(pickle.dumps(fault)) == fault
    assert repr(fault) == (
        "<Fault value at step 13, equation y, unit 2, trajectory (1,): *, 0*inf>"
    )
