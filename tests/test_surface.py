"""What a user meets: names, arguments, defaults and results follow one rule everywhere."""

import importlib
import inspect
import re

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import GradflowError, UsageError

FLOORS = ("cells", "jacobians", "codegen", "spectra", "ensembles", "proofs", "networks", "studies")
FLOORS += ("figures", "reporting", "training")
LONGEST_REPR = 200


def public():
    """Every public name once: (name, object), of the package and of each floor."""
    found = {}
    for where in ("", *FLOORS):
        module = importlib.import_module(f"gradflow.{where}" if where else "gradflow")
        for name in module.__all__:
            found.setdefault(f"{where or 'gf'}.{name}", getattr(module, name))
    return found


PUBLIC = public()
FUNCTIONS = {name: f for name, f in PUBLIC.items() if inspect.isfunction(f)}
METHODS = {
    f"{name}.{key}": f
    for name, kind in PUBLIC.items()
    if inspect.isclass(kind) and kind.__module__.startswith("gradflow")
    for key, f in inspect.getmembers(kind, inspect.isfunction)
    if not key.startswith("_") and f.__module__.startswith("gradflow")
}
CALLS = FUNCTIONS | METHODS


def parameters(call):
    return inspect.signature(call).parameters


@pytest.mark.parametrize("where", ["", *FLOORS])
def test_every_public_name_is_listed(where):
    module = importlib.import_module(f"gradflow.{where}" if where else "gradflow")
    assert set(module.__all__) <= set(dir(module))
    assert all(not name.startswith("_") or name == "__version__" for name in module.__all__)
    assert {"EntryPoint", "difflib", "annotations", "Any"}.isdisjoint(module.__all__)


def test_the_cells_of_the_library_are_listed():
    assert {"lstm", "gru", "Cell", "get", "names"} <= set(dir(gf.cells))
    assert "difflib" not in dir(gf.cells)


# they take a declaration that nobody knows by a name yet
NEW = {"cells.register", "proofs.register_theorems"}


@pytest.mark.parametrize(
    "name", sorted(n for n, f in FUNCTIONS.items() if "cell" in parameters(f) if n not in NEW)
)
def test_a_call_that_takes_a_cell_takes_its_name_and_refuses_all_else(name):
    call = FUNCTIONS[name]
    needed = [
        p
        for p in parameters(call).values()
        if p.default is p.empty and p.kind is not p.VAR_KEYWORD and p.name != "cell"
    ]
    given = {p.name: None for p in needed}
    with pytest.raises(UsageError, match="unknown cell 'lsmt': did you mean 'lstm'"):
        call(cell="lsmt", **given)
    with pytest.raises(UsageError, match="float"):
        call(cell=1.5, **given)
    assert "str" in str(parameters(call)["cell"].annotation)


@pytest.mark.parametrize("name", sorted(n for n, f in CALLS.items() if "backend" in parameters(f)))
def test_one_default_backend(name):
    default = parameters(CALLS[name])["backend"].default
    assert default in ("auto", inspect.Parameter.empty)


# they run a cell without being given its arrays
RUNS_ITS_OWN = {"gf.report", "reporting.report", "studies.study"}


@pytest.mark.parametrize(
    "name",
    sorted(
        n
        for n, f in FUNCTIONS.items()
        if ({"cell", "params"} <= {*parameters(f)} and "dtype" not in parameters(f))
        or n in RUNS_ITS_OWN
    ),
)
def test_what_runs_a_cell_takes_its_initial_state(name):
    state = parameters(FUNCTIONS[name])["state"]
    assert state.default is None
    assert "Mapping[str, ArrayLike]" in str(state.annotation)
    assert re.search(r"(?m)^[\w, ]*\bstate\b[\w, ]*$", inspect.getdoc(FUNCTIONS[name]) or "")


def test_k_leading_is_one_keyword():
    assert [n for n, f in CALLS.items() if {"k", "how_many"} & {*parameters(f)}] == []
    assert "leading" in parameters(gf.leading_exponents)
    assert "leading" in parameters(gf.Trajectory.lyapunov)


@pytest.mark.parametrize("name", sorted(n for n in FUNCTIONS if n.startswith("gf.")))
def test_help_shows_a_signature_and_an_example(name):
    call = FUNCTIONS[name]
    kinds = {p.kind for p in parameters(call).values()}
    assert inspect.Parameter.VAR_POSITIONAL not in kinds
    text = inspect.getdoc(call)
    assert ">>>" in text or "Examples\n---" in text, f"{name} has no example"


def test_no_documented_argument_counts_steps_from_0():
    told = {n: inspect.getdoc(f) or "" for n, f in CALLS.items()}
    assert [n for n, text in told.items() if re.search(r"0-based step", text)] == []


@pytest.fixture(scope="module")
def run():
    params = gf.cells.lstm.init(hidden=3, inputs=2, rng=0)
    x = np.random.default_rng(1).standard_normal((30, 2))
    return gf.run("lstm", params, x, backend="numpy")


def test_steps_are_counted_from_1(run):
    J = run.jacobians()
    assert np.allclose(run.jacobian(1), J[0], rtol=1e-13)  # one step or many: rounding alone
    assert np.allclose(run.jacobian(run.steps), J[-1], rtol=1e-13)
    assert not np.allclose(J[0], J[1], rtol=1e-3)
    u = np.arange(6.0)
    assert np.allclose(run.vjp(u, 1), J[0].T @ u, rtol=1e-13)
    for step in (0, 31, -1):
        for call in (run.jacobian, run.eigenvalues, lambda t: run.vjp(u, t)):
            with pytest.raises(UsageError, match="1 to 30"):
                call(step)


def results(run):
    u = np.ones(6)
    yield from (run, run.decay(), run.gradient_decay(u), run.paths(u), run.parameter_gradient(u))
    yield from (run.singular_values([5]), run.product_eigenvalues(), run.lyapunov())
    yield from (run.conditional_exponents("c"), run.finite_time_exponents(5))
    yield from (run.covariant_vectors(leading=2), run.covariant_vectors(leading=1))
    yield from (run.lyapunov(leading=2), run.cell, gf.compile(run.cell, "numpy"), gf.bptt("lstm"))
    yield from (gf.jacobian("lstm"), gf.jacobian("lstm")["c", "h"], gf.jacobian("lstm")["c", "b_f"])
    yield gf.fixed_points("lstm", run.params, starts=4)
    yield gf.continue_fixed_points("scalar", {"w": 0.5}, "w", (0.5, 0.9))
    claims = gf.prove("scalar", {"w": 0.5})
    yield from (claims, claims[0])


def test_a_repr_is_one_line_and_says_its_number(run):
    for result in results(run):
        text = repr(result)
        assert "\n" not in text, text
        assert len(text) <= LONGEST_REPR, text
        assert re.search(r"\d", text), text
        assert "0x" not in text, text


def test_results_are_there_for_annotations():
    for name in ("Trajectory", "Decay", "PathDecay", "ParameterGradient", "SingularValues"):
        assert inspect.isclass(getattr(gf, name))
    for name in ("ProductEigenvalues", "LyapunovSpectrum", "FixedPoints", "ErrorSurface", "Cell"):
        assert inspect.isclass(getattr(gf, name))


def test_the_size_of_the_input_has_two_words_and_one_meaning():
    one, other = (gf.cells.rnn.init(hidden=3, rng=0, **{w: 2}) for w in ("input", "inputs"))
    assert all(np.array_equal(one[n], other[n]) for n in one)
    with pytest.raises(UsageError, match="input"):
        gf.cells.rnn.init(hidden=3, input=2, inputs=2)


@pytest.mark.parametrize("w", [0.5, np.float64(0.5), np.array(0.5), np.array([0.5])])
def test_a_number_does_for_a_scalar(w):
    run = gf.run("scalar", {"w": w}, state=[1.0], steps=3)
    assert run.flat_states[:, 0].tolist() == [1, 0.5, 0.25, 0.125]
    assert gf.compile("scalar").step({"w": w}, [2.0]).tolist() == [1.0]


BAD = {
    "complex": np.array([0.5 + 1j]),
    "masked": np.ma.array([0.5], mask=[True]),
    "text": np.array(["0.5"]),
    "object": np.array([None]),
    "date": np.array(["2020-01-01"], dtype="datetime64[D]"),
}


@pytest.mark.parametrize("kind", BAD)
def test_an_array_of_another_kind_is_refused_wherever_it_enters(kind):
    bad = BAD[kind]
    start, params = [1.0], {"w": 0.5}
    calls = [
        lambda: gf.run("scalar", {"w": bad}, state=start, steps=3),
        lambda: gf.run("scalar", params, state=bad, steps=3),
        lambda: gf.compile("scalar").step({"w": bad}, start),
        lambda: gf.compile("scalar").step(params, bad),
        lambda: gf.fixed_points("scalar", {"w": bad}),
        lambda: gf.continue_fixed_points("scalar", {"w": bad}, "w", (0, 1)),
        lambda: gf.leading_exponents("scalar", {"w": bad}, None, steps=3, leading=1),
        lambda: gf.stream_gradient_decay("scalar", {"w": bad}, None, [1.0], start, steps=3),
        lambda: gf.prove("scalar", {"w": bad}),
        lambda: gf.run("scalar", params, state=start, steps=3).gradient_decay(bad),
        lambda: gf.run("rnn", gf.cells.rnn.init(hidden=1, inputs=1), bad.reshape(1, 1)),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(GradflowError) as caught:
            call()
        assert "\n" not in str(caught.value), number


def test_a_transposed_map_is_suspected():
    params = gf.cells.rnn.init(hidden=5, inputs=7, rng=0)
    params["W"] = params["W"].T
    with pytest.raises(UsageError, match=r"W has shape \(7, 5\).*transposed"):
        gf.run("rnn", params, np.zeros((3, 7)))


NO_COUNT = (2.5, True, "3", [3], float("nan"))


@pytest.mark.parametrize("value", NO_COUNT)
def test_a_number_of_steps_or_exponents_is_whole(value, run):
    w = {"w": 0.5}
    batch = gf.run("lstm", run.params, np.stack([run.inputs["x"]] * 3), backend="numpy")
    calls = [
        lambda: gf.run("scalar", w, state=[1.0], steps=value),
        lambda: gf.leading_exponents("scalar", w, None, [1.0], steps=value),
        lambda: gf.leading_exponents("lstm", run.params, run.inputs["x"], leading=value),
        lambda: gf.stream_gradient_decay("scalar", w, None, [1.0], [1.0], steps=value),
        lambda: run.product_eigenvalues(value),
        lambda: run.singular_values([value]),
        lambda: run.parameter_gradient(np.ones(6), value),
        lambda: run.lyapunov(leading=value),
        lambda: run.lyapunov(transient=value),
        lambda: run.lyapunov(interval=value),
        lambda: run.finite_time_exponents(value),
        lambda: run.covariant_vectors(leading=value),
        lambda: batch.one(value),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(UsageError, match="must be a whole number") as caught:
            call()
        assert "\n" not in str(caught.value), number
    with pytest.raises(UsageError, match="must be a list of whole numbers"):
        run.singular_values(3)


def test_one_of_a_batch_is_there(run):
    batch = gf.run("lstm", run.params, np.stack([run.inputs["x"]] * 3), backend="numpy")
    assert np.array_equal(batch.one(-1).flat_states, batch.one(2).flat_states)
    with pytest.raises(UsageError, match="axis 0 is 3; it must be a whole number from -3 to 2"):
        batch.one(3)


@pytest.mark.parametrize("params", [None, 3.0, np.eye(3), [("w", 0.5)]])
def test_parameters_are_a_mapping(params):
    for call in (gf.run, gf.leading_exponents, gf.fixed_points):
        with pytest.raises(UsageError, match=r"params is a .*; it needs a mapping from w"):
            call("scalar", params)
    with pytest.raises(UsageError, match="it needs a mapping from w"):
        gf.compile("scalar", "array-api").bind(params)


@pytest.mark.parametrize("backend", [[], {}, None, 3, "NumPy"])
def test_a_backend_is_a_known_name(backend):
    with pytest.raises(UsageError, match="unknown backend"):
        gf.compile("scalar", backend)


def test_parts_are_joined_as_they_are_split():
    bound = gf.compile("scalar", "numpy").bind({"w": 0.5})
    assert bound.join({"y": 2.0}).tolist() == [2.0]
