"""States and tangent vectors pushed together, against single steps in 50 digits."""

import mpmath
import numpy as np
import pytest

import gradflow as gf
from gradflow.codegen import over_time
from gradflow.codegen.lowering import recurrence
from gradflow.codegen.printing.loops.push import PushText
from gradflow.errors import UsageError
from oracles.agreement import draw
from oracles.language_cells import CELLS, taken

pytest.importorskip("numba")

NAMES = [
    *gf.cells.LIBRARY,
    "fixed_maps",
    "masked",
    "time",
    "spread_and_reduce",
    "outputs_and_inputs",
]
# one with inputs, one with the step number; the others are compiled in the slow tests
QUICK = ["rnn", "time"]
EVERY = [("numpy", n) for n in NAMES] + [
    ("numba", n) if n in QUICK else pytest.param("numba", n, marks=pytest.mark.slow) for n in NAMES
]
BACKENDS = pytest.mark.parametrize("backend", ["numpy", "numba"])
ALL = {**{name: gf.cells.get(name) for name in gf.cells.LIBRARY}, **CELLS}
STEPS = 6


def situation(cell, batch, k):
    """Parameters, first states (batch, d), inputs, vectors (batch, k, d)."""
    params, state, x = draw(cell, np.random.default_rng(0), **taken(cell))
    params = {n: v if n in cell.defaults else 0.5 * v for n, v in params.items()}
    rng = np.random.default_rng(1)
    d = sum(len(a) for a in state.values())
    inputs = {n: rng.standard_normal((batch, STEPS, len(a))) for n, a in (x or {}).items()}
    return params, rng.standard_normal((batch, d)), inputs, rng.standard_normal((batch, k, d))


def exact(cell, params, first, inputs, frame, first_step=1):
    """States, images and log Frobenius norms of one trajectory, step by step, 50 digits."""
    code = gf.compile(cell, "mpmath", digits=50)
    asarray = code.target.asarray
    states, columns, logs = [asarray(first)], asarray(frame.T), []
    for t in range(STEPS):
        x = {n: v[t] for n, v in inputs.items()} or None
        columns = code.jacobian(params, states[-1], x, first_step + t) @ columns
        states.append(code.step(params, states[-1], x, first_step + t))
        square = sum(v * v for v in columns.ravel())
        logs.append(float(mpmath.log(square) / 2) if square else -np.inf)
    return np.array(states, dtype=float), columns.T, np.array(logs)


def pushed(code, params, first, inputs, frame, *, known, first_step=1):
    """States, images over their scale, logs of that scale, logs of sizes: by two calls."""
    states = np.full((len(first), STEPS + 1, first.shape[-1]), np.nan)
    states[:, 0] = first
    bound = code.bind(params)
    if known:
        over_time.fill_states(bound, states, inputs, first_step)
    before = states.copy()
    through = over_time.push_forward(bound, states, inputs, known=known, first_step=first_step)
    one = through(0, 2, frame)
    two = through(2, STEPS, one.frame)
    assert not known or (states == before).all()
    logs = np.concatenate([one.log_size, two.log_size + one.log_scale])
    return states, two.frame, one.log_scale + two.log_scale, logs


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(("backend", "name"), EVERY)
def test_states_and_images_are_those_of_single_steps(backend, name, known):
    cell = ALL[name]
    code = gf.compile(cell, backend)
    for batch, k in ((1, 1), (1, 3), (3, 1), (2, 3)):
        params, first, inputs, frame = situation(cell, batch, k)
        found = pushed(code, params, first, inputs, frame, known=known, first_step=11)
        for b in range(batch):
            mine = {n: v[b] for n, v in inputs.items()}
            wanted = exact(cell, params, first[b], mine, frame[b], 11)
            # six steps, each a few dozen roundings and factors of up to 100
            np.testing.assert_allclose(found[0][b], wanted[0], rtol=1e-10, atol=1e-10)
            image = found[1][b] * np.exp(found[2][b])
            np.testing.assert_allclose(image, wanted[1].astype(float), rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(found[3][:, b], wanted[2], rtol=1e-10, atol=1e-10)


def test_a_wrong_factor_is_seen(monkeypatch):
    """The comparison above must fail for a loop that is wrong by one part in a million."""
    printed = PushText.lines
    monkeypatch.setattr(
        PushText,
        "lines",
        lambda self, name: [
            line.replace("k0_ = tanh_slope", "k0_ = 1.000001 * tanh_slope")
            for line in printed(self, name)
        ],
    )
    cell = gf.Cell(
        name="seen", state="h", inputs="x", maps="W U", equations="h_next = tanh(U @ h + W @ x)"
    )
    params, first, inputs, frame = situation(cell, 1, 1)
    code = gf.compile(cell, "numba")
    found = pushed(code, params, first, inputs, frame, known=False)
    wanted = exact(cell, params, first[0], {"x": inputs["x"][0]}, frame[0])
    np.testing.assert_allclose(found[0][0], wanted[0], rtol=1e-12)
    assert np.abs(found[3][:, 0] - wanted[2]).max() > 1e-7


@BACKENDS
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("w", [0.25, 0.0, -1e-200, 1e200])
def test_nothing_underflows_or_overflows(w, known, backend):
    """h' = w h: the size after t steps is |w|^t, beyond all floats both ways."""
    cell = gf.Cell(
        name="power", state="h[one] z", scalars="w", equations="h_next = w * h\nz_next = w * z"
    )
    steps = 900
    states = np.zeros((2, steps + 1, 3))
    frame = np.array([[[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]], [[0.0, 0.0, 5.0], [0.0, 0.0, 0.0]]])
    bound = gf.compile(cell, backend).bind({"w": np.array([w])})
    through = over_time.push_forward(bound, states, {}, known=known)
    found = through(0, steps, frame)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.arange(1, steps + 1) * np.log(abs(w))
    # sums of 900 logs of up to 4e5, rounded
    wanted = np.log(5) + np.stack([growth, growth], axis=1)
    np.testing.assert_allclose(found.log_size, wanted, rtol=1e-13)
    lengths = np.linalg.norm(found.frame.reshape(2, -1), axis=1)
    if w:
        np.testing.assert_allclose(np.log(lengths) + found.log_scale, wanted[-1], rtol=1e-13)
        direction = np.sign(w) ** steps * frame / 5
        np.testing.assert_allclose(
            found.frame / lengths[:, None, None], direction, rtol=1e-13, atol=0
        )
    else:
        assert not found.frame.any()


def test_products_with_one_operand_are_one_product():
    """An LSTM's four gates: one stack of matrices, that states and tangents share."""
    text = PushText(gf.cells.get("lstm"), recurrence.push(gf.cells.get("lstm")), known=False)
    assert text.stacks == [("U_f", "U_g", "U_i", "U_o")]
    assert sum("rows_times(" in line for line in text.lines("push")) == 2


@BACKENDS
def test_what_cannot_be_pushed_is_said(backend):
    cell = gf.cells.get("rnn")
    params = cell.init(hidden=2, inputs=1, rng=0)
    states, x = np.zeros((1, 4, 2)), {"x": np.zeros((1, 3, 1))}
    with pytest.raises(UsageError, match="backend 'mpmath' has no loops over time; use 'numpy'"):
        over_time.push_forward(gf.compile(cell, "mpmath").bind(params), states, x)
    bound = gf.compile(cell, backend).bind(params)
    with pytest.raises(UsageError, match="states are not contiguous float64"):
        over_time.push_forward(bound, np.zeros((4, 1, 2)).swapaxes(0, 1)[..., ::-1], x)
    through = over_time.push_forward(bound, states, x)
    for start, stop, shape in ((0, 4, (1, 1, 2)), (2, 1, (1, 1, 2)), (0, 3, (1, 1, 3))):
        with pytest.raises(UsageError, match="steps 0 to 3 and vectors"):
            through(start, stop, np.zeros(shape))
