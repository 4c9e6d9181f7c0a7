"""Sizes that no array shows: kept by `init`, shown by a state or an input, or one unit each."""

import copy
import math
import pickle

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.sized import Sized
from gradflow.errors import UsageError
from gradflow.spectra import error_surface, squared_error

RING = "1 if row(index) == column(index) + 1 or row(index) == 0 and column(index) > 1 else 0"

# x' = 1 - a x^2 + y, y' = b x: Henon's map, Commun. Math. Phys. 50 (1976) 69.
HENON = gf.Cell(
    name="henon", state="x y", scalars="a b", equations="x_next = 1 - a*x**2 + y\ny_next = b*x"
)
PLANE = gf.Cell(
    name="plane",
    state="x[one] y[one]",
    scalars="a b",
    equations="x_next = 1 - a*x**2 + y\ny_next = b*x",
)
# the size `slow` is that of a part and of fixed maps alone; `read` is rectangular
FIXED = gf.Cell(
    name="fixed",
    state="h s[slow]",
    maps="U",
    fixed={"ring[slow,slow]": RING, "read[hidden,slow]": "1 / (1 + row(index) + column(index))"},
    equations="s_next = tanh(ring @ s + 0.1)\nh_next = tanh(U @ h + read @ s)",
)
# no array has a size at all, and two of them are open
OPEN = gf.Cell(
    name="open",
    state="h s[slow]",
    scalars="a",
    fixed={"ring[slow,slow]": RING, "read[hidden,slow]": "1 / (1 + row(index) + column(index))"},
    equations="s_next = tanh(ring @ s + 0.1)\nh_next = tanh(a*h + read @ s)",
)
BARE = gf.Cell(name="bare", state="h", equations="h_next = tanh(h + 0.5)")
STACKED = gf.Cell(
    name="stacked",
    state="low[lower] high[upper]",
    inputs="x",
    maps="W1 U1 W2 U2",
    equations="low_next = tanh(W1 @ x + U1 @ low)\nhigh_next = tanh(W2 @ low_next + U2 @ high)",
)
CHANNELS = gf.Cell(  # selective, with states by channel: the sizes are its own
    name="channels",
    state="s[flat]",
    inputs="x[channel]",
    maps="D B",
    vectors="A[flat] b[channel]",
    fixed={"tile[flat,channel]": "1 if row(index) % 2 == column(index) else 0"},
    equations="""
        d = softplus(D @ x + b)
        dt = tile @ d
        s_next = exp(-dt * exp(A)) * s + dt * (B @ x)
    """,
)
DRIVEN = gf.Cell(
    name="driven", state="h", inputs="xi[hidden]", maps="W", equations="h_next = tanh(W @ h + xi)"
)
GAIN = gf.Cell(
    name="gain", state="h", inputs="gain[one]", maps="W", equations="h_next = tanh(gain * (W @ h))"
)
SEVERAL = gf.Cell(
    name="several",
    state="h",
    inputs="x gain[one] xi[hidden]",
    maps="W V",
    equations="h_next = tanh(gain * (W @ h) + V @ x + xi)",
)
AVERAGED = gf.Cell(  # only the input has the size of the input
    name="averaged", state="h", inputs="x", equations="h_next = tanh(0.5*h + mean(x))"
)

CASES = {
    "henon": (HENON, {"hidden": 1, "a": 1.4, "b": 0.3}),
    "plane": (PLANE, {"a": 1.4, "b": 0.3}),
    "fixed": (FIXED, {"hidden": 3, "slow": 4}),
    "open": (OPEN, {"hidden": 3, "slow": 4, "a": 0.5}),
    "bare": (BARE, {"hidden": 2}),
    "stacked": (STACKED, {"lower": 2, "upper": 3, "inputs": 4}),
    "channels": (CHANNELS, {"flat": 4, "channel": 2}),
    "driven": (DRIVEN, {"hidden": 3}),
    "gain": (GAIN, {"hidden": 3}),
    "several": (SEVERAL, {"hidden": 3, "inputs": 2}),
    "averaged": (AVERAGED, {"hidden": 3, "inputs": 2}),
}
STEPS = 12


def given(name):
    """Return a cell, its parameters, an input (T, units) by name or none, the sizes, and ``d``."""
    cell, choices = CASES[name]
    params = cell.init(rng=1, **choices)
    sizes = {s: choices["inputs" if s == "input" else s] for s in cell.sizes} | {"one": 1}
    rng = np.random.default_rng(2)
    x = {n: 0.3 * rng.standard_normal((STEPS, sizes[cell.spaces[n]])) for n in cell.input_names}
    return cell, params, x or None, sizes, sum(sizes[cell.spaces[p]] for p in cell.states)


def counted(x):
    return STEPS if x is None else None


@pytest.mark.parametrize("name", CASES)
def test_every_call_knows_the_sizes_that_init_was_told(name):
    cell, params, x, sizes, d = given(name)
    run = gf.run(cell, params, x, steps=counted(x))
    assert {p: v.shape[-1] for p, v in run.states.items()} == {
        p: sizes[cell.spaces[p]] for p in cell.states
    }
    again = gf.run(cell, run.params, x, steps=counted(x))
    assert np.array_equal(again.flat_states, run.flat_states)
    assert gf.compile(cell).sizes(params) == gf.compile(cell).sizes(run.params) == sizes
    found = run.lyapunov(leading=1, transient=0).exponents
    pushed = gf.leading_exponents(cell, params, x, leading=1, steps=counted(x), transient=0)
    # the same product, by the same plan of orthonormalisation or another
    assert found == pytest.approx(pushed.exponents, abs=1e-9)
    row = np.random.default_rng(3).standard_normal(d)
    streamed = gf.stream_gradient_decay(cell, params, x, row, steps=counted(x))
    assert np.allclose(streamed.log_norm, run.gradient_decay(row).log_norm, rtol=0, atol=1e-9)
    assert gf.fixed_points(cell, params, starts=8).states.shape[1] == d
    assert len(gf.prove(cell, params)) >= 1
    if cell.parameters:
        of = cell.parameters[0]
        branch = gf.continue_fixed_points(cell, params, of, (0.05, 0.1))
        assert branch.states.shape[1] == d
        entry = (of, (0,) * len(cell.shape_of(of)))

        def loss(ran):
            return squared_error(np.eye(d), ran.flat_states[-1], np.ones(d))

        across, up = (entry, [0.1, 0.2]), ({of: np.ones(params[of].shape)}, [0.0])
        surface = error_surface(cell, params, loss, across, up, x, steps=counted(x))
        params[of][entry[1]] = 0.2
        last = gf.run(cell, params, x, steps=counted(x)).flat_states[-1]
        assert surface.error[0, 1] == pytest.approx(0.5 * ((last - 1) ** 2).sum(), rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_the_report_takes_sizes_and_inputs_of_every_kind(name, tmp_path):
    cell, choices = CASES[name]
    written = gf.report(cell, tmp_path / "page.html", steps=STEPS, init=choices)
    setup = written.study.setup
    assert setup.assumed == ()
    assert setup.sizes == {s: choices["inputs" if s == "input" else s] for s in cell.sizes}
    assert set(setup.trajectory.inputs) == set(cell.input_names)
    page = written.path.read_text()
    assert setup.told_sizes() in page


@pytest.mark.parametrize("name", ["fixed", "open", "several", "averaged"])
@pytest.mark.parametrize("backend", ["numpy", "mpmath", "array-api"])
def test_one_step_agrees_with_the_equations_by_hand(name, backend):
    cell, params, x, sizes, d = given(name)
    state = np.random.default_rng(4).standard_normal(d)
    now = None if x is None else {n: v[0] for n, v in x.items()}
    new = gf.compile(cell, backend).step(params, state, now).astype(float)
    index = np.arange(sizes.get("slow", 0))
    ring = (index[:, None] == index + 1) | ((index[:, None] == 0) & (index > 1))
    read = 1 / (1 + np.arange(sizes.get("hidden", 0))[:, None] + index)
    if name in ("fixed", "open"):
        h, s = state[: sizes["hidden"]], state[sizes["hidden"] :]
        own = params["U"] @ h if name == "fixed" else params["a"] * h
        wanted = [np.tanh(own + read @ s), np.tanh(ring @ s + 0.1)]
    elif name == "several":
        p = params
        wanted = [np.tanh(now["gain"] * (p["W"] @ state) + p["V"] @ now["x"] + now["xi"])]
    else:
        wanted = [np.tanh(0.5 * state + now["x"].mean())]
    assert new == pytest.approx(np.concatenate(wanted), abs=1e-14)


def test_henon_has_its_two_fixed_points_and_its_area():
    root = math.sqrt(0.7**2 + 4 * 1.4)
    x = np.array([(-0.7 - root) / 2.8, (-0.7 + root) / 2.8])
    for params in (HENON.init(hidden=1, a=1.4, b=0.3), {"a": 1.4, "b": 0.3}):
        found = gf.fixed_points(HENON, params)
        order = np.argsort(found.states[:, 0])
        assert found.states[order] == pytest.approx(np.column_stack([x, 0.3 * x]), abs=1e-12)
    run = gf.run("henon" if "henon" in gf.cells.names() else HENON, params, steps=2000)
    # |det J| = b at every step
    total = run.lyapunov(transient=0).exponents.sum()
    assert total == pytest.approx(math.log(0.3), abs=1e-10)


def test_what_a_state_or_an_input_shows_need_not_be_told():
    parts = {"h": np.zeros(3), "s": np.full(4, 0.1)}
    run = gf.run(OPEN, {"a": 0.5}, state=parts, steps=5)
    told = gf.run(OPEN, OPEN.init(hidden=3, slow=4, a=0.5), state=parts, steps=5)
    assert np.array_equal(run.flat_states, told.flat_states)
    assert run.lyapunov(leading=2).exponents.shape == (2,)
    assert gf.run(AVERAGED, {}, np.ones((5, 7)), state=np.zeros(2)).bound.sizes["input"] == 7
    driven = gf.Cell(name="d", state="h", inputs="u[hidden]", equations="h_next = tanh(h + u)")
    assert gf.run(driven, {}, np.ones((5, 7))).width == 7
    # no map mixes units, so that one stands for all
    assert gf.run(BARE, {}, steps=3).width == 1
    assert gf.run(BARE, {}, state=np.zeros(5), steps=3).width == 5


def test_sizes_are_never_guessed_and_never_overruled():
    with pytest.raises(UsageError, match=r"size of 's' does not follow .* as cell.init makes them"):
        gf.run(FIXED, dict(FIXED.init(hidden=3, slow=4, rng=0)), steps=3)
    params = FIXED.init(hidden=3, slow=4, rng=0)
    with pytest.raises(UsageError, match=r"state part s has shape .5,.; its last axis needs 4"):
        gf.run(FIXED, params, state={"h": np.zeros(3), "s": np.zeros(5)}, steps=3)
    with pytest.raises(UsageError, match=r"the state has shape \(6,\); its last axis needs 7"):
        gf.run(OPEN, OPEN.init(hidden=3, slow=4, a=0.5), state=np.zeros(6), steps=3)
    with pytest.raises(UsageError, match=r"input x has shape .5, 7.; its last axis needs 2"):
        gf.run(AVERAGED, AVERAGED.init(hidden=3, inputs=2), np.ones((5, 7)))


def test_parameters_that_keep_sizes_are_a_dict_in_all_else():
    params = FIXED.init(hidden=3, slow=4, rng=0)
    assert isinstance(params, dict)
    assert type(gf.cells.lstm.init(hidden=2, inputs=1)) is dict
    other = {"U": np.eye(3)}
    kept = [params | other, copy.copy(params), copy.deepcopy(params), params.copy()]
    kept.append(pickle.loads(pickle.dumps(params)))
    for one in kept:
        assert isinstance(one, Sized)
        assert one.sizes == {"slow": 4}
        assert gf.run(FIXED, one, steps=2).width == 7
    assert np.array_equal((params | other)["U"], np.eye(3))


def test_torch_and_jax_keep_them_too():
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    params = FIXED.init(hidden=3, slow=4, rng=0)
    want = gf.run(FIXED, params, steps=6).flat_states[1:]
    module = gf.to_torch(FIXED, params, dtype=torch.float64)
    assert np.allclose(module(steps=6)[0].detach().numpy(), want, rtol=0, atol=1e-14)
    again = pickle.loads(pickle.dumps(module))
    assert np.allclose(again(steps=6)[0].detach().numpy(), want, rtol=0, atol=1e-14)
    run = gf.to_jax(FIXED)
    # float32 unless told otherwise
    assert np.allclose(run(params, steps=6), want, rtol=0, atol=1e-6)
    gradient = jax.grad(lambda p: run(p, steps=6)[-1].sum())(params)
    assert gradient["U"].shape == (3, 3)


def test_the_report_tells_what_nobody_stated_and_refuses_what_is_said_twice(tmp_path):
    out = tmp_path / "page.html"
    stacked = gf.report(STACKED, out, hidden=3, steps=10).study.setup
    assert stacked.assumed == ("lower", "upper")
    assert "lower = 3 (not stated), upper = 3 (not stated), input = " in out.read_text()
    assert gf.report("rnn", out, steps=10, init={"hidden": 3}).study.setup.trajectory.width == 3
    with pytest.raises(UsageError, match="'hidden' is given twice, and init has hidden=3"):
        gf.report("rnn", out, hidden=2, steps=10, init={"hidden": 3})
    with pytest.raises(UsageError, match="report: lower is 0; it must be a whole number"):
        gf.report(STACKED, out, steps=10, init={"lower": 0})


def test_the_columns_of_a_file_are_shared_among_the_inputs(tmp_path):
    values = np.random.default_rng(5).standard_normal((90, 6))
    path = tmp_path / "x.npy"
    np.save(path, values)
    setup = gf.report(SEVERAL, tmp_path / "p.html", hidden=3, steps=10, input=str(path)).study.setup
    assert setup.sizes == {"hidden": 3, "input": 2}
    first = {"x": values[:10, :2], "gain": values[:10, 2:3], "xi": values[:10, 3:]}
    for name, part in first.items():
        assert np.array_equal(setup.trajectory.inputs[name], part)
    assert setup.windows == 8
    driven = gf.report(DRIVEN, tmp_path / "p.html", steps=10, input=str(path)).study.setup
    assert driven.sizes == {"hidden": 6}
    assert driven.assumed == ()
    with pytest.raises(UsageError, match=r"6 columns, and xi .hidden: 4. need others"):
        gf.report(DRIVEN, tmp_path / "p.html", hidden=4, steps=10, input=str(path))
    with pytest.raises(UsageError, match="the sizes input, hidden are not known"):
        gf.report(SEVERAL, tmp_path / "p.html", steps=10, input=str(path))
    path = tmp_path / "words.txt"
    path.write_text("to be or not to be, that is the question " * 9)
    setup = gf.report(SEVERAL, tmp_path / "p.html", hidden=3, steps=10, input=str(path)).study.setup
    assert setup.trajectory.inputs["x"].sum(axis=-1).tolist() == [1.0] * 10
    assert "gain, xi: standard normal numbers by the seed" in setup.source
    two = gf.Cell(
        name="two",
        state="h",
        inputs="a[hidden] b[hidden]",
        maps="W",
        equations="h_next = tanh(W @ h + a * b)",
    )
    with pytest.raises(UsageError, match="for one input of size 'input', and there is none"):
        gf.report(two, tmp_path / "p.html", hidden=3, steps=10, input=str(path))
