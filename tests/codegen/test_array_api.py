"""One text for arrays of any library: NumPy, array-api-strict, torch and JAX against 50 digits.

`TIGHT` = 1e-13 relative to the largest entry, as for the NumPy target in `test_precision.py`.
"""

import importlib
import pickle
import sys

import mpmath
import numpy as np
import pytest

import gradflow as gf
from gradflow.codegen.frameworks.operations import Operations, operations
from gradflow.codegen.frameworks.special import series_erf, two_sided_sigmoid
from gradflow.errors import UsageError
from oracles.agreement import draw, gap
from oracles.language_cells import CELLS, taken
from oracles.samples import SMALL, distance, sample

TIGHT = 1e-13
NAMES = pytest.mark.parametrize("name", gf.cells.LIBRARY)
# below and above the number of steps from which blocks are one product
LEADS = pytest.mark.parametrize("lead", [(), (2,), (3, 4)], ids=["single", "batch", "many"])
CONVERT = {"numpy": "array", "array_api_strict": "asarray", "torch": "tensor", "jax": "asarray"}


@pytest.fixture(params=CONVERT)
def array(request):
    """A function that makes arrays of one library, float64 throughout."""
    library = pytest.importorskip(request.param)
    if request.param != "jax":
        yield getattr(library, CONVERT[request.param])
        return
    with library.enable_x64(True):
        yield library.numpy.asarray


def moved(array, value):
    """The same numbers as arrays of a library, mappings entry by entry."""
    if isinstance(value, dict):
        return {k: moved(array, v) for k, v in value.items()}
    return None if value is None else array(np.array(value))


def routines(code, params, state, u, x, t):
    """Every result of every routine, by name."""
    found = {
        "step": code.step(params, state, x, t),
        "jvp": code.jvp(params, state, u, x, t),
        "vjp": code.vjp(params, state, u, x, t),
        "jacobian": code.jacobian(params, state, x, t),
        **code.outputs(params, state, x, t),
    }
    for keep in (False, True):
        gradient = code.parameter_vjp(params, state, u, x, t, keep)
        found |= {f"{k}, keep={keep}": v for k, v in gradient.items()}
    found |= {f"path {k}": a for k, a in code.path_jacobians(params, state, x, t).items()}
    if x is not None:
        found["input_jacobian"] = code.input_jacobian(params, state, x, t)
    return found


def compared(cell, array, params, state, u, x, t):
    """Pairs of a result in the library and of the same at 50 digits, by name."""
    there = [moved(array, v) for v in (params, state, u, x)]
    found = routines(gf.compile(cell, backend="array-api"), *there, t)
    wanted = routines(gf.compile(cell, backend="mpmath"), params, state, u, x, t)
    assert found.keys() == wanted.keys()
    kind = type(array(np.ones(1)))
    for key, value in wanted.items():
        assert isinstance(found[key], kind), key
        yield key, np.asarray(found[key]), np.asarray(value, dtype=np.float64)


@NAMES
@LEADS
def test_every_routine_of_the_library(name, lead, array):
    s = sample(name, SMALL, lead=lead)
    u = np.random.default_rng(8).standard_normal(s.state.shape)
    for key, found, wanted in compared(s.cell, array, s.params, s.state, u, s.x, s.t):
        assert distance(found, wanted) < TIGHT, key


@pytest.mark.parametrize("name", CELLS)
def test_every_routine_of_the_language(name, array):
    cell = CELLS[name]
    params, state, x = draw(cell, np.random.default_rng(0), **taken(cell))
    u = np.random.default_rng(1).standard_normal(sum(map(len, state.values())))
    for key, found, wanted in compared(cell, array, params, state, u, x, 3):
        assert gap(found, wanted) < TIGHT, key


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        *((name, "fill_blocks") for name in gf.cells.LIBRARY),
        *((name, "outer") for name in ("rnn", "lstm", "gru", "scrn")),
        *((name, "total") for name in ("irnn", "lstm", "gru_reset_after", "clockwork")),
        *((name, "sigmoid") for name in ("lstm", "gru", "scrn")),
        ("clockwork", "where"),
        ("rnn", "tanh"),
    ],
)
def test_an_operation_wrong_by_a_thousandth_is_seen(name, operation, monkeypatch):
    s = sample(name, SMALL, lead=(9,))
    right = getattr(operations(s.cell, []), operation)
    monkeypatch.setattr(
        Operations, operation, lambda self, *a: 1.001 * right(*a), raising=operation != "tanh"
    )
    cases = compared(s.cell, np.array, s.params, s.state, np.ones(s.state.shape), s.x, s.t)
    assert max(distance(found, wanted) for _, found, wanted in cases) > 1e-4


@NAMES
def test_no_steps_at_all(name, array):
    s = sample(name, lead=(0,))
    code, t = gf.compile(s.cell, backend="array-api"), np.arange(0)
    params, state, x = (moved(array, v) for v in (s.params, s.state, s.x))
    d = s.state.shape[-1]
    assert tuple(code.step(params, state, x, t).shape) == (0, d)
    assert tuple(code.jacobian(params, state, x, t).shape) == (0, d, d)
    gradient = code.parameter_vjp(params, state, state, x, t)
    for key, value in gradient.items():
        assert np.array_equal(np.asarray(value), np.zeros(s.params[key].shape))


@pytest.mark.parametrize("name", ["lstm", "clockwork", "scrn"])
def test_leading_axes_of_any_argument_broadcast(name, array):
    s = sample(name, lead=(2, 1))
    ours, numpys = gf.compile(s.cell, backend="array-api"), gf.compile(s.cell)
    params, state, x = (moved(array, v) for v in (s.params, s.state, s.x))
    t, u = np.arange(1, 4), np.ones(s.state.shape[-1])
    found = ours.jacobian(params, state, x, t)
    assert distance(np.asarray(found), numpys.jacobian(s.params, s.state, s.x, t)) < TIGHT
    found = ours.vjp(params, state, array(u), x, t)
    assert distance(np.asarray(found), numpys.vjp(s.params, s.state, u, s.x, t)) < TIGHT
    found = ours.parameter_vjp(params, state, array(u), x, t, keep=True)
    for key, wanted in numpys.parameter_vjp(s.params, s.state, u, s.x, t, keep=True).items():
        assert distance(np.asarray(found[key]), wanted) < TIGHT


@pytest.mark.parametrize("name", ["lstm", "clockwork", "scrn"])
def test_single_precision_stays_single(name, array):
    s = sample(name, lead=(2,))
    code = gf.compile(s.cell, backend="array-api")

    def single(value):
        return array(np.asarray(value, dtype=np.float32))

    params, state, x = (moved(single, v) for v in (s.params, s.state, s.x))
    found = code.jacobian(params, state, x, s.t)
    assert np.asarray(found).dtype == np.float32
    wanted = gf.compile(s.cell).jacobian(s.params, s.state, s.x, s.t)
    assert distance(np.asarray(found), wanted) < 1e-5  # 17 products of rounding 6e-8, in series


def test_numpy_arrays_and_lists_go_along(array):
    s = sample("clockwork")
    code = gf.compile(s.cell, backend="array-api")
    found = code.step(s.params | {"b": array(s.params["b"])}, s.state.tolist(), s.x, s.t)
    assert isinstance(found, type(array(np.ones(1))))
    wanted = gf.compile(s.cell).step(s.params, s.state, s.x, s.t)
    assert distance(np.asarray(found), wanted) < TIGHT


def test_lists_alone_are_float64_in_numpy():
    cell = gf.Cell(name="plane", state="a[one] b[one]", equations="a_next = 2 * b\nb_next = a")
    code = gf.compile(cell, backend="array-api")
    found = code.step({}, {"a": 3, "b": [4]})
    assert found.dtype == np.float64
    assert found.tolist() == [8, 3]
    assert {k: v.tolist() for k, v in code.split({}, [3, 4]).items()} == {"a": [3], "b": [4]}


def test_split_and_join_are_inverse(array):
    s = sample("scrn", lead=(2, 3))
    code = gf.compile(s.cell, backend="array-api")
    parts = code.split(moved(array, s.params), array(s.state))
    assert {p: tuple(a.shape) for p, a in parts.items()} == {"h": (2, 3, 7), "s": (2, 3, 5)}
    assert np.array_equal(np.asarray(code.join(parts)), s.state)


def by_hand(code, params, states, u, x):
    """The gradients by all states, one vjp of the NumPy target after another."""
    wanted = np.zeros((*states.shape[:-2], len(u) + 1, states.shape[-1]))
    for k in range(len(u), 0, -1):
        wanted[..., k, :] += u[k - 1]
        now = x and {n: v[..., k - 1, :] for n, v in x.items()}
        before = states[..., k - 1, :]
        wanted[..., k - 1, :] = code.vjp(params, before, wanted[..., k, :], now, k)
    return wanted


@pytest.mark.parametrize("name", [*gf.cells.LIBRARY, *CELLS])
def test_jacobians_and_pullback_of_a_run(name, array):
    """Nine steps, so that the blocks are one product."""
    rng = np.random.default_rng(0)
    if name in CELLS:
        cell = CELLS[name]
        params, state, x = draw(cell, rng, **taken(cell))
        d = sum(map(len, state.values()))
    else:
        s = sample(name)
        cell, params, d, x = s.cell, s.params, len(s.state), s.x if s.x is None else {"x": s.x}
    states = rng.standard_normal((9, d))
    u = rng.standard_normal(states.shape)
    xs = x and {n: rng.standard_normal((9, len(v))) for n, v in x.items()}
    code = gf.compile(cell, backend="array-api")
    p, s, v, w = (moved(array, a) for a in (params, states, u, xs))
    t = np.arange(1, 10)
    wanted = gf.compile(cell).jacobian(params, states, xs, t)
    assert distance(np.asarray(code.jacobian(p, s, w, t)), wanted) < TIGHT
    found = code.pullback(p, s, v, w)
    assert isinstance(found, type(array(np.ones(1))))
    wanted = by_hand(gf.compile(cell), params, states, u, xs)
    # nine steps in series
    assert distance(np.asarray(found), wanted) < 10 * TIGHT
    assert distance(1.001 * np.asarray(found), wanted) > 1e-4


def test_pullback_broadcasts_and_wants_a_time_axis(array):
    s = sample("lstm", lead=(2, 4))
    u = np.ones((4, 14))
    code = gf.compile(s.cell, backend="array-api")
    params, states = moved(array, s.params), array(s.state)
    found = code.pullback(params, states, array(u), array(s.x[0]))
    wanted = by_hand(gf.compile(s.cell), s.params, s.state, u, {"x": s.x[0]})
    assert distance(np.asarray(found), wanted) < 10 * TIGHT
    with pytest.raises(UsageError, match=r"have shape \(14,\); pullback needs \(..., T, d\)"):
        code.pullback(params, states[0, 0, :], array(u), array(s.x[0]))


BAD = [
    ({"state": np.ones(6)}, "the state has shape (6,); its last axis needs 14 entries"),
    ({"state": {"h": np.ones(7)}}, "the state given has parts h; it needs h, c"),
    ({"state": {"h": np.ones(2), "c": np.ones(7)}}, "state part h has shape (2,)"),
    ({"state": "abc"}, "the state is no array of real numbers but str"),
    ({"x": None}, "needs its input x"),
    ({"x": np.ones(4)}, "input x has shape (4,)"),
    ({"t": "now"}, "the step number t is no array of real numbers"),
    ({"state": np.ones((2, 14)), "t": np.arange(3)}, "leading axes (2,), "),
    ({"params": {"U_f": np.ones((7, 6))}}, "U_f has shape (7, 6); it needs (hidden, hidden)"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[m[:20] for _, m in BAD])
def test_the_same_sentences_as_numpy(array, change, message):
    s = sample("lstm")
    plain = {"params": s.params, "state": s.state, "x": s.x, "t": s.t} | change
    plain["params"] = s.params | plain["params"]

    def sent(value):
        if isinstance(value, dict):
            return {k: sent(v) for k, v in value.items()}
        return array(value) if isinstance(value, np.ndarray) else value

    sentences = []
    for backend, given in (("numpy", plain), ("array-api", sent(plain))):
        with pytest.raises(UsageError) as caught:
            gf.compile(s.cell, backend=backend).step(**given)
        sentences.append(str(caught.value))
    assert sentences[0] == sentences[1]
    assert message in sentences[0]


def test_out_and_complex_numbers_and_a_missing_input_are_refused(array):
    s = sample("lstm")
    code = gf.compile(s.cell, backend="array-api")
    params, state, x = (moved(array, v) for v in (s.params, s.state, s.x))
    for method in (code.jacobian, code.input_jacobian):
        with pytest.raises(UsageError, match="'array-api' writes into no array; leave out= away"):
            method(params, state, x, out=state)
    with pytest.raises(UsageError, match="the state is no array of real numbers"):
        code.step(params, array(s.state + 1j), x)
    with pytest.raises(UsageError, match="'scalar': has no input to differentiate by"):
        gf.compile(gf.cells.scalar, backend="array-api").input_jacobian({}, state, None)


def test_two_libraries_in_one_call():
    strict, torch = pytest.importorskip("array_api_strict"), pytest.importorskip("torch")
    s = sample("rnn")
    params = s.params | {"U": strict.asarray(s.params["U"]), "W": torch.tensor(s.params["W"])}
    with pytest.raises(UsageError, match=r"several libraries in one call \(array_api_strict, tor"):
        gf.compile(s.cell, backend="array-api").step(params, s.state, s.x)


def test_two_devices_in_one_call():
    strict = pytest.importorskip("array_api_strict")
    s = sample("rnn")
    there = strict.asarray(s.params["U"], device=strict.Device("device1"))
    params = s.params | {"U": there, "W": strict.asarray(s.params["W"])}
    with pytest.raises(UsageError, match=r"on several devices \(.*CPU.*, .*device1.*\); move them"):
        gf.compile(s.cell, backend="array-api").step(params, s.state, s.x)


def test_results_stay_on_the_device():
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")
    cell = CELLS["hostile_names"]
    params, state, x = draw(cell, np.random.default_rng(0), **taken(cell))
    there = [moved(lambda v: strict.asarray(v, device=device), v) for v in (params, state, x)]
    code = gf.compile(cell, backend="array-api")
    assert code.step(*there).device == device
    assert code.jacobian(*there).device == device


@pytest.mark.parametrize("name", [*gf.cells.LIBRARY, "hostile_names", "kinks", "spread_and_reduce"])
@pytest.mark.parametrize("steps", [3, 9])
def test_nothing_leaves_the_device_and_no_value_is_looked_at(name, steps):
    """Torch's device "meta" has shapes and no numbers: a look at one, or a CPU tensor, raises."""
    torch = pytest.importorskip("torch")

    def meta(value):
        return torch.tensor(value, device="meta")

    if name in CELLS:
        cell = CELLS[name]
        params, state, x = draw(cell, np.random.default_rng(0), **taken(cell))
        flat = np.tile(np.concatenate(list(state.values())), (steps, 1))
        x = x and {n: np.tile(v, (steps, 1)) for n, v in x.items()}
    else:
        s = sample(name, lead=(steps,))
        cell, params, flat, x = s.cell, s.params, s.state, s.x
    code, t = gf.compile(cell, backend="array-api"), np.arange(steps)
    found = routines(code, *(moved(meta, v) for v in (params, flat, flat, x)), t)
    found["pullback"] = code.pullback(*(moved(meta, v) for v in (params, flat, flat, x)))
    d = flat.shape[-1]
    assert found["jacobian"].shape == (steps, d, d)
    assert found["pullback"].shape == (steps + 1, d)
    assert {v.device.type for v in found.values()} == {"meta"}


def test_without_array_api_compat(monkeypatch):
    monkeypatch.setitem(sys.modules, "array_api_compat", None)
    with pytest.raises(UsageError, match="run: pip install array-api-compat"):
        gf.compile(gf.cells.scalar, backend="array-api").step({"w": [1.0]}, [1.0])


def test_code_pickles_and_compares():
    code = gf.compile(gf.cells.lstm, backend="array-api")
    again = pickle.loads(pickle.dumps(code))
    assert again == code != gf.compile(gf.cells.lstm)
    assert again.backend == "array-api"


@NAMES
def test_the_source_stands_alone(name):
    s = sample(name)
    code = gf.compile(s.cell, backend="array-api")
    namespace = {}
    exec(compile(code.source, "source", "exec"), namespace)
    parts = list(code.split(s.params, s.state).values())
    x = [] if s.x is None else [s.x]
    weights = [s.params[n] for n in (*s.cell.parameters, *s.cell.constant_names)]
    xp = operations(s.cell, weights)
    args = [xp, *parts, *x, np.array([float(s.t)]), *weights]
    assert np.array_equal(np.concatenate(namespace["step"](*args)), code.step(*point(s)))
    shape = (len(s.state), len(s.state))
    assert np.array_equal(namespace["jacobian"](*args, shape), code.jacobian(*point(s)))


def point(s):
    return s.params, s.state, s.x, s.t


def test_names_of_the_cell_do_not_hide_the_operations():
    cell = gf.Cell(
        name="clash",
        state="xp array library[side]",
        maps="xp_ tanh_[side,hidden]",
        equations="xp_next = tanh(xp_ @ xp)\narray_next = array * mean(xp)\n"
        "library_next = sigmoid(tanh_ @ array) if library > 0 else library",
    )
    params, state, _ = draw(cell, np.random.default_rng(0), hidden=3, side=2)
    flat = np.concatenate(list(state.values()))
    for key, found, wanted in compared(cell, np.array, params, state, flat, None, 1):
        assert gap(found, wanted) < TIGHT, key


@pytest.mark.parametrize("a", [-745.0, -710.0, -40.0, -3.2, -1e-9, 0.0, 0.7, 3.0, 40.0, 800.0])
def test_functions_the_standard_lacks(array, a):
    """Relative to 1e-15, six units in the last place, at least the smallest normal number."""
    xp = operations(gf.cells.rnn, [array(np.ones(1))])
    given = array(np.array([a]))
    with mpmath.workdps(40):
        exact = mpmath.mpf(a)
        wanted = {
            "sigmoid": 1 / (1 + mpmath.exp(-exact)),
            "softplus": mpmath.log1p(mpmath.exp(exact)),
            "erf": mpmath.erf(exact),
        }
    for name, value in wanted.items():
        found = float(getattr(xp, name)(given)[0])
        assert abs(found - value) <= 1.4e-15 * abs(value) + 1e-307, name


def test_the_series_of_erf_everywhere():
    points = np.concatenate([np.linspace(-7, 7, 701), [0.0, 1e-300, -1e-8, 3.0, -3.0, 1e3, 1e300]])
    found = series_erf(np, points)
    with mpmath.workdps(40):
        wanted = np.array([float(mpmath.erf(mpmath.mpf(p))) for p in points])
    assert np.abs(found - wanted).max() < 1e-15
    near = np.abs(points) < 1
    np.testing.assert_allclose(found[near], wanted[near], rtol=1e-15)
    assert np.isnan(series_erf(np, np.array([np.nan]))).all()
    assert np.array_equal(two_sided_sigmoid(np, np.array([np.inf, -np.inf])), [1, 0])


def test_larger_smaller_and_nan(array):
    xp = operations(gf.cells.rnn, [array(np.ones(1))])
    a, b = array(np.array([1.0, 3.0, np.nan, 2.0])), array(np.array([2.0, 2.0, 2.0, np.nan]))
    assert np.array_equal(np.asarray(xp.maximum(a, b)), [2, 3, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(np.asarray(xp.minimum(a, b)), [1, 2, np.nan, np.nan], equal_nan=True)


KINKS = {
    "Max(h, b)": [0, 1],
    "Min(b, h)": [1, 0],
    "relu(h - b)": [0, 0],
    "Abs(h - b)": [0, 0],
    "sign(h - b) + floor(h) + step(b)": [0, 0],
    "h % b": [1, -1],
    "softplus(h - b) + sigmoid(b - h) + erf(0 * h)": [0.25, -0.25],
}


@pytest.mark.parametrize("equation", KINKS)
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_autodiff_through_the_step_gives_the_languages_derivative_at_a_kink(equation, library):
    module = pytest.importorskip(library)
    cell = gf.Cell(name="kink", state="h", vectors="b", equations=f"h_next = {equation}")
    code = gf.compile(cell, backend="array-api")
    asarray = module.tensor if library == "torch" else module.numpy.asarray
    transforms = importlib.import_module("torch.func") if library == "torch" else module
    point = asarray(np.array([2.0, 2.0], dtype=np.float32))
    gradient = transforms.grad(lambda v: code.step({"b": v[1:]}, v[:1])[0])(point)
    assert np.asarray(gradient).tolist() == KINKS[equation]
