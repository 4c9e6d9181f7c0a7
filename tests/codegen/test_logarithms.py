"""Functions and step Jacobians in logarithms, against mpmath at any size of argument."""

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gradflow as gf
from gradflow.cells.language.functions import records
from gradflow.codegen.logarithms import functions, magnitudes
from gradflow.codegen.logarithms.evaluation import Evaluation
from gradflow.codegen.logarithms.numbers import (
    added,
    logs,
    multiplied,
    opposite,
    positive,
    product,
    summed,
)
from gradflow.codegen.logarithms.steps import LEAST, log_input_jacobians, log_jacobians, log_least
from gradflow.codegen.logarithms.terms import jacobian_terms
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
    large, small = positive([1400.0, 1401.0]), positive([-1399.0, -1400.0])
    np.testing.assert_allclose(summed(large, 0).log, 1401 + np.log1p(np.exp(-1)), rtol=1e-15)
    back = product([large, small])
    np.testing.assert_allclose(back.value, np.exp([1.0, 1.0]), rtol=1e-15)
    np.testing.assert_allclose(summed(back, 0).value, 2 * np.exp(1.0), rtol=1e-15)
    rng = np.random.default_rng(0)
    m, n = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 4, 5))
    np.testing.assert_allclose(multiplied(logs(m), logs(n)).value, m @ n, rtol=1e-13)
    tiny = product([logs(m), positive(-900.0)])
    found = multiplied(tiny, logs(n))
    np.testing.assert_allclose(found.log, np.log(abs(m @ n)) - 900, rtol=1e-13)
    np.testing.assert_array_equal(found.sign, np.sign(m @ n))


def arguments(name, count=8):
    cell = gf.cells.get(name)
    spaces = {cell.spaces[n] for n in (*cell.states, *cell.input_names)} - {"one"}
    sizes = {"input" if s == "input" else s: 3 + k for k, s in enumerate(sorted(spaces))}
    params = cell.init(**sizes, rng=0)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(count, sizes["input"])) if cell.input_names else None
    width = sum(gf.compile(cell, "numpy").part_sizes(params).values()) if spaces else 1
    run = gf.run(cell, params, x, rng.normal(size=width), steps=count, backend="numpy")
    states, inputs, t = run._at(slice(0, count))
    return run, (run.bound, states, inputs or {}, t)


@pytest.mark.parametrize("name", gf.cells.names())
def test_the_jacobians_of_the_library_are_those_of_numpy(name):
    run, those = arguments(name)
    found, wanted = log_jacobians(*those), run.path_jacobians()
    assert found.keys() == wanted.keys()
    for path, share in wanted.items():
        np.testing.assert_allclose(found[path].value, share, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(found[path].sign, np.sign(share))
    assert (log_least(*those) > LEAST).all()


@pytest.mark.parametrize("name", gf.cells.names())
def test_the_derivatives_by_inputs_are_those_of_numpy(name):
    run, those = arguments(name)
    if run.cell.input_names:
        wanted = run.bound.input_jacobian(those[1], those[2], those[3])
        found = log_input_jacobians(*those)
        np.testing.assert_allclose(found.value, wanted, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(found.sign, np.sign(wanted))


NORMED = gf.Cell(
    name="normed",
    state="h",
    maps="W V",
    vectors="b gain",
    define="LN(v, g) = g * (v - mean(v)) / sqrt(mean((v - mean(v))**2) + 0.00001)",
    equations="h_next = tanh(LN(W @ LN(V @ h, gain), gain) + b)",
)


def normed(scale, bias, steps=5):
    rng = np.random.default_rng(0)
    params = {n: scale * rng.normal(size=(3, 3)) for n in "WV"}
    params |= {"gain": rng.normal(size=3), "b": np.full(3, bias)}
    return gf.run(NORMED, params, state=rng.normal(size=3), steps=steps, backend="numpy")


def test_calls_that_mix_units_are_known():
    run = normed(1.0, 0.3)
    for path, share in run.path_jacobians().items():
        found = run.log_path_jacobians(np.arange(5))[path]
        np.testing.assert_allclose(found.value, share, rtol=1e-11, atol=1e-14)
    assert not run.in_doubt().any()


def test_a_normalised_unit_is_saturated_as_mpmath_says():
    run = normed(1.0, 400.0)
    assert run.in_doubt().all()
    bound = gf.compile(NORMED, "mpmath", digits=60).bind(run.params, run.flat_states[0])
    with mpmath.workdps(60):
        row = np.array([mpmath.mpf(1)] * 3, dtype=object)
        for k in range(4, -1, -1):
            row = row @ bound.jacobian(run.flat_states[k], None, k + 1).astype(object)
        wanted = [float(mpmath.log(abs(v))) for v in row]
    np.testing.assert_allclose(run.gradient_decay(np.ones(3)).by_unit[-1], wanted, rtol=1e-11)


SIZES_OF_ARRAYS, OFTEN = [1e-180, 1e-30, 0.1, 1.0, 6.0, 200.0], [0.02, 0.03, 0.2, 0.5, 0.2, 0.05]


def told_and_found(cell, params, state, x, t):
    """What magnitudes tell of all diagonals, and the logs that the values themselves have."""
    bound = gf.compile(cell, "numpy").bind(params, state)
    states = bound.join(state)[None]
    inputs = {name: np.asarray(a)[None] for name, a in (x or {}).items()}
    those = bound, states, inputs, np.array([t])
    whole = jacobian_terms(cell, False)
    wanted = (*whole.outer, *whole.inner)
    told = magnitudes.magnitudes(*those, wanted)
    here = Evaluation(*those)
    with np.errstate(all="ignore"):
        found = {e: here.value(e) for e in wanted}
        closely = log_least(*those, closely=True)
    return told, found, log_least(*those), closely


def sound(cell, rng, **sizes):
    """Whether the magnitudes tell anything, and no more than the values allow."""
    params, state, x = draw(cell, rng, **sizes)
    params, state = (
        {n: np.asarray(v) * rng.choice(SIZES_OF_ARRAYS, p=OFTEN) for n, v in those.items()}
        for those in (params, state)
    )
    told, found, quick, closely = told_and_found(cell, params, state, x, t=2)
    # the quick number is below, or the steps themselves were looked at
    assert (quick <= closely + 1e-6).all() or np.isnan(closely).any()
    if told is None:
        return False
    for e, value in found.items():
        alive = value.log[value.sign != 0]
        assert alive.size == 0 or alive.min() >= told[e].least - 1e-9, e
        assert alive.size == 0 or alive.max() <= told[e].most + 1e-9, e
    return True


def all_sound(count):
    told = 0
    for name in gf.cells.names():
        cell = gf.cells.get(name)
        spaces = {cell.spaces[n] for n in (*cell.states, *cell.input_names)} - {"one"}
        sizes = {"input" if s == "input" else s: 3 + k for k, s in enumerate(sorted(spaces))}
        told += sum(sound(cell, np.random.default_rng(seed), **sizes) for seed in range(count))
    for name in CELLS:
        cell = CELLS[name]
        told += sum(
            sound(cell, np.random.default_rng(seed), **taken(cell)) for seed in range(count)
        )
    return told


def test_magnitudes_tell_no_more_than_the_values_allow():
    assert all_sound(3) > 30


@given(cells(depth=3), st.integers(0, 5))
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_magnitudes_of_random_cells(cell, seed):
    sound(cell, np.random.default_rng(seed), inputs=SIZES["input"], **SIZES)


def allows(rule, record, points):
    """Whether the values of a function of one argument lie within what its rule tells of each."""
    for x in points:
        with np.errstate(all="ignore"):
            value = computed(record, np.array([x]))
        told = rule(magnitudes.of_array(np.array([x])))
        if value.sign[0] != 0 and not told.least - 1e-9 <= value.log[0] <= told.most + 1e-9:
            return False
    return True


@pytest.mark.parametrize("record", UNARY, ids=lambda r: r.name)
def test_every_rule_allows_the_values_of_its_function(record):
    rule = magnitudes._RULES.get(record.name)
    points = [*POINTS, *np.linspace(-25.0, 25.0, 41)]
    points = points if record.name != "sqrt" else [p for p in points if p >= 0]
    assert rule is None or allows(rule, record, points)


def test_rules_and_sums_that_tell_too_much_are_seen(monkeypatch):
    records = {r.name: r for r in UNARY}
    for name, wrong in (
        ("tanh_slope", magnitudes._falling(1.9)),
        ("sigmoid", magnitudes._falling(0.9)),
        ("sigmoid_rest", lambda a: magnitudes.Magnitude(-1.0, 0.0)),
        ("tanh", lambda a: magnitudes.Magnitude(-1.0, 0.0)),
        ("softplus", lambda a: magnitudes.Magnitude(-1.0, a.most)),
        ("relu", magnitudes._one),
    ):
        assert not allows(wrong, records[name], POINTS), name
    monkeypatch.setattr(magnitudes, "_LAST_OF_TWO", -3.0)
    monkeypatch.setattr(magnitudes, "_LAST", -3.0)
    with pytest.raises(AssertionError):
        all_sound(6)


def test_a_sum_that_cancels_is_no_smaller_than_the_last_place_of_its_terms():
    rng = np.random.default_rng(0)
    a = rng.normal(size=10000)
    for b in (-a * (1 + 2.0**-52), -np.nextafter(a, 1), rng.permutation(-a)):
        together = [magnitudes.of_array(v) for v in (a, b)]
        least = magnitudes.of_array(a + b).least
        assert magnitudes._sum(*together).least <= least
    assert magnitudes.of_array(a - np.nextafter(a, 9)).least < -36


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
