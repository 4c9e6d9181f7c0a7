"""Fixed and slow points, held against closed forms and against 50 digits."""

import importlib
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from matplotlib.figure import Figure

import gradflow as gf
from gradflow.cells.library.rnn import rnn_with
from gradflow.errors import UsageError
from gradflow.figures import plot_fixed_points
from gradflow.reporting import draw_svg
from gradflow.spectra.equilibria.period_map import PeriodMap
from gradflow.spectra.equilibria.trapping import trapping_box

module = importlib.import_module("gradflow.spectra.equilibria.search")
descents = importlib.import_module("gradflow.spectra.equilibria.descents")
mp = mpmath.mp.clone()
mp.dps = 50

LINEAR = gf.Cell(
    name="linear", state="h", inputs="x", maps="W U", equations="h_next = U @ h + W @ x"
)
RING = gf.Cell(
    name="ring", state="h", scalars="a", equations="h_next = h * (1 + a - a * sum(h * h))"
)
# Two tanh folds of one unit with w = 2: F' = 1 where F^2 = 1 - 1/w.
FOLD_STATE = mp.sqrt(mp.mpf(1) / 2)
FOLD = mp.mpf(2) * FOLD_STATE - mp.atanh(FOLD_STATE)


def rnn(u, b):
    """Parameters of a vanilla cell without effective input."""
    u = np.atleast_2d(np.asarray(u, dtype=float))
    return {"W": np.zeros((len(u), 1)), "U": u, "b": np.atleast_1d(np.asarray(b, dtype=float))}


def roots_of_one_unit(w, b):
    """All h with tanh(w h + b) = h at 50 digits: one between any two extrema of the difference."""
    w, b = mp.mpf(w), mp.mpf(b)
    ends = [mp.mpf(-1.5), mp.mpf(1.5)]
    if w > 1:
        turn = mp.atanh(mp.sqrt(1 - 1 / w))
        ends[1:1] = [(-turn - b) / w, (turn - b) / w]

    def gap(h):
        return mp.tanh(w * h + b) - h

    found = []
    for low, high in pairwise(ends):
        if gap(low) * gap(high) < 0:
            # 170 halvings of an interval of length 3 leave 1e-50.
            found.append(mp.findroot(gap, (low, high), solver="bisect", maxsteps=170, tol=1e-90))
    return found


def assert_one_unit(w, b):
    """Every root is found once, within the stated error, with its eigenvalue and its stability."""
    found = gf.fixed_points(gf.cells.rnn, rnn(w, b))
    exact = roots_of_one_unit(w, b)
    assert len(found.states) == len(exact)
    assert found.ended["fixed"] + found.ended["slow"] == found.starts == 256
    for i, state in enumerate(found.states[:, 0]):
        distance = [abs(mp.mpf(state) - root) for root in exact]
        nearest = exact[distance.index(min(distance))]
        assert min(distance) <= found.error[i]
        assert found.residual[i] <= 1e-15 * (1 + abs(w))
        slope = w * (1 - nearest**2)
        # F' changes by 2 w h times the error of h.
        bound = 4 * abs(w) * found.error[i] + 1e-15
        assert abs(found.eigenvalues[i, 0] - complex(slope)) <= bound
        assert found.stability[i] == ("unstable" if abs(slope) > 1 else "stable")
        assert found.unstable[i] == (abs(slope) > 1)
    return found


@pytest.mark.parametrize(
    ("w", "b"), [(2, 0.5), (2, 0.6), (0.5, 0.3), (5, -1.0), (1.5, 0), (-1.5, 0.2), (1.01, 1e-5)]
)
def test_one_unit_has_the_roots_of_50_digits(w, b):
    found = assert_one_unit(w, b)
    assert found.error.max() < 1e-11  # well conditioned: some rounding units over |F' - 1| > 0.005


@pytest.mark.parametrize(
    "plant",
    ["wrong Jacobian", "nothing merged", "all merged", "errors too small", "no Newton"],
)
def test_the_oracle_sees_a_planted_error(monkeypatch, plant):
    right = PeriodMap.jacobian
    if plant == "wrong Jacobian":
        monkeypatch.setattr(PeriodMap, "jacobian", lambda f, s: 1.001 * right(f, s))
    elif plant == "nothing merged":
        monkeypatch.setattr(module, "distinct", lambda s, e: (np.arange(len(s)), e))
    elif plant == "all merged":
        monkeypatch.setattr(module, "distinct", lambda s, e: (np.arange(1), e[:1]))
    elif plant == "errors too small":
        known = module.determination

        def boasting(f, states):
            error, dimension = known(f, states)
            return error / 1e4, dimension

        monkeypatch.setattr(module, "determination", boasting)
    else:
        monkeypatch.setattr(descents, "newton", lambda f, s: s + 1e-9)
    with pytest.raises(AssertionError):
        assert_one_unit(2, 0.5)


@pytest.mark.parametrize("before", [1e-2, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("sign", [1, -1])
def test_two_points_are_born_at_the_tanh_fold(before, sign):
    bias = sign * float(FOLD)
    three = gf.fixed_points(gf.cells.rnn, rnn(2.0, bias - sign * before))
    one = gf.fixed_points(gf.cells.rnn, rnn(2.0, bias + sign * before))
    assert sorted(three.stability) == ["stable", "stable", "unstable"]
    assert one.stability == ("stable",)
    assert len(three.speed) == 0
    assert len(one.speed) == 1
    for root in roots_of_one_unit(2.0, bias - sign * before):
        assert any(
            abs(mp.mpf(s) - root) <= e for s, e in zip(three.states[:, 0], three.error, strict=True)
        )


@pytest.mark.parametrize("fold", [-2.344389661369, -2.655610338631])
def test_the_folds_of_a_sigmoid_unit(fold):
    # Closed form for w = 5: s (1 - s) = 1/5, b = logit(s) - 5 s; printed to 12 places above.
    cell = rnn_with("sigmoid")
    inside = -1 if fold > -2.5 else 1
    assert len(gf.fixed_points(cell, rnn(5.0, fold + inside * 1e-9)).states) == 3
    assert len(gf.fixed_points(cell, rnn(5.0, fold - inside * 1e-9)).states) == 1


@pytest.mark.parametrize("away", [0.0, 2e-16, -2e-16, 1e-15, -1e-15])
def test_at_the_fold_there_is_one_undecided_point_that_covers_both(away):
    found = gf.fixed_points(gf.cells.rnn, rnn(2.0, float(FOLD) + away))
    assert len(found.states) == 2
    i = found.stability.index("undecided")
    distance = abs(mp.mpf(found.states[i, 0]) + FOLD_STATE)
    # The two roots lie at sqrt(2 |b - b*|) / (2 FOLD_STATE) from the fold's state at most.
    apart = mp.sqrt(abs(mp.mpf(float(FOLD) + away) - FOLD))
    assert distance + apart <= found.error[i]
    assert found.error[i] < 1e-6  # sqrt(eps) is 1.5e-8; factors of 4 in noise, walk and curvature


def test_a_cusp_is_one_point():
    # h = tanh(h) has a triple root at 0, which rounding smears over eps^(1/3) = 6e-6 at most.
    found = gf.fixed_points(gf.cells.rnn, rnn(1.0, 0.0))
    assert found.stability == ("undecided",)
    assert abs(found.states[0, 0]) <= found.error[0] < 1e-5


def test_two_uncoupled_degenerate_units_multiply():
    found = gf.fixed_points(gf.cells.rnn, rnn(2 * np.eye(2), [float(FOLD)] * 2))
    assert len(found.states) == 4
    assert found.stability.count("undecided") == 3
    exact = [-FOLD_STATE, roots_of_one_unit(2.0, float(FOLD) + 1e-3)[0]]
    upper = mp.findroot(lambda h: mp.tanh(2 * h + mp.mpf(float(FOLD))) - h, exact[1])
    for state, error in zip(found.states, found.error, strict=True):
        nearest = [min(abs(s - r) for r in (exact[0], upper)) for s in state]
        assert mp.norm(nearest) <= error < 1e-5


@pytest.mark.parametrize("turn", [0, 1])
def test_a_degenerate_gru_is_one_point_not_many(turn):
    # With r = z = 1/2 and U_g = 2 along one direction, h' = (h + tanh(h)) / 2 there: a cusp at 0.
    axes = np.linalg.qr(np.random.default_rng(3).normal(size=(4, 4)))[0] if turn else np.eye(4)
    params = gf.cells.gru.init(hidden=4, inputs=2, rng=0)
    params = {name: np.zeros_like(value) for name, value in params.items()}
    params["U_g"] = axes @ np.diag([2.0, 0.6, -0.5, 0.2]) @ axes.T
    found = gf.fixed_points(gf.cells.gru, params, starts=400)
    assert len(found.states) == 1
    assert found.stability == ("undecided",)
    assert np.linalg.norm(found.states[0]) <= found.error[0] < 1e-4
    assert found.ended["fixed"] == 400


@pytest.mark.parametrize("past", [0.1, 1e-3, 1e-6, 1e-9, 1e-12])
def test_the_ghost_past_the_fold_is_the_minimum_of_the_speed(past):
    bias = float(FOLD) + past
    found = gf.fixed_points(gf.cells.rnn, rnn(2.0, bias))
    # The speed is least where F' = 1, so where F = -FOLD_STATE.
    exact = (-mp.atanh(FOLD_STATE) - mp.mpf(bias)) / 2
    assert found.slow_states.shape == (1, 1)
    assert abs(mp.mpf(found.slow_states[0, 0]) - exact) <= found.slow_error[0] < 1e-14
    speed = abs(-FOLD_STATE - exact)
    assert abs(found.speed[0] - speed) < 4e-16  # a rounding unit of F and one of s
    assert abs(found.slow_eigenvalues[0, 0] - 1) < 1e-14
    assert "1 slow point, the slowest moving" in str(found)


def test_two_units_that_excite_each_other():
    # h1 = tanh(2 h2), h2 = tanh(2 h1): F is increasing, so only the points of h = tanh(2 h).
    found = gf.fixed_points(gf.cells.rnn, rnn([[0, 2], [2, 0]], [0, 0]))
    upper = roots_of_one_unit(2, 0)[-1]
    assert sorted(found.stability) == ["stable", "stable", "unstable"]
    for state, error, values in zip(found.states, found.error, found.eigenvalues, strict=True):
        h = mp.sign(mp.mpf(round(state[0], 3))) * upper
        assert mp.norm([state[0] - h, state[1] - h]) <= error
        slope = float(2 * (1 - h**2))
        np.testing.assert_allclose(np.sort(values.real), [-slope, slope], atol=1e-13)


def test_two_units_that_compete_have_a_saddle_between_two_winners():
    u, k, b = 1, 2, 0.5
    found = gf.fixed_points(gf.cells.rnn, rnn([[u, -k], [-k, u]], [b, b]))

    def other(h):  # the second unit's state from the first equation, the second equation's gap
        second = (u * h + b - mp.atanh(h)) / k
        return second, mp.tanh(u * second - k * h + b) - second

    grid = [mp.mpf(i) / 1000 for i in range(-999, 1000)]
    signs = [mp.sign(other(h)[1]) for h in grid]
    changes = [i for i in range(len(grid) - 1) if signs[i] * signs[i + 1] < 0]
    exact = []
    for i in changes:
        h = mp.findroot(lambda h: other(h)[1], (grid[i], grid[i + 1]), solver="anderson", tol=1e-80)
        exact.append((h, other(h)[0]))
    assert len(found.states) == len(exact) == 3
    assert found.stability == ("stable", "stable", "unstable")
    assert found.unstable.tolist() == [0, 0, 1]
    for state, error in zip(found.states, found.error, strict=True):
        near = [mp.norm([state[0] - p, state[1] - q]) for p, q in exact]
        assert min(near) <= error < 1e-13
    saddle = exact[1][0]
    assert exact[1][1] == pytest.approx(float(saddle))  # on the diagonal
    slopes = [float((1 - saddle**2) * c) for c in (u + k, u - k)]
    np.testing.assert_allclose(found.eigenvalues[2], slopes, atol=1e-13)


def mp_lstm(p, x, s):
    n = len(s) // 2
    h, c = s[:n], s[n:]
    pre = {k: affine(p[f"W_{k}"], x, p[f"U_{k}"], h, p[f"b_{k}"]) for k in "ifog"}
    i, f, o = ([1 / (1 + mp.exp(-a)) for a in pre[k]] for k in "ifo")
    memory = [f[j] * c[j] + i[j] * mp.tanh(pre["g"][j]) for j in range(n)]
    return [o[j] * mp.tanh(memory[j]) for j in range(n)] + memory


def mp_gru(p, x, h):
    r, z = (
        [1 / (1 + mp.exp(-a)) for a in affine(p[f"W_{k}"], x, p[f"U_{k}"], h, p[f"b_{k}"])]
        for k in "rz"
    )
    gated = [a * b for a, b in zip(r, h, strict=True)]
    g = [mp.tanh(a) for a in affine(p["W_g"], x, p["U_g"], gated, p["b_g"])]
    return [z[j] * h[j] + (1 - z[j]) * g[j] for j in range(len(h))]


def affine(w, x, u, h, b):
    return [
        mp.fdot(map(mp.mpf, w[j]), x) + mp.fdot(map(mp.mpf, u[j]), h) + mp.mpf(b[j])
        for j in range(len(b))
    ]


def refined(step, state):
    """Newton at 50 digits, its Jacobian by central differences: the zero and the Jacobian there."""
    s = [mp.mpf(v) for v in state]
    d, width = len(s), mp.mpf(10) ** -16
    for _ in range(8):
        jacobian = mp.matrix(d, d)
        for j in range(d):
            up, down = ([*s[:j], s[j] + e, *s[j + 1 :]] for e in (width, -width))
            column = [(a - b) / (2 * width) for a, b in zip(step(up), step(down), strict=True)]
            for i in range(d):
                jacobian[i, j] = column[i]
        gap = mp.matrix([a - b for a, b in zip(step(s), s, strict=True)])
        move = mp.lu_solve(jacobian - mp.eye(d), gap)
        s = [s[i] - move[i] for i in range(d)]
    assert mp.norm(move) < mp.mpf(10) ** -40
    return s, np.array(jacobian.tolist(), dtype=float)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("name", "step"), [("lstm", mp_lstm), ("gru", mp_gru)])
def test_gated_cells_are_within_the_stated_error_at_50_digits(name, step, seed):
    cell = getattr(gf.cells, name)
    gain = gf.cells.initializers.gaussian(4.0)
    params = cell.init(hidden=3, inputs=2, rng=seed, recurrent=gain)
    x = np.array([0.3, -0.7])
    found = gf.fixed_points(cell, params, x, starts=64)
    assert len(found.states) > 0
    given = [mp.mpf(v) for v in x]
    for i, state in enumerate(found.states):
        zero, jacobian = refined(lambda s: step(params, given, s), state)
        moved = mp.norm([a - mp.mpf(b) for a, b in zip(zero, state, strict=True)])
        assert moved < found.error[i] < 1e-11
        assert found.residual[i] < 1e-14
        values = np.linalg.eigvals(jacobian)
        values = values[np.argsort(-np.abs(values), kind="stable")]
        # Eigenvalues of 6 x 6 matrices with condition numbers below 1e3, times some eps.
        np.testing.assert_allclose(
            np.sort_complex(found.eigenvalues[i]), np.sort_complex(values), atol=1e-11
        )
        unstable = int((np.abs(values) > 1).sum())
        assert found.unstable[i] == unstable
        assert found.stability[i] == ("unstable" if unstable else "stable")


def test_a_saturated_gru_is_stuck_and_no_continuum():
    # z = sigmoid(6 h) rounds to 1 from h = 6.1 on, where F(h) = h in float64 only; h' < h there.
    one = {name: np.zeros((1, 1)) for name in ("W_r", "W_z", "W_g", "U_r", "U_z", "U_g")}
    params = one | {name: np.zeros(1) for name in ("b_r", "b_z", "b_g")}
    params["U_z"] = np.array([[6.0]])
    found = gf.fixed_points(gf.cells.gru, params, starts=[[6.5], [8.0], [0.1], [-0.1]])
    assert found.ended["stuck"] == 2
    assert len(found.continuum) == 0
    assert found.stability == ("stable",)
    assert abs(found.states[0, 0]) <= found.error[0]
    step = mp_gru(params, [mp.mpf(0)], [mp.mpf(8)])[0]
    assert 0 < 8 - step < mp.mpf(2) ** -52
    assert "2 starts ended where saturation leaves F(s) = s in float64 only" in str(found)


@pytest.mark.parametrize("seed", range(4))
def test_random_grus_have_points_far_apart_against_their_errors(seed):
    # A GRU maps the cube [-1, 1]^d into itself, so it has a fixed point (Brouwer).
    gain = gf.cells.initializers.gaussian(6.0)
    params = gf.cells.gru.init(hidden=8, inputs=2, rng=seed, recurrent=gain)
    found = gf.fixed_points(gf.cells.gru, params, np.ones(2), starts=64)
    assert len(found.states) >= 1
    assert len(found.continuum) == 0
    assert found.error.max() < 1e-8
    apart = np.linalg.norm(found.states[:, None] - found.states, axis=-1)
    assert (apart[np.triu_indices(len(apart), 1)] > 1e-3).all()


def test_a_start_whose_descent_saturates_is_tried_again():
    # Levenberg-Marquardt alone takes this start to saturated gates, where q falls to nothing.
    gain = gf.cells.initializers.gaussian(6.0)
    params = gf.cells.gru.init(hidden=3, inputs=2, rng=0, recurrent=gain)
    x, start = np.ones(2), np.array([[-0.36613368, -0.27212949, -0.15815008]])
    f = PeriodMap(gf.compile(gf.cells.gru).bind(params), {"x": x}, 1)
    assert np.linalg.norm(descents.downhill(f, start)[0]) > 5
    found = gf.fixed_points(gf.cells.gru, params, x, starts=start)
    assert found.ended["fixed"] == 1
    assert np.linalg.norm(found.states[0]) < np.sqrt(3)


def test_a_unit_that_copies_itself_is_a_continuum():
    found = gf.fixed_points(
        gf.Cell(name="copy", state="h", vectors="b", equations="h_next = h + 0 * b"),
        {"b": np.ones(2)},
        starts=8,
    )
    assert found.ended["continuum"] == 8
    assert set(found.dimension) == {2}


def test_cancellation_in_the_bias_is_in_the_error():
    # 1e8 in the bias and -1e8 from the input: the sum, and so the point, has lost eight digits.
    params = {"W": np.array([[-1e8]]), "U": np.array([[0.5]]), "b": np.array([1e8 + 0.3])}
    found = gf.fixed_points(gf.cells.rnn, params, np.ones(1))
    bias = mp.mpf(params["b"][0]) - mp.mpf(10) ** 8
    exact = mp.findroot(lambda h: mp.tanh(h / 2 + bias) - h, 0.5)
    assert len(found.states) == 1
    assert abs(mp.mpf(found.states[0, 0]) - exact) <= found.error[0]
    assert 1e-9 < found.error[0] < 1e-5


def linear(values, seed=0):
    """Parameters of the linear cell with a recurrent matrix of given eigenvalues, not normal."""
    d = len(values)
    basis = np.random.default_rng(seed).normal(size=(d, d))
    return {"U": basis @ np.diag(values) @ np.linalg.inv(basis), "W": np.ones((d, 2))}


def test_a_line_attractor_is_said_to_be_a_continuum():
    params = linear([1.0, 0.5, 0.3, -0.2])
    found = gf.fixed_points(LINEAR, params)
    assert len(found.states) == 0
    assert len(found.continuum) == found.ended["continuum"] == 256
    assert set(found.dimension) == {1}
    np.testing.assert_allclose(np.abs(found.continuum_eigenvalues[:, 0]), 1, atol=1e-13)
    # All on the line along the eigenvector of 1.
    assert np.linalg.svd(found.continuum, compute_uv=False)[1] < 1e-12
    assert "a continuum of fixed points of dimension 1" in str(found)


def test_a_leak_of_a_millionth_is_no_continuum():
    found = gf.fixed_points(LINEAR, linear([1.0 - 1e-6, 0.5, 0.3, -0.2]), starts=32)
    assert found.stability == ("stable",)
    assert np.linalg.norm(found.states[0]) <= found.error[0]
    assert len(found.continuum) == 0


def test_a_drift_along_a_line_is_no_fixed_point():
    found = gf.fixed_points(LINEAR, linear([1.0, 0.5, 0.3]), np.ones(2))
    assert len(found.states) == len(found.continuum) == len(found.speed) == 0
    assert found.ended["level"] == 256
    assert "256 starts ended where the speed is level but not zero" in str(found)


def test_a_circle_of_fixed_points_around_an_unstable_one():
    found = gf.fixed_points(RING, {"a": np.array([0.1])}, starts=[[1.2, 0.2], [-0.7, 0.4]])
    assert len(found.states) == 0
    assert set(found.dimension) == {1}
    np.testing.assert_allclose(np.linalg.norm(found.continuum, axis=1), 1, atol=1e-14)
    centre = gf.fixed_points(RING, {"a": np.array([0.1])}, starts=np.array([[0.01, 0.02]]))
    assert centre.stability == ("unstable",)
    assert centre.unstable.tolist() == [2]
    np.testing.assert_allclose(centre.eigenvalues, [[1.1, 1.1]])


def test_the_identity_relu_network_rests_everywhere_above_zero():
    params = {"W": np.ones((3, 2)), "U": np.eye(3), "b": np.zeros(3)}
    found = gf.fixed_points(gf.cells.irnn, params)
    assert len(found.states) == 0
    assert found.ended["continuum"] == 256
    positive = (found.continuum > 1e-9).all(axis=1)
    assert positive.any()
    assert set(found.dimension[positive]) == {3}
    assert (found.continuum > -1e-150).all()


@pytest.mark.parametrize(
    ("w", "word"), [(0.5, "stable"), (-0.5, "stable"), (1.0, "undecided"), (1.5, "undecided")]
)
def test_at_a_kink_both_slopes_count(w, word):
    # relu(w h) at 0 has slopes 0 and w.
    params = {"W": np.ones((2, 1)), "U": w * np.eye(2), "b": np.zeros(2)}
    found = gf.fixed_points(gf.cells.irnn, params, starts=-np.ones((1, 2)))
    assert found.stability == ((word,) if w != 1 else ())
    assert len(found.continuum) == (w == 1)


@pytest.mark.parametrize(
    ("values", "word", "unstable"),
    [
        ([-1.0, 0.5, 0.2], "undecided", 0),
        ([-1.0 - 1e-9, 0.5, 0.2], "unstable", 1),
        ([-1.0 + 1e-9, 0.5, 0.2], "stable", 0),
        ([-1.2, 1.1, 0.2], "unstable", 2),
        ([-1.2, -1.0, 0.2], "unstable", 1),
        ([1.3, 1.2, 0.2], "unstable", 2),
        ([0.0, 0.0, 0.0], "stable", 0),
    ],
)
def test_stability_is_decided_where_the_error_allows(values, word, unstable):
    found = gf.fixed_points(LINEAR, linear(values))
    assert found.stability == (word,)
    assert found.unstable.tolist() == [unstable]


def test_a_nilpotent_matrix_is_stable_however_defective():
    shift = np.diag(np.full(9, 3.0), 1)
    found = gf.fixed_points(LINEAR, {"U": shift, "W": np.ones((10, 1))}, starts=32)
    assert found.stability == ("stable",)


def test_zero_weights_leave_one_point():
    bias = np.array([0.5, -1.0])
    found = gf.fixed_points(gf.cells.rnn, rnn(np.zeros((2, 2)), bias))
    np.testing.assert_allclose(found.states, [np.tanh(bias)], rtol=1e-15)
    np.testing.assert_array_equal(found.eigenvalues, [[0, 0]])
    assert found.stability == ("stable",)


@pytest.mark.parametrize(
    ("w", "words", "lines"), [(0.5, ("stable",), 0), (2.0, ("unstable",), 0), (1.0, (), 256)]
)
def test_a_cell_without_input(w, words, lines):
    found = gf.fixed_points(gf.cells.scalar, {"w": np.array([w])})
    assert found.stability == words
    assert len(found.continuum) == lines
    assert not found.states.any() or np.abs(found.states).max() <= found.error[0]


def test_several_inputs_and_parts():
    cell = gf.Cell(
        name="two",
        state="h s[slow]",
        inputs="x[hidden] y[slow]",
        maps="U B",
        equations="""
            s_next = 0.5 * s + y
            h_next = tanh(U @ h + B @ s) + x
        """,
    )
    params = {"U": np.zeros((3, 3)), "B": np.arange(6.0).reshape(3, 2) / 10}
    x, y = np.array([1.0, 2.0, 3.0]), np.array([0.5, -0.25])
    found = gf.fixed_points(cell, params, {"x": x, "y": y})
    expected = np.concatenate([np.tanh(params["B"] @ (2 * y)) + x, 2 * y])
    np.testing.assert_allclose(found.states, [expected], rtol=1e-15)
    zero = gf.fixed_points(cell, params)
    np.testing.assert_allclose(zero.states, np.zeros((1, 5)), atol=1e-15)


def clock(periods, w, b):
    params = gf.cells.clockwork.init(hidden=len(periods), inputs=1, rng=0)
    params = {name: np.zeros_like(value) for name, value in params.items()}
    return params | {"period": np.array(periods), "W_H": np.diag(w), "b": np.array(b)}


def test_a_clockwork_unit_that_ticks_once_a_period_is_one_plain_unit():
    found = gf.fixed_points(gf.cells.clockwork, clock([3.0], [2.0], [0.5]), period=3)
    plain = gf.fixed_points(gf.cells.rnn, rnn(2.0, 0.5))
    assert found.period == 3
    np.testing.assert_allclose(found.states, plain.states, atol=1e-14)
    np.testing.assert_allclose(found.eigenvalues, plain.eigenvalues, atol=1e-13)


def test_a_clockwork_period_closes_and_has_the_multipliers_of_its_run():
    cell = gf.cells.clockwork
    params = cell.init(
        hidden=4,
        inputs=2,
        rng=0,
        recurrent=gf.cells.initializers.gaussian(3.0),
        period=np.array([1.0, 2.0, 2.0, 4.0]),
    )
    params["b"] = np.array([0.1, -0.2, 0.3, 0.1])
    x = np.array([0.5, -0.5])
    found = gf.fixed_points(cell, params, x, period=4)
    assert len(found.states) > 0
    for state, values in zip(found.states, found.eigenvalues, strict=True):
        run = gf.run(cell, params, np.tile(x, (4, 1)), state)
        np.testing.assert_allclose(run.flat_states[-1], state, atol=1e-13)
        leading = run.product_eigenvalues().log_abs[0]
        assert np.log(np.abs(values[0])) == pytest.approx(leading, abs=1e-11)


def test_orbits_of_period_two():
    found = gf.fixed_points(gf.cells.rnn, rnn(-3.0, 0.0), period=2)
    upper = float(roots_of_one_unit(3, 0)[-1])
    np.testing.assert_allclose(np.sort(found.states[:, 0]), [-upper, 0, upper], atol=1e-13)
    slope = (3 * (1 - upper**2)) ** 2
    np.testing.assert_allclose(found.eigenvalues[:, 0], [slope, slope, 9], rtol=1e-12)


@pytest.mark.parametrize(
    ("equation", "starts", "ended"),
    [
        ("exp(a * h)", [[1e3], [1.0], [-1.0]], {"slow": 2, "lost": 1}),
        ("log(3 * a * h)", [[2.0], [-1.0], [0.0]], {"fixed": 1, "lost": 2}),
        ("sqrt(h * h + a)", [[1.0], [2.0], [5.0]], {"level": 3}),
        ("relu(2 * h + a)", [[1.0], [-2.0]], {"unsettled": 2}),
        ("h + a * (1e300 + h * h) * 1e300", [[1.0], [2.0]], {"lost": 2}),
    ],
)
def test_starts_that_run_off_are_counted_and_nothing_is_nan(equation, starts, ended):
    cell = gf.Cell(name="off", state="h", scalars="a", equations=f"h_next = {equation}")
    found = gf.fixed_points(cell, {"a": np.array([1.0])}, starts=starts)
    assert {k: n for k, n in found.ended.items() if n} == ended
    assert sum(found.ended.values()) == found.starts == len(starts)
    for value in (found.states, found.error, found.eigenvalues, found.slow_states, found.speed):
        assert np.isfinite(value).all()
    if "slow" in ended:  # exp(h) - h is least at 0, where it is 1
        np.testing.assert_allclose(found.slow_states, [[0.0]], atol=1e-15)
        assert found.speed.tolist() == [1.0]


def test_visited_states_are_starts():
    cell, params = gf.cells.rnn, rnn(2.0, 0.0)
    run = gf.run(cell, params, np.zeros((40, 1)), np.array([0.9]))
    found = gf.fixed_points(cell, params, run=run, starts=20)
    assert len(found.states) == 3
    for seed in range(6):  # half of one start, rounded up, is a state of the run: all near h > 0
        lone = gf.fixed_points(cell, params, run=run, starts=1, rng=seed)
        assert lone.states == pytest.approx(run.flat_states[-1:], abs=1e-9)
    with pytest.raises(UsageError, match="the run is of cell 'rnn', and 'irnn' is needed"):
        gf.fixed_points(gf.cells.irnn, params, run=run)
    with pytest.raises(UsageError, match="the run has 1 entries of state, and 2 are needed"):
        gf.fixed_points(cell, rnn(np.eye(2), [0, 0]), run=run)


def test_blocks_of_starts_change_nothing(monkeypatch):
    params = gf.cells.lstm.init(hidden=3, inputs=2, rng=0)
    once = gf.fixed_points(gf.cells.lstm, params, starts=30)
    monkeypatch.setattr(module, "_BLOCK_BYTES", 8 * 36 * 7)
    parts = gf.fixed_points(gf.cells.lstm, params, starts=30)
    assert parts.ended == once.ended
    # The batch's size moves sums by rounding units, and points by their errors.
    apart = np.linalg.norm(parts.states - once.states, axis=1)
    assert (apart <= parts.error + once.error).all()


@pytest.mark.parametrize("seed", range(6))
def test_the_indices_of_a_bounded_map_sum_to_one(seed):
    # Lefschetz and Hopf: over the fixed points of a map of a ball into itself, the signs of
    # det(I - J) sum to 1, so that one point too many or too few is seen.
    gain = gf.cells.initializers.gaussian(3.0)
    params = gf.cells.rnn.init(hidden=4, inputs=2, rng=seed + 5, recurrent=gain)
    found = gf.fixed_points(gf.cells.rnn, params, np.ones(2))
    signs = np.sign(np.prod(1 - found.eigenvalues, axis=1).real)
    assert signs.sum() == found.index == 1
    np.testing.assert_array_equal(found.indices, signs)
    assert found.bounded
    assert found.missing == 0


@pytest.mark.parametrize(("units", "w"), [(3, 2.0), (3, 3.0), (4, 2.0), (4, 3.0)])
@pytest.mark.parametrize("turn", [0, 1])
def test_all_points_of_uncoupled_units_are_found(units, w, turn):
    # Each unit has its own three, so there are 3^n; 256 starts alone reach about 24 of 27.
    signs = np.diag(np.random.default_rng(units).choice([-1.0, 1.0], units))
    weights = w * np.eye(units)
    bias = signs @ np.full(units, 0.05) if turn else np.zeros(units)
    found = gf.fixed_points(gf.cells.rnn, rnn(weights, bias))
    assert len(found.states) == 3**units
    assert found.stability.count("stable") == 2**units
    assert (found.index, found.missing, found.likely) == (1, 0, 0)
    assert found.reached.sum() == found.ended["fixed"] == found.starts
    assert "missing" not in f"{found!r} {found}"
    exact = [[float(r) for r in roots_of_one_unit(w, b)] for b in bias]
    for state in found.states:
        near = [min(abs(s - np.array(roots))) for s, roots in zip(state, exact, strict=True)]
        assert max(near) < 1e-12


def test_what_the_indices_say_is_missing_is_said():
    states = [[0.9, 0.9], [-0.9, 0.9], [0.0, 0.0]]  # two stable of index 1 and one of index 1
    found = gf.fixed_points(gf.cells.rnn, rnn(2 * np.eye(2), [0, 0]), starts=states)
    assert found.indices.tolist() == [1, 1, 1]
    assert (found.index, found.missing, found.starts) == (3, 2, 3)
    assert "at least 2 missing" in repr(found)
    for text in (str(found), found._repr_html_()):
        assert "of this bounded cell at least 2 more fixed points are missing" in text
        assert "the indices sum to 3, and all sum to 1" in text


def test_points_that_one_start_reached_say_that_more_are_likely():
    few = np.random.default_rng(0).uniform(-1, 1, (20, 4))
    found = gf.fixed_points(gf.cells.rnn, rnn(3 * np.eye(4), np.zeros(4)), starts=few)
    once = int((found.reached == 1).sum())
    assert found.likely >= 1
    assert f"{once} of them were reached by one start only, so that" in str(found)
    assert len(found.states) + found.likely <= 81  # a lower bound, and here one that holds


@pytest.mark.parametrize("units", [5, 6])
def test_a_search_that_ends_early_says_so(units):
    found = gf.fixed_points(gf.cells.rnn, rnn(2 * np.eye(units), np.zeros(units)), starts=40)
    assert len(found.states) < 3**units
    assert found.missing or found.likely
    assert "missing" in str(found) or "likely" in str(found)


def test_where_an_index_is_undecided_so_is_what_is_missing():
    fold = gf.fixed_points(gf.cells.rnn, rnn(2.0, float(FOLD)))
    assert sorted(fold.indices.tolist()) == [0, 1]
    assert fold.index is fold.missing is None
    assert repr(fold).endswith("index undecided>")
    assert "the index of 1 of them is, as at a fold" in str(fold)
    line = gf.fixed_points(LINEAR, linear([1.0, 0.5, 0.3, -0.2]), starts=8)
    assert line.index is line.missing is None
    assert "undecided" not in repr(line)


@pytest.mark.parametrize(
    ("equation", "bounded"),
    [
        ("tanh(3 * h + a)", True),
        ("0.5 * h + a", True),
        ("-a * h", True),
        ("h + a", False),
        ("2 * a * h", False),
        ("a * h * h", True),
        ("2 * a * h * h", False),
        ("exp(a * h)", False),
        ("relu(a - h)", False),
        ("relu(a - 0.5 * h)", True),
        ("sin(5 * h) + 0.5 * a * h", True),
        ("sigmoid(h) * h + (1 - sigmoid(h)) * tanh(h + a)", True),
        ("0.9 * h + a * mean(h)", False),
        ("0.5 * h + 0.4 * a * mean(h)", True),
        ("a + 3 if h > 0 else -2 * cos(h)", True),
    ],
)
def test_a_box_that_holds_the_state_is_found_where_there_is_one(equation, bounded):
    cell = gf.Cell(name="box", state="h", scalars="a", equations=f"h_next = {equation}")
    bound = gf.compile(cell).bind({"a": np.array([1.0])}, np.zeros(2))
    box = trapping_box(bound, None)
    assert (box is not None) == bounded
    if box is not None:
        inside = box * np.random.default_rng(0).uniform(-1, 1, (1000, 2))
        assert (np.abs(bound.step(inside)) <= box).all()


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "gru_reset_after", "clockwork"])
def test_cells_of_the_library_are_bounded(name):
    cell = gf.cells.get(name)
    params = cell.init(hidden=4, inputs=2, rng=0)
    bound = gf.compile(cell).bind(params)
    box = trapping_box(bound, {"x": np.array([0.5, -1.0])})
    inside = box * np.random.default_rng(0).choice([-1.0, 1.0], (1000, len(box)))
    moved = bound.step(inside, {"x": np.array([0.5, -1.0])}, 3)
    assert (np.abs(moved) <= box).all()


def test_a_relu_network_is_not_shown_to_be_bounded():
    params = gf.cells.irnn.init(hidden=3, inputs=1, rng=0)
    assert trapping_box(gf.compile("irnn").bind(params), {"x": np.ones(1)}) is None


def test_a_contraction_has_one_point_of_index_one():
    for cell, params in (
        ("scalar", {"w": 0.5}),
        (LINEAR, {"U": np.array([[0.4, 0.3], [-0.2, 0.5]]), "W": np.ones((2, 2))}),
        (gf.cells.rnn, rnn(0.5, 20.0)),  # saturated: tanh(20.5) rounds to 1
    ):
        found = gf.fixed_points(cell, params)
        assert (len(found.states), found.index, found.missing) == (1, 1, 0)
        assert found.reached.tolist() == [256]
    alone = gf.fixed_points("scalar", {"w": 2.0})  # not bounded: nothing is claimed
    assert (alone.index, alone.bounded, alone.missing) == (-1, False, None)


def test_the_seed_decides():
    params = gf.cells.lstm.init(hidden=3, inputs=2, rng=0)
    one, two = (gf.fixed_points(gf.cells.lstm, params, starts=8, rng=5) for _ in range(2))
    np.testing.assert_array_equal(one.states, two.states)
    np.testing.assert_array_equal(one.error, two.error)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"x": np.ones((5, 1))}, r"input x has shape \(5, 1\), and one constant row"),
        ({"x": np.ones(2)}, r"input x has shape \(2,\)"),
        ({"x": {"y": np.ones(1)}}, "got inputs y; it needs x"),
        ({"x": [np.nan]}, "entries of input x hold nan"),
        ({"starts": 0}, "starts is 0; it must be a whole number"),
        ({"starts": np.ones((3, 2))}, r"starts has shape \(3, 2\); it is \(m, 1\)"),
        ({"starts": [[1.0], [1.0, 2.0]]}, "entries of starts are in rows of unequal length"),
        ({"starts": "many"}, "starts is 'many'; it must be a whole number"),
        ({"starts": [[np.inf]]}, "entries of starts hold inf"),
        ({"period": 0}, "period is 0; it must be a whole number"),
        ({"period": 1.5}, "period is 1.5; it must be a whole number"),
        ({"period": 10**400}, "it must be a whole number from 1 to"),
        ({"period": 10**7}, "period is 10000000; it must be a whole number from 1 to"),
    ],
)
def test_bad_arguments_are_one_sentence(options, says):
    with pytest.raises(UsageError, match=says) as caught:
        gf.fixed_points(gf.cells.rnn, rnn(2.0, 0.0), **options)
    assert "\n" not in str(caught.value)


def test_bad_cells_and_parameters_are_one_sentence():
    with pytest.raises(UsageError, match="entries of b hold nan"):
        gf.fixed_points(gf.cells.rnn, rnn(2.0, np.nan))
    with pytest.raises(UsageError, match="has no input; leave x out"):
        gf.fixed_points(gf.cells.scalar, {"w": np.ones(1)}, np.ones(1))
    params = clock([2.0, 4.0], [1.0, 1.0], [0.5, 0.5])
    with pytest.raises(UsageError, match=r"uses the step number t.*give period="):
        gf.fixed_points(gf.cells.clockwork, params)
    with pytest.raises(UsageError, match="does not repeat after period=2: step 2 and step 4"):
        gf.fixed_points(gf.cells.clockwork, params, period=2)


def test_eigenvalues_are_drawn_by_kind_over_the_unit_circle():
    found = gf.fixed_points(gf.cells.rnn, rnn([[2.0, 0.0], [0.0, 0.5]], [0.5, 0.0]))
    ax = Figure().subplots()
    assert found.plot(ax) is ax
    assert ax.get_aspect() == 1
    assert ax.patches[0].radius == 1
    stable, unstable = ax.lines[2:]
    assert stable.get_label() == "stable (2)"
    assert unstable.get_label() == "unstable (1)"
    assert stable.get_marker() != unstable.get_marker()
    np.testing.assert_array_equal(stable.get_xdata(), found.eigenvalues[:2].real.ravel())
    np.testing.assert_array_equal(unstable.get_xdata(), found.eigenvalues[2].real)
    ghost = gf.fixed_points(gf.cells.rnn, rnn(2.0, 0.6))
    ghost.plot(slow := Figure().subplots())
    assert [line.get_label() for line in slow.lines[2:]] == ["stable (1)", "slow (1)"]
    assert draw_svg(plot_fixed_points, ghost).startswith("<svg")
    nothing = gf.fixed_points(LINEAR, linear([1.0, 0.5, 0.3]), np.ones(2))
    with pytest.raises(UsageError, match="no point was found"):
        nothing.plot(Figure().subplots())
