"""The numba target against the reference at 50 digits, and its cache of generated modules.

`TIGHT` = 1e-12 relative to the largest entry or 1: one step of these cells is a few dozen float64
operations, with functions within 1.5 units in the last place, and kinks' cells scale by up to 100.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from oracles.agreement import draw, gap
from oracles.language_cells import CELLS, taken

numba = pytest.importorskip("numba")
TIGHT = 1e-12


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    """A cache folder of this run's own."""
    before = os.environ.get("GRADFLOW_CACHE")
    os.environ["GRADFLOW_CACHE"] = str(tmp_path_factory.mktemp("numba"))
    yield
    if before is None:
        del os.environ["GRADFLOW_CACHE"]
    else:
        os.environ["GRADFLOW_CACHE"] = before


def differences(found, exact, cell, params, state, x, t):
    """Largest relative difference of each routine of `found` from the reference."""
    rng = np.random.default_rng(0)
    s = gf.compile(cell).join(state)
    u, v = rng.standard_normal((2, *s.shape))
    results = {}
    for name, arguments in {
        "step": (s, x, t),
        "jacobian": (s, x, t),
        "jvp": (s, v, x, t),
        "vjp": (s, u, x, t),
        "input_jacobian": (s, x, t),
    }.items():
        if name != "input_jacobian" or cell.input_names:
            wanted = getattr(exact, name)(params, *arguments)
            results[name] = gap(getattr(found, name)(params, *arguments), wanted)
    for name, value in exact.path_jacobians(params, s, x, t).items():
        results[f"path {name}"] = gap(found.path_jacobians(params, s, x, t)[name], value)
    for name, value in exact.parameter_vjp(params, s, u, x, t).items():
        results[name] = gap(found.parameter_vjp(params, s, u, x, t)[name], value)
    return results


def batch(cell, rng, lead, sizes):
    """Parameters, states and inputs with leading axes, and a step number for each."""
    params, state, x = draw(cell, rng, **sizes)
    state = {k: rng.standard_normal((*lead, len(a))) for k, a in state.items()}
    x = x and {k: rng.standard_normal((*lead, len(a))) for k, a in x.items()}
    t = np.arange(1, 1 + int(np.prod(lead))).reshape(lead) if lead else 3
    return params, state, x, t


ALL = {**{name: gf.cells.get(name) for name in gf.cells.LIBRARY}, **CELLS}
# the others are compiled in the slow tests
QUICK = "masked"
EVERY = [n if n == QUICK else pytest.param(n, marks=pytest.mark.slow) for n in ALL]


@pytest.mark.parametrize("name", EVERY)
def test_every_routine_agrees_with_the_reference(name):
    cell = ALL[name]
    code, exact = gf.compile(cell, "numba"), gf.compile(cell, "mpmath")
    # 5 rows are a group of four steps and one more
    for lead in ((), (1,), (5,), (2, 3)):
        given = batch(cell, np.random.default_rng(len(lead)), lead, taken(cell))
        found = differences(code, exact, cell, *given)
        assert max(found.values()) < TIGHT, found


def test_a_wrong_factor_is_seen(monkeypatch):
    """The comparison above must fail for a loop that is wrong by one part in a million."""
    from gradflow.codegen.targets.numba import target as numba_target

    printed = numba_target.loop_lines
    monkeypatch.setattr(
        numba_target,
        "loop_lines",
        lambda cell, routine: [
            line.replace("tanh(", "1.000001 * tanh(").replace(
                "tanh_slope(", "1.000001 * tanh_slope("
            )
            for line in printed(cell, routine)
        ],
    )
    cell = gf.Cell(
        name="wrong", state="h", inputs="x", maps="W U", equations="h_next = tanh(U @ h + W @ x)"
    )
    code, exact = gf.compile(cell, "numba"), gf.compile(cell, "mpmath")
    given = batch(cell, np.random.default_rng(0), (5,), {"hidden": 3, "inputs": 4})
    found = differences(code, exact, cell, *given)
    assert found["step"] > 1e-8
    assert found["jacobian"] > 1e-8


@pytest.mark.parametrize("function", ["exp", "tanh", "sigmoid", "softplus", "relu", "step_"])
def test_functions_of_one_number(function):
    """Within 2 units in the last place of mpmath; at infinity, NaN and 0 as NumPy."""
    import mpmath

    from gradflow.codegen.targets.numba import runtime as numba_runtime
    from gradflow.codegen.targets.numpy.target import runtime

    inlined = getattr(numba_runtime, function)
    compiled = numba.njit(lambda x: inlined(x))
    rng = np.random.default_rng(0)
    wide = 600 if function in ("exp", "softplus") else 700
    xs = [
        *rng.standard_normal(300),
        *rng.uniform(-wide, wide, 100),
        *10.0 ** rng.uniform(-300, 1, 99),
    ]
    with mpmath.workdps(40):
        exact = {
            "exp": mpmath.exp,
            "tanh": mpmath.tanh,
            "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
            "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
            "relu": lambda x: max(x, 0),
            "step_": lambda x: mpmath.mpf(x > 0),
        }[function]
        for x in xs:
            wanted = exact(mpmath.mpf(x))
            assert abs(compiled(x) - wanted) <= 2 * 2.3e-16 * abs(wanted), x
    for x in (0.0, -0.0, np.inf, -np.inf, 800.0, -800.0, np.nan):
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(compiled(x), runtime()[function](x))


def test_the_compiled_module_persists(tmp_path):
    """A second process finds the first one's module and machine code."""
    program = """
import numpy as np, gradflow as gf, sys
cell = gf.cells.get("scalar")
code = gf.compile(cell, "numba")
print(float(code.jacobian({"w": np.array([0.5])}, np.ones(1))[0, 0]))
module = next(m for name, m in sys.modules.items() if name.startswith("gradflow_scalar_"))
print(sum(module.jacobian.stats.cache_hits.values()))
"""
    environment = {**os.environ, "GRADFLOW_CACHE": str(tmp_path)}
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert runs[0] == ["0.5", "0"]
    assert runs[1] == ["0.5", "1"]
    assert len(list(tmp_path.glob("gradflow_scalar_*.jacobian.*"))) == 1


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("GRADFLOW_CACHE", str(blocked / "cache"))
    cell = gf.Cell(name="elsewhere", state="h", vectors="b", equations="h_next = b * h")
    code = gf.compile(cell, "numba")
    np.testing.assert_array_equal(
        code.jacobian({"b": np.array([2.0, 3.0])}, np.ones(2)), [[2, 0], [0, 3]]
    )


def test_out_may_be_any_array():
    cell = gf.cells.get("rnn")
    rng = np.random.default_rng(0)
    params = cell.init(hidden=3, inputs=2, rng=0)
    states, x = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    code = gf.compile(cell, "numba")
    wanted = gf.compile(cell).jacobian(params, states, x)
    whole = np.zeros((5, 3, 6))
    assert code.jacobian(params, states, x, out=whole[..., ::2]).base is whole
    np.testing.assert_allclose(whole[..., ::2], wanted, rtol=1e-13, atol=1e-15)
    assert not whole[..., 1::2].any()


def test_auto_takes_what_numba_has_compiled_of_exactly_this_source(tmp_path, monkeypatch):
    from gradflow.codegen.targets.numba import cache, target

    def cell(equation):
        return gf.Cell(name="kept", state="h", vectors="b", equations=f"h_next = {equation}")

    monkeypatch.setattr(target, "is_known", cache.is_known)
    monkeypatch.setenv("GRADFLOW_CACHE", str(tmp_path))
    params, h = {"b": np.array([2.0, 3.0])}, np.ones(2)
    assert gf.compile(cell("b * h")).backend == "numpy"
    bound = gf.compile(cell("b * h"), "numba").bind(params)
    for values in (bound.step(h), bound.jvp(h, h), bound.vjp(h, h), bound.jacobian(h) @ h):
        np.testing.assert_array_equal(values, params["b"])
    assert gf.compile(cell("b * h")).backend == "numba"
    # what this process has loaded is forgotten: there are the files alone
    monkeypatch.setattr(cache, "_loaded", {})
    assert gf.compile(cell("b * h")).backend == "numba"
    assert gf.compile(cell("b * h + 1")).backend == "numpy"
    # a run needs other functions, which have not been compiled
    assert gf.run(cell("b * h"), params, state=h, steps=3).backend == "numpy"
    monkeypatch.setenv("GRADFLOW_CACHE", str(tmp_path / "elsewhere"))
    assert gf.compile(cell("b * h")).backend == "numpy"


def test_its_absence_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setattr("gradflow.codegen.targets.numba.target._installed", lambda: False)
    fresh = gf.Cell(name="fresh", state="h", equations="h_next = h")
    with pytest.raises(
        UsageError, match=r"numba is not installed; pip install 'gradflow-rnn\[fast\]'"
    ):
        gf.compile(fresh, "numba")
