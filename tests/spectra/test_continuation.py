"""Branches of fixed points over a parameter, held against closed-form folds and 50 digits."""

import importlib

import mpmath
import numpy as np
import pytest
from matplotlib.figure import Figure

import gradflow as gf
from gradflow.cells.library.rnn import rnn_with
from gradflow.errors import UsageError
from gradflow.figures import plot_branch
from gradflow.reporting import draw_svg
from gradflow.spectra.equilibria.branches.family import Family

module = importlib.import_module("gradflow.spectra.equilibria.branches.continuation")
mp = mpmath.mp.clone()
mp.dps = 50

SIGMOID = rnn_with("sigmoid")


def rnn(u, b):
    """Parameters of a vanilla cell without effective input."""
    u = np.atleast_2d(np.asarray(u, dtype=float))
    return {"W": np.zeros((len(u), 1)), "U": u, "b": np.atleast_1d(np.asarray(b, dtype=float))}


def sigmoid_folds(w):
    """(b, h) at both folds of h' = sigmoid(w h + b): w h (1 - h) = 1."""
    w = mp.mpf(w)
    states = [(1 - sign * mp.sqrt(1 - 4 / w)) / 2 for sign in (1, -1)]
    return [(mp.log(h / (1 - h)) - w * h, h) for h in states]


def tanh_folds(w):
    """(b, h) at both folds of h' = tanh(w h + b): w (1 - h^2) = 1."""
    w = mp.mpf(w)
    states = [-mp.sqrt(1 - 1 / w), mp.sqrt(1 - 1 / w)]
    return [(mp.atanh(h) - w * h, h) for h in states]


def assert_folds(found, exact):
    """The folds are these (b, h), in order, within the errors stated, which are small."""
    assert len(found.fold_values) == len(exact)
    for i, (value, state) in enumerate(exact):
        off = abs(mp.mpf(found.fold_values[i]) - value)
        assert off <= found.fold_value_error[i] < 1e-12
        assert abs(mp.mpf(found.fold_states[i, 0]) - state) <= found.fold_error[i] < 1e-10


def assert_sigmoid():
    found = gf.continue_fixed_points(SIGMOID, rnn(5, 0), "b", (-4, -1))
    assert_folds(found, sigmoid_folds(5))
    return found


def test_the_folds_of_a_sigmoid_unit():
    found = assert_sigmoid()
    np.testing.assert_allclose(found.fold_values, [-2.34438966137, -2.65561033863], atol=1e-11)
    assert found.end == "stop"
    assert found.values[[0, -1]].tolist() == [-4, -1]
    assert found.states.shape == (len(found.values), 1)
    h = found.states[:, 0]
    gap = 1 / (1 + np.exp(-(5 * h + found.values))) - h
    assert (np.abs(gap) <= 1e-14).all()
    np.testing.assert_allclose(found.eigenvalues[:, 0].real, 5 * h * (1 - h), atol=1e-13)
    between = (h > float(sigmoid_folds(5)[0][1])) & (h < float(sigmoid_folds(5)[1][1]))
    words = np.array(found.stability)
    assert set(words[between]) == {"unstable"}
    assert set(words[~between]) == {"stable"}
    assert between.sum() > 3
    assert (np.diff(h) > 0).all()


@pytest.mark.parametrize("plant", ["wrong Jacobian", "wrong fold", "errors too small"])
def test_the_oracle_sees_a_planted_error(monkeypatch, plant):
    if plant == "wrong Jacobian":
        right = Family.slope
        monkeypatch.setattr(
            Family, "slope", lambda f, z: right(f, z) + 1e-6 * np.eye(len(z) - 1, len(z))
        )
    elif plant == "wrong fold":
        right = module.folds
        monkeypatch.setattr(module, "folds", lambda arc: [s + 1e-9 for s in right(arc)])
    else:
        right = module.fold_errors
        monkeypatch.setattr(module, "fold_errors", lambda *a: np.array(right(*a)) / 1e6)
        monkeypatch.setattr(module, "EPS", 0.0)
    with pytest.raises(AssertionError):
        assert_sigmoid()


@pytest.mark.parametrize("w", [2.0, 5.0, 1.1, 1.0001])
def test_the_folds_of_a_tanh_unit_from_either_end(w):
    # At w = 1.0001 the two are 1.3e-6 apart, and no point of the branch lies between them.
    folds = tanh_folds(w)
    assert_folds(gf.continue_fixed_points("rnn", rnn(w, 0), "b", (-4, 4)), folds)
    back = gf.continue_fixed_points("rnn", rnn(w, 0), "b", (4, -4))
    assert_folds(back, folds[::-1])
    assert back.values[-1] == -4


def test_the_fold_in_the_weight():
    # b = 1/2: the lower branch ends where w h + b = atanh h and w (1 - h^2) = 1.
    found = gf.continue_fixed_points("rnn", rnn(1, 0.5), "U", (4.0, 0.5), state=[-1.0])
    h = mp.findroot(lambda h: h / (1 - h**2) + mp.mpf(1) / 2 - mp.atanh(h), -0.7)
    assert_folds(found, [(1 / (1 - h**2), h)])
    assert found.end == "start"
    assert found.values[-1] == 4.0
    assert found.parameter == "U"


@pytest.mark.parametrize(("w", "b"), [(0.5, (-3, 3)), (1.0, (-1, 2)), (-2.0, (-1, 1))])
def test_a_branch_without_fold(w, b):
    found = gf.continue_fixed_points("rnn", rnn(w, 0), "b", b)
    assert len(found.fold_values) == len(found.crossing_values) == 0
    assert found.end == "stop"
    assert (np.diff(found.values) > 0).all()
    assert "0 folds" in repr(found)


def newton_at_50_digits(equations, start):
    """A zero of as many equations as unknowns, derivatives by forward differences of 1e-25."""
    x, width = [mp.mpf(float(v)) for v in start], mp.mpf(10) ** -25
    for _ in range(5):
        here = equations(*x)
        slope = mp.matrix(len(x), len(x))
        for j in range(len(x)):
            moved = equations(*(v + width * (k == j) for k, v in enumerate(x)))
            for i in range(len(x)):
                slope[i, j] = (moved[i] - here[i]) / width
        move = mp.lu_solve(slope, mp.matrix(here))
        x = [v - m for v, m in zip(x, move, strict=True)]
    assert mp.norm(move) < mp.mpf(10) ** -30
    return x


def test_folds_of_two_units_have_a_singular_slope():
    u = np.array([[1.0, -2.0], [-2.0, 1.0]])
    found = gf.continue_fixed_points("rnn", rnn(u, [0.5, 0.5]), "b", (-2, 2), entry=0)
    assert len(found.fold_values) == 2
    assert found.parameter == "b[0]"
    exact = mp.matrix(u.tolist())

    def equations(b, *h):
        a = exact * mp.matrix(h) + mp.matrix([b, mp.mpf(1) / 2])
        slope = [[exact[i, j] / mp.cosh(a[i]) ** 2 - (i == j) for j in (0, 1)] for i in (0, 1)]
        return [*(mp.tanh(a[i]) - h[i] for i in (0, 1)), mp.det(mp.matrix(slope))]

    for i in range(2):
        b, h = found.fold_values[i], found.fold_states[i]
        slope = (1 - h**2)[:, None] * u - np.eye(2)
        assert abs(np.linalg.det(slope)) < 1e-12
        root = newton_at_50_digits(equations, [b, *h])
        assert abs(root[0] - mp.mpf(b)) <= found.fold_value_error[i] < 1e-12
        off = mp.norm([root[1] - mp.mpf(h[0]), root[2] - mp.mpf(h[1])])
        assert off <= found.fold_error[i] < 1e-10


def test_all_of_a_parameter_is_scaled():
    # Both units alike and apart: the folds of one unit at factors of the bias.
    found = gf.continue_fixed_points("rnn", rnn(2 * np.eye(2), [0.25, 0.25]), "b", (-4, 4))
    assert found.parameter == "b x"
    assert len(found.values) > 10
    h, u = found.states, found.values
    np.testing.assert_allclose(np.tanh(2 * h + 0.25 * u[:, None]), h, atol=1e-13)
    entry = gf.continue_fixed_points(
        "rnn", rnn([[2.0, 0], [0, 0.5]], [0, 0]), "U", (2, 3), entry=(0, 0)
    )
    assert entry.parameter == "U[0, 0]"
    np.testing.assert_allclose(
        np.tanh(entry.values * entry.states[:, 0]), entry.states[:, 0], atol=1e-13
    )


def test_a_pitchfork_is_a_crossing_on_both_of_its_branches():
    straight = gf.continue_fixed_points("rnn", rnn(1, 0), "U", (0.5, 2), state=[0.0])
    bent = gf.continue_fixed_points("rnn", rnn(1, 0), "U", (3, 0.2), state=[0.98])
    assert straight.end == "stop"
    assert bent.end == "start"
    for found in (straight, bent):
        assert len(found.fold_values) == 0
        np.testing.assert_allclose(found.crossing_values, [1.0], atol=1e-3)
        assert "another branch crosses near 1" in str(found)
    assert straight.stability[0] == "stable"
    assert straight.stability[-1] == "unstable"
    assert bent.states[-1, 0] == pytest.approx(-bent.states[0, 0])


def test_a_linear_unit_runs_off():
    cell = gf.Cell(name="leak", state="h", scalars="a", equations="h_next = a * h + 1")
    found = gf.continue_fixed_points(cell, {"a": 0.5}, "a", (0.5, 2.0), state=[2.0])
    assert found.end in ("far", "steps")
    assert found.states.max() > 1e3
    np.testing.assert_allclose(found.states[:50, 0], 1 / (1 - found.values[:50]), rtol=1e-12)


def test_gated_cells_agree_with_the_search():
    gain = gf.cells.initializers.gaussian(6.0)
    params = gf.cells.gru.init(hidden=3, inputs=2, rng=0, recurrent=gain)
    found = gf.continue_fixed_points("gru", params, "b_g", (-3, 3), np.ones(2), entry=1)
    assert len(found.fold_values) == 1
    assert found.end == "start"
    last = dict(params, b_g=params["b_g"].copy())
    last["b_g"][1] = found.values[-1]
    there = gf.fixed_points("gru", last, np.ones(2))
    near = np.linalg.norm(there.states - found.states[-1], axis=1)
    assert near.min() <= 1e-9
    # The two that met at the fold are gone beyond it, and both are there before it.
    beside = []
    for step in (-1e-4, 1e-4):
        last["b_g"][1] = found.fold_values[0] + step
        points = gf.fixed_points("gru", last, np.ones(2)).states
        beside.append((np.linalg.norm(points - found.fold_states[0], axis=1) < 0.05).sum())
    assert beside == [2, 0]


def test_what_is_said():
    found = gf.continue_fixed_points(SIGMOID, rnn(5, 0), "b", (-4, -1))
    assert repr(found) == (
        f"<FixedPointBranch b from -4 to -1: {len(found.values)} points, "
        "2 folds at -2.34438966, -2.65561034>"
    )
    assert "a fold at -2.34438966137, known to" in str(found)
    assert str(found).endswith("the branch reaches the end of the span")
    assert str(found) in found._repr_html_()


def test_the_branch_is_drawn_through_its_folds():
    found = gf.continue_fixed_points("rnn", rnn(2, 0), "b", (-1, 1))
    ax = Figure().subplots()
    assert found.plot(ax) is ax
    labels = [line.get_label() for line in ax.lines]
    assert labels == ["stable", "not stable", "stable", "fold (2)"]
    np.testing.assert_array_equal(ax.lines[-1].get_xdata(), found.fold_values)
    assert ax.lines[0].get_xdata()[-1] == ax.lines[1].get_xdata()[0]
    assert draw_svg(plot_branch, found).startswith("<svg")
    with pytest.raises(UsageError, match="unit is 1; it must be a whole number from 0 to 0"):
        found.plot(Figure().subplots(), unit=1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "c"}, "cell 'rnn' has no parameter named 'c'; it has W, U, b|U, W, b"),
        ({"span": (1, 1)}, "the first and the last value, which differ"),
        ({"span": (1, 2, 3)}, "the first and the last value"),
        ({"span": (0, np.nan)}, "values of span hold nan"),
        ({"entry": 1}, r"entry=1, and b has shape \(1,\)"),
        ({"entry": (0, 0)}, "give one index an axis"),
        ({"entry": 0.5}, "give one index an axis"),
        ({"state": [[0.0]]}, "one flat state"),
        ({"state": [np.inf]}, "entries of state hold inf"),
        ({"x": np.ones(2)}, "continue_fixed_points|input x"),
        ({"params": rnn(2, np.nan)}, "entries of b hold nan"),
        ({"params": rnn(np.zeros((2, 2)), [0, 0]), "name": "U"}, "U is zero"),
        ({"cell": "clockwork"}, "uses the step number t"),
    ],
)
def test_bad_arguments_are_one_sentence(change, says):
    given = {"cell": "rnn", "params": rnn(2, 0), "name": "b", "span": (-1, 1)} | change
    with pytest.raises(UsageError, match=says) as caught:
        gf.continue_fixed_points(**given)
    assert "\n" not in str(caught.value)


def test_no_point_to_begin_with_is_said():
    cell = gf.Cell(name="up", state="h", vectors="a", equations="h_next = h + exp(a * h)")
    with pytest.raises(UsageError, match="no isolated fixed point is found with a at its first"):
        gf.continue_fixed_points(cell, {"a": [0.0]}, "a", (0, 1))
    with pytest.raises(UsageError, match="Newton finds no fixed point near the given state"):
        gf.continue_fixed_points(cell, {"a": [0.0]}, "a", (0, 1), state=[1.0])
