"""Every table covers every elementwise function, and a new one is known everywhere at once."""

import pickle
from importlib.metadata import EntryPoint

import flint
import mpmath
import numpy as np
import pytest
import sympy as sp

import gradflow as gf
from gradflow.cells.language.elementwise import RANGES, TARGETS
from gradflow.cells.language.functions import FUNCTIONS, MODULO, define, record_of, records
from gradflow.cells.language.syntax import symbol
from gradflow.codegen import backends
from gradflow.errors import InputError, UsageError
from gradflow.proofs.bounding.facts import Facts
from gradflow.proofs.weights.balls import enclosed

BACKENDS = ("numpy", "numba", "mpmath", "array-api")
EVERY = [*FUNCTIONS.names(), "modulo"]
# where all functions are defined, of one sign and of both
HALF, WHOLE = [0.0625, 0.5, 1.75, 3.0], [-2.5, -0.375, 0.0, 0.5, 2.25]
POSITIVE = {"log", "sqrt"}


def by_name(name):
    return MODULO if name == "modulo" else FUNCTIONS.get(name)


def points(name):
    return np.array(HALF if name in POSITIVE else WHOLE)


def cell_of(name):
    """A cell of one elementwise function, its other argument a vector."""
    call = {"modulo": "h % b", "Max": "Max(h, b)", "Min": "Min(h, b)"}.get(name, f"{name}(h) + b")
    return gf.Cell(name=f"only_{name}", state="h", vectors="b", equations=f"h_next = {call}")


def exact(record, x, y):
    """The value by the SymPy form, which no target has a hand in, to 30 digits."""
    numbers = [sp.Rational(float(v)) for v in (x, y)[: record.least]]
    value = record.sympy(*numbers)
    if record.definition is not None:
        value = record.definition(*numbers)
    return sp.N(value, 30)


@pytest.fixture
def added():
    """Functions registered in a test are forgotten after it."""
    before = dict(FUNCTIONS._added)
    yield
    FUNCTIONS._added.clear()
    FUNCTIONS._added.update(before)


@pytest.mark.parametrize("name", EVERY)
def test_every_target_has_it(name):
    record = by_name(name)
    assert [t for t in TARGETS if not record.targets[t] and record.definition is None] == []
    cell, h = cell_of(name), points(name)
    b = np.full(len(h), 1.5)
    plus = 0 if record.least == 2 else b
    wanted = np.array([float(exact(record, x, y)) for x, y in zip(h, b, strict=True)]) + plus
    for backend in BACKENDS:
        found = gf.compile(cell, backend).step({"b": b}, h).astype(float)
        np.testing.assert_allclose(found, wanted, rtol=4e-16, atol=4e-16, err_msg=backend)


@pytest.mark.parametrize("name", EVERY)
def test_balls_hold_the_value_and_little_else(name):
    record = by_name(name)
    x, y = symbol("x"), symbol("y")
    call = record.sympy(*(x, y)[: record.least])
    for value in points(name):
        at = {x: flint.arb(float(value)), y: flint.arb(1.5)}
        ball = enclosed(call, at.__getitem__)
        wanted = exact(record, value, 1.5)
        assert ball.overlaps(flint.arb(str(wanted), "1e-25")), value
        assert float(ball.rad()) <= 1e-13
        wide = {x: flint.arb(float(value), 0.01), y: flint.arb(1.5)}
        if value > 0.1 or name not in POSITIVE:
            assert enclosed(call, wide.__getitem__).contains(ball.mid())


def test_balls_of_every_wide_argument_hold_the_values_inside():
    rng = np.random.default_rng(0)
    x, y = symbol("x"), symbol("y")
    for record in records():
        call = record.sympy(*(x, y)[: record.least])
        for _ in range(20):
            middle, radius = rng.uniform(0.5, 3), rng.uniform(0, 0.4)
            wide = {x: flint.arb(middle, radius), y: flint.arb(1.5)}
            whole = enclosed(call, wide.__getitem__)
            for inside in rng.uniform(middle - radius, middle + radius, 5):
                at = {x: flint.arb(float(inside)), y: flint.arb(1.5)}
                assert whole.contains(enclosed(call, at.__getitem__).mid()), record.name


@pytest.mark.parametrize("name", EVERY)
def test_latex_and_text_name_it(name):
    cell, record = cell_of(name), by_name(name)
    shown = [cell.latex(), gf.jacobian(cell).latex(), gf.jacobian(cell).text()]
    assert all(shown)
    # the second half of a rounding or an absolute value stands behind its argument
    assert (r"\bmod" if name == "modulo" else (record.fences or [record.latex])[0]) in shown[0]
    outer = gf.Cell(name="o", state="h", equations="h_next = " + (
        "tanh(h % 2)" if name == "modulo" else f"tanh({name}(h, 2))" if record.least == 2
        else f"tanh({name}(h))"
    ))  # fmt: skip
    text = gf.jacobian(outer).text()
    assert "h" in text


@pytest.mark.parametrize("name", EVERY)
def test_proofs_know_the_range_or_say_that_they_do_not(name):
    record = by_name(name)
    assert record.range in RANGES
    xs = np.linspace(0.01 if name in POSITIVE else -4, 4, 101)
    values = np.array([float(exact(record, x, 1.5)) for x in xs])
    lowest = {"unit": 0, "symmetric": -1, "positive": 0, "binary": 0, "any": -np.inf}
    highest = {"unit": 1, "symmetric": 1, "positive": np.inf, "binary": 1, "any": np.inf}
    assert values.min() >= lowest[record.range]
    assert values.max() <= highest[record.range]
    if record.range == "binary":
        assert set(values) <= {0, 1}
    if record.increasing:
        assert record.least == 1
        assert (np.diff(values) >= 0).all()
    if record.least == 1:
        facts = Facts(cell_of(name))
        kind = facts._kind(record.sympy(symbol("h")))
        assert kind == ("" if record.range == "any" else record.range)


@pytest.mark.parametrize("name", [n for n in EVERY if by_name(n).definition])
def test_a_definition_is_the_function(name):
    """Evaluated by mpmath through the definition, and by NumPy's own function."""
    record, h = by_name(name), points(name)
    cell = cell_of(name)
    b = np.full(len(h), 1.5)
    plus = 0 if record.least == 2 else 1.5
    found = gf.compile(cell).step({"b": b}, h) - plus
    free = sp.symbols("a:2", real=True)[: record.least]
    function = sp.lambdify(free, record.definition(*free).replace(
        lambda e: record_of(e) is not None and type(e).__module__.startswith("gradflow"),
        lambda e: {"Max": sp.Max, "floor": sp.floor}[type(e).__name__](*e.args),
    ).replace(
        lambda e: type(e).__name__ == "choose", lambda e: sp.Piecewise(e.args[1:2] + e.args[:1],
        (e.args[2], True)),
    ), "mpmath")  # fmt: skip
    with mpmath.workdps(30):
        wanted = [float(function(*(mpmath.mpf(v) for v in (x, 1.5)[: record.least]))) for x in h]
    np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=5e-16)


def gelu(a):
    return a * (1 + sp.erf(a / sp.sqrt(2))) / 2


def test_a_new_function_works_everywhere_from_its_definition_alone(added):
    record = gf.cells.functions.register("probit", gelu)
    assert "probit" in FUNCTIONS.names()
    assert record.latex == r"\operatorname{probit}"
    cell = gf.Cell(
        name="probiting", state="h", maps="U", equations="h_next = probit(U @ h) * probit(2)"
    )
    assert pickle.loads(pickle.dumps(cell)) == cell
    call = record.sympy(symbol("x"))
    assert pickle.loads(pickle.dumps(call)) == call
    U, h = np.array([[0.5, -1.0], [0.25, 2.0]]), np.array([1.0, -0.5])
    a = U @ h
    with mpmath.workdps(30):
        phi = [mpmath.ncdf(float(v)) for v in a]
        slope = [
            p + mpmath.mpf(float(v)) * mpmath.npdf(float(v)) for p, v in zip(phi, a, strict=True)
        ]
        two = 2 * mpmath.ncdf(2)
        step = [float(v * p * two) for p, v in zip(phi, a, strict=True)]
        wanted = np.array([float(s * two) for s in slope])[:, None] * U
    for backend in BACKENDS:
        code = gf.compile(cell, backend)
        found = code.step({"U": U}, h).astype(float)
        np.testing.assert_allclose(found, step, rtol=1e-15, err_msg=backend)
        found = code.jacobian({"U": U}, h).astype(float)
        # the slope at -1.25 is a difference of two terms a hundred times larger
        np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-15, err_msg=backend)
        if backend != "array-api":
            assert "probit(U_h" in code.source or backend == "numba"
    assert r"\operatorname{probit}\left( U \, h_{t-1} \right)" in cell.latex()
    assert r"\operatorname{erf}" in gf.jacobian(cell).latex()
    assert "erf(" in gf.jacobian(cell).text()
    at = {symbol("x"): flint.arb(0.75)}
    ball = enclosed(call, at.__getitem__)
    slope = enclosed(call.diff(symbol("x")), at.__getitem__)
    with mpmath.workdps(25):
        assert ball.overlaps(flint.arb(str(0.75 * mpmath.ncdf(0.75)), "1e-20"))
        there = mpmath.ncdf(0.75) + mpmath.mpf(0.75) * mpmath.npdf(0.75)
        assert slope.overlaps(flint.arb(str(there), "1e-20"))
        assert not slope.overlaps(flint.arb(str(there + 1e-12), "1e-20"))


def test_a_target_may_have_a_function_of_its_own(added):
    """The definition is wrong on purpose: what is named must be used, and nothing else."""
    gf.cells.functions.register("cubed", lambda a: a**2, numpy=f"{__name__}:cubed",
                                mpmath=f"{__name__}:cubed")  # fmt: skip
    cell = gf.Cell(name="c", state="h", equations="h_next = cubed(h)")
    for backend, value in (("numpy", 27), ("mpmath", 27), ("array-api", 9), ("numba", 9)):
        assert gf.compile(cell, backend).step({}, np.array([3.0]))[0] == value


def cubed(a):
    return a**3


QUARTED = define("quarted", lambda a: a**4, latex=r"\operatorname{qu}", range="positive")


def test_another_package_brings_a_function_by_an_entry_point(monkeypatch):
    point = EntryPoint("quarted", f"{__name__}:QUARTED", "gradflow.functions")
    monkeypatch.setitem(FUNCTIONS.__dict__, "_foreign", {"quarted": point})
    cell = gf.Cell(name="q", state="h", equations="h_next = quarted(h)")
    assert gf.compile(cell).step({}, np.array([3.0])) == [81]
    assert gf.compile(cell).jacobian({}, np.array([3.0])).tolist() == [[108]]
    assert r"\operatorname{qu}" in cell.latex()


def test_a_name_that_is_taken_is_refused(added):
    with pytest.raises(UsageError, match="elementwise function 'tanh' is there already"):
        gf.cells.functions.register("tanh", lambda a: a)
    with pytest.raises(UsageError, match="'erf' has a meaning in the language"):
        gf.Cell(name="e", state="erf", equations="erf_next = 1")


@pytest.mark.parametrize("name", ["sigmoid", "relu", "step", "sign", "floor", "Abs", "Max"])
def test_calls_are_pickled_by_name(name):
    record = FUNCTIONS.get(name)
    call = record.sympy(*sp.symbols("x y", real=True)[: record.least])
    assert pickle.loads(pickle.dumps(call)) == call


def test_the_namespace_is_what_the_header_says():
    """The names that NumPy's source runs with are those its first lines import, and no others."""
    from gradflow.codegen.targets.numpy.target import header, runtime

    shown = {}
    exec(header("any"), shown)
    assert shown.keys() - {"__doc__"} == runtime().keys() - {"__doc__"}
    defined = {record.code for record in records() if not record.numpy}
    for name in shown.keys() - defined:
        assert name.startswith("__") or shown[name] is runtime()[name]


@pytest.mark.parametrize(
    ("name", "definition", "known", "said"),
    [
        ("my fn", lambda a: a, {}, "no free word"),
        ("lambda", lambda a: a, {}, "no free word"),
        ("np", lambda a: a, {}, "no free word"),
        ("modulo", lambda a: a, {}, "no free word"),
        ("h_next", lambda a: a, {}, "no free word"),
        ("pair", lambda a, b: a * b, {}, "of 1 arguments gives TypeError"),
        ("number", 3, {}, "'int' object is not callable"),
        ("nothing", lambda a: None, {}, "gives None"),
        ("lost", lambda a: undefined(a), {}, "NameError"),  # noqa: F821
        ("ranged", lambda a: a, {"range": "wide"}, "one of any, unit"),
    ],
)
def test_a_function_that_cannot_work_is_refused_and_spoils_no_cell(name, definition, known, said):
    with pytest.raises(UsageError, match=said):
        gf.cells.functions.register(name, definition, **known)
    assert name not in gf.cells.functions.FUNCTIONS
    w = gf.run("scalar", {"w": 0.5}, state=[1.0], steps=2, backend="numpy")
    assert w.flat_states.ravel().tolist() == [1.0, 0.5, 0.25]


@pytest.mark.parametrize("registry", [FUNCTIONS, backends.BACKENDS], ids=["functions", "backends"])
def test_a_package_that_cannot_be_loaded_spoils_no_cell(registry, monkeypatch):
    ghost = {"ghost": EntryPoint("ghost", "gradflow_no_such_module:it", registry.group)}
    monkeypatch.setitem(vars(registry), "_foreign", ghost)
    run = gf.run("scalar", {"w": 0.5}, state=[1.0], steps=2)
    assert run.flat_states.ravel().tolist() == [1.0, 0.5, 0.25]
    assert gf.compile("scalar", "array-api").step({"w": 0.5}, [2.0]).tolist() == [1.0]
    with pytest.raises(InputError, match=r"'ghost': loading its entry point .* failed"):
        registry.get("ghost")
