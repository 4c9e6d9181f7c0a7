"""Functions and step Jacobians in logarithms, against mpmath at any size of argument."""

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gradflow as gf
from gradflow.cells.language.functions import records
from gradflow.codegen.logarithms import functions
from gradflow.codegen.logarithms.numbers import added, logs, multiplied, opposite, positive, product
from gradflow.codegen.logarithms.steps import in_doubt, log_jacobians
from gradflow.codegen.targets.mpmath import mpmath_names
from gradflow.codegen.targets.numpy.target import runtime
from oracles.agreement import draw
from oracles.language_cells import CELLS, taken
from oracles.random_cells import SIZES, cells

POINTS = [0.0, 1e-200, 0.3, -0.3, 2.5, -2.5, 7.25, -7.25, 41.5, -41.5, 300.0, -300.0, 730.0, -730.0]
UNARY = [r for r in records() if r.least == 1]


def computed(record, x):
    """A function of an array in logarithms, by the table or as the evaluation does without."""
    table = functions.FUNCTIONS.get(record.name)
    return table(logs(x)) if table else logs(runtime()[record.code](x))


@pytest.mark.parametrize("record", UNARY, ids=lambda r: r.name)
def test_every_function_is_right_to_rounding_at_any_size(record):
    exact = mpmath_names(400)[record.code]
    # the logarithm of x is right to rounding, and what is near 1 has a small one
    for x in POINTS if record.name not in ("log", "sqrt") else [p for p in POINTS if p > 0]:
        if record.name in ("sinh", "cosh", "exp") and abs(x) > 700:
            x = np.sign(x) * 700
        with np.errstate(all="ignore"):
            found = computed(record, np.array([x]))
        wanted = exact(np.array([x], dtype=object)).item()
        wanted = mpmath.mpf(str(wanted)) if wanted == wanted else wanted
        assert found.sign[0] == mpmath.sign(wanted), (record.name, x)
        if wanted != 0:
            with mpmath.workdps(60):
                log = float(mpmath.log(abs(wanted)))
            assert found.log[0] == pytest.approx(log, rel=2e-15, abs=4e-15), (record.name, x)


def test_a_function_that_is_wrong_is_seen(monkeypatch):
    wrong = {**functions.FUNCTIONS, "sigmoid": lambda a: positive(a.value)}
    monkeypatch.setattr(functions, "FUNCTIONS", wrong)
    with pytest.raises(AssertionError):
        test_every_function_is_right_to_rounding_at_any_size(
            next(r for r in UNARY if r.name == "sigmoid")
        )


def test_sums_and_products_of_numbers_that_no_float_holds():
    a, b = positive([-1400.0, -1400.0, -2000.0]), positive([-1401.0, -1400.0, -10.0])
    together = added([a, b])
    wanted = [-1400 + np.log1p(np.exp(-1)), -1400 + np.log(2), -10.0]
    np.testing.assert_allclose(together.log, wanted, rtol=1e-15)
    apart = added([a, opposite(b)])
    np.testing.assert_array_equal(apart.sign, [1, 0, -1])
    np.testing.assert_allclose(apart.log[[0, 2]], [-1400 + np.log1p(-np.exp(-1)), -10], rtol=1e-15)
    np.testing.assert_array_equal(product([a, b]).log, [-2801.0, -2800.0, -2010.0])
    rng = np.random.default_rng(0)
    m, n = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 4, 5))
    np.testing.assert_allclose(multiplied(logs(m), logs(n)).value, m @ n, rtol=1e-13)
    tiny = product([logs(m), positive(-900.0)])
    found = multiplied(tiny, logs(n))
    np.testing.assert_allclose(found.log, np.log(abs(m @ n)) - 900, rtol=1e-13)
    np.testing.assert_array_equal(found.sign, np.sign(m @ n))


def arguments(name, steps=8):
    cell = gf.cells.get(name)
    spaces = {cell.spaces[n] for n in (*cell.states, *cell.input_names)} - {"one"}
    sizes = {"input" if s == "input" else s: 3 + k for k, s in enumerate(sorted(spaces))}
    params = cell.init(**sizes, rng=0)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(steps, sizes["input"])) if cell.input_names else None
    width = sum(gf.compile(cell, "numpy").part_sizes(params).values()) if spaces else 1
    run = gf.run(cell, params, x, rng.normal(size=width), steps=steps, backend="numpy")
    states, inputs, t = run._at(slice(0, steps))
    return run, (run.bound, states, inputs or {}, t)


@pytest.mark.parametrize("name", gf.cells.names())
def test_the_jacobians_of_the_library_are_those_of_numpy(name):
    run, those = arguments(name)
    found, wanted = log_jacobians(*those), run.path_jacobians()
    assert found.keys() == wanted.keys()
    for path, share in wanted.items():
        np.testing.assert_allclose(found[path].value, share, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(found[path].sign, np.sign(share))
    assert not in_doubt(*those).any()


def compare(cell, params, state, x, t):
    code = gf.compile(cell, "numpy")
    bound = code.bind(params, state)
    states = bound.join(state)[None]
    inputs = {name: np.asarray(a)[None] for name, a in (x or {}).items()}
    with np.errstate(all="ignore"):
        found = log_jacobians(bound, states, inputs, np.array([t]))
        wanted = bound.path_jacobians(states, inputs or None, np.array([t]))
    assert found.keys() == wanted.keys()
    for path, share in wanted.items():
        finite = np.isfinite(share)
        size = max(1, abs(share[finite]).max(initial=0))
        # sums whose terms cancel keep the digits of their largest term
        np.testing.assert_allclose(
            found[path].value[finite], share[finite], rtol=0, atol=1e-11 * size
        )


@pytest.mark.parametrize("name", CELLS)
def test_every_construct_of_the_language_is_known(name):
    cell = CELLS[name]
    for seed in range(2):
        compare(cell, *draw(cell, np.random.default_rng(seed), **taken(cell)), t=seed + 1)


@given(cells(depth=3), st.integers(0, 5))
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_random_cells(cell, seed):
    sizes = {"inputs": SIZES["input"], **SIZES}
    compare(cell, *draw(cell, np.random.default_rng(seed), **sizes), t=2)
