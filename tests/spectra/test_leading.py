"""Leading exponents of batches and of grids of parameters, held against single trajectories."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.spectra import leading_exponents, lyapunov_spectrum
from gradflow.spectra.lyapunov import leading as leading_of

SLOW = pytest.mark.slow
BACKENDS = ["numpy", pytest.param("numba", marks=SLOW)]

GRID = gf.Cell(
    name="lstm_grid",
    state="h c",
    inputs="x gain[one] shift[one]",
    maps="W_i W_f W_o W_g U_i U_f U_o U_g",
    vectors="b_i b_f b_o b_g",
    equations="""
        i = sigmoid(W_i @ x + gain * (U_i @ h) + b_i)
        f = sigmoid(W_f @ x + gain * (U_f @ h) + b_f + shift)
        o = sigmoid(W_o @ x + gain * (U_o @ h) + b_o)
        g = tanh(W_g @ x + gain * (U_g @ h) + b_g)
        c_next = f * c + i * g
        h_next = o * tanh(c_next)
    """,
)


CLOCK = gf.Cell(
    name="clock",
    state="h",
    inputs="x",
    maps="W U",
    equations="h_next = Max(U @ h + W @ x, 0) / (1 + t / 10)",
)


def drawn(name, batch=(), steps=150, seed=0):
    cell = gf.cells.get(name)
    rng = np.random.default_rng(seed)
    given = {"hidden": 6, "input": 3, "context": 4}
    sizes = {("inputs" if s == "input" else s): given[s] for s in cell.sizes}
    params = cell.init(rng=rng, **sizes)
    for key in cell.parameters:
        params[key] = params[key] + 0.3 * rng.standard_normal(params[key].shape)
    return cell, params, rng.standard_normal((*batch, steps, 3))


@pytest.mark.parametrize("name", ["rnn", "irnn", "lstm", "gru", "scrn", "clockwork"])
@pytest.mark.parametrize("options", [{"leading": 2}, {}, {"part": "h"}])
def test_a_batch_is_its_trajectories(name, options):
    cell, params, x = drawn(name, (2, 3))
    found = gf.run(cell, params, x).lyapunov(**options)
    k = found.exponents.shape[-1]
    assert found.exponents.shape == found.stderr.shape == (2, 3, k)
    assert found.history.shape == (2, 3, 20, k)
    assert (found.steps, found.transient) == (135, 15)
    for index in ((0, 0), (1, 2)):
        one = gf.run(cell, params, x[index])
        alone = one.lyapunov(**options)
        np.testing.assert_allclose(found.exponents[index], alone.exponents, atol=1e-8)
        part = options.get("part")
        block = one.parts[part] if part else slice(None)
        exact = lyapunov_spectrum(
            one.jacobians()[:, block, block], leading=options.get("leading"), interval=1
        )
        np.testing.assert_allclose(found.exponents[index], exact.exponents, atol=1e-8)
        # errors from 20 blocks that end elsewhere: within a factor of three
        finite = np.isfinite(exact.exponents) & (exact.stderr > 1e-8)
        ratio = found.stderr[index][finite] / exact.stderr[finite]
        assert ((ratio > 1 / 3) & (ratio < 3)).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "clockwork"])
def test_running_along_is_the_stored_trajectory(name, backend):
    cell, params, x = drawn(name, (3,), steps=600)
    stored = gf.run(cell, params, x, backend=backend).lyapunov(leading=2, transient=100)
    along = leading_exponents(cell, params, x, leading=2, transient=100, backend=backend)
    np.testing.assert_allclose(along.exponents, stored.exponents, atol=1e-8)
    np.testing.assert_allclose(along.history, stored.history, atol=1e-7)


@pytest.mark.parametrize("name", ["rnn", *(pytest.param(n, marks=SLOW) for n in ("lstm", "scrn"))])
@pytest.mark.parametrize("k", [1, 3])
def test_backends_agree(name, k):
    cell, params, x = drawn(name, (2,), steps=300)
    runs = [gf.run(cell, params, x, backend=backend) for backend in ("numpy", "numba")]
    # one trajectory for both, to the last bit
    runs[1].flat_states[...] = runs[0].flat_states
    stored = [run.lyapunov(leading=k) for run in runs]
    along = [leading_exponents(cell, params, x, leading=k, backend=b) for b in ("numpy", "numba")]
    # of contracting cells, so that running anew is the same trajectory; a window costs 1e-8
    for one, other in (stored, along):
        np.testing.assert_allclose(one.exponents, other.exponents, atol=1e-9)
        assert one.spread <= 18
        assert other.spread <= 18


def test_a_backend_without_loops_is_said():
    cell, params, x = drawn("rnn")
    with pytest.raises(UsageError, match="backend 'mpmath' has no loops over time; use 'numpy'"):
        leading_exponents(cell, params, x, backend="mpmath")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_grid_of_gains_and_biases_is_its_points(backend):
    rng = np.random.default_rng(1)
    params = GRID.init(hidden=8, inputs=3, rng=rng)
    steps = 200
    x = rng.standard_normal((steps, 3))
    gains, shifts = np.linspace(0.5, 4, 4), np.linspace(-2, 3, 3)
    gain = np.broadcast_to(gains[:, None, None, None], (4, 1, steps, 1))
    shift = np.broadcast_to(shifts[None, :, None, None], (1, 3, steps, 1))
    found = leading_exponents(
        GRID, params, {"x": x, "gain": gain, "shift": shift}, leading=2, backend=backend
    )
    assert found.exponents.shape == (4, 3, 2)
    assert (found.transient, found.steps) == (20, 180)
    for i, j in np.ndindex(4, 3):
        # the library's own LSTM with these weights, its Jacobians formed and a QR at every step
        weights = dict(params) | {n: gains[i] * params[n] for n in params if n.startswith("U_")}
        weights["b_f"] = params["b_f"] + shifts[j]
        one = gf.run(gf.cells.lstm, weights, x)
        exact = lyapunov_spectrum(one.jacobians(), leading=2, interval=1)
        # the sums round otherwise, which chaos may double a hundred times over; these do not
        np.testing.assert_allclose(found.exponents[i, j], exact.exponents, atol=1e-7)
    assert np.ptp(found.exponents[..., 0]) > 0.1


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_clock_runs_on(backend):
    cell, params, x = drawn("clockwork", steps=700)
    params["period"] = np.array([1.0, 2.0, 3.0, 5.0, 7.0, 640.0])
    stored = gf.run(cell, params, x, backend=backend).lyapunov(leading=1, transient=0)
    along = leading_exponents(cell, params, x, transient=0, backend=backend)
    np.testing.assert_allclose(along.exponents, stored.exponents, atol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_trajectory_that_meets_a_singular_step_is_done_with_care(backend):
    cell = gf.cells.irnn
    params = cell.init(hidden=3, inputs=3, rng=0, W=np.eye(3))
    x = np.ones((2, 40, 3))
    x[1, 30] = -100  # all units of the second trajectory rest from here on
    found = leading_exponents(cell, params, x, leading=2, transient=0, backend=backend)
    stored = gf.run(cell, params, x, backend=backend).lyapunov(leading=2, transient=0)
    for result in (found, stored):
        np.testing.assert_allclose(result.exponents[0], 0, atol=1e-14)
        assert (result.exponents[1] == -np.inf).all()
        assert (result.stderr[1] == 0).all()
        assert result.history.shape == (2, 20, 2)
        assert np.isfinite(result.history[1, 0]).all()


@pytest.mark.parametrize("steps", [4, 7, 1024])
def test_spans_of_any_length_are_one_run(monkeypatch, steps):
    """With a clock, and a singular step that has the second trajectory done again, formed."""
    monkeypatch.setattr(leading_of, "_MOST_STEPS", steps)
    params = CLOCK.init(hidden=3, inputs=3, rng=0, W=np.eye(3))
    x = np.ones((2, 40, 3))
    x[1, 30] = -100
    found = leading_exponents(CLOCK, params, x, leading=2, transient=0)
    jacobians = gf.run(CLOCK, params, x).jacobians()
    for b in range(2):
        exact = lyapunov_spectrum(jacobians[b], leading=2, transient=0, interval=1)
        np.testing.assert_allclose(found.exponents[b], exact.exponents, atol=1e-12)
    assert np.isfinite(found.exponents[0]).all()
    assert (found.exponents[1] == -np.inf).all()


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_growth_and_decay_beyond_float_range(backend):
    linear = gf.Cell(name="linear", state="h", maps="U", equations="h_next = U @ h")
    for factor in (1e-30, 1e30):
        matrix = factor * np.array([[1.0, 2.0], [0.5, 3.0]])
        found = leading_exponents(
            linear, {"U": matrix}, None, np.zeros(2), steps=60, leading=2, backend=backend
        )
        exact = np.sort(np.log(np.abs(np.linalg.eigvals(matrix))))[::-1]
        # the frame has turned after six steps: (0.56 / 3.4)^6 = 2e-5 of a nat, over 54
        np.testing.assert_allclose(found.exponents, exact, atol=1e-6)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_scale_far_above_the_growth_is_no_digit_lost(backend):
    # growth e^-30 a step beside entries of 1: not singular, done with care and right
    linear = gf.Cell(name="linear", state="h", maps="U", equations="h_next = U @ h")
    matrix = np.array([[0.0, 1.0], [1e-26, 0.0]])  # eigenvalues +-1e-13
    found = leading_exponents(
        linear, {"U": matrix}, None, np.zeros(2), steps=40, transient=20, backend=backend
    )
    np.testing.assert_allclose(found.exponents, np.log(1e-13), rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"leading": 0}, "leading is 0; it must be a whole number of at least 1"),
        ({"leading": 13}, "leading is 13; it must be a whole number from 1 to 12"),
        ({"transient": 150}, "at least one step must be left"),
        ({"steps": 20}, "150 and 20 steps given|20 and 150 steps given"),
        ({"x": None}, "needs its input x"),
        ({"x": np.full((5, 3), np.nan)}, "x holds nan"),
    ],
)
def test_bad_arguments_get_one_sentence(change, says):
    cell, params, x = drawn("lstm")
    arguments = {"x": x, "leading": 1, **change}
    with pytest.raises(UsageError, match=says) as caught:
        leading_exponents(cell, params, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_state_that_explodes_is_said_at_which_step(backend):
    cell = gf.cells.irnn
    params = cell.init(hidden=2, inputs=1, rng=0, U=1e100 * np.eye(2), W=np.ones((2, 1)))
    with pytest.raises(UsageError, match="stops being finite at step 5 of 9"):
        leading_exponents(cell, params, np.ones((9, 1)), backend=backend)


def test_a_batch_says_its_number_in_a_notebook():
    cell, params, x = drawn("rnn", (4,))
    text = gf.run(cell, params, x).lyapunov(leading=1)._repr_html_()
    assert "the first of 4 trajectories" in text
