"""What enters compiled code: shapes checked in words, leading axes broadcast, `out` filled."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from oracles.samples import sample

TWO = gf.Cell(
    name="two",
    state="h s[context]",
    inputs="x z[side]",
    maps="W V P Q[hidden,side]",
    equations="s_next = tanh(P @ h + V @ s)\nh_next = tanh(W @ x + Q @ z) + h",
)
FREE = gf.Cell(
    name="free", state="a b", inputs="x[hidden]", equations="a_next = a * b + x\nb_next = a"
)


@pytest.fixture
def two():
    params = TWO.init(hidden=3, context=2, inputs=4, side=5, rng=0)
    x = {"x": np.ones(4), "z": np.ones(5)}
    return gf.compile(TWO), params, x


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"state": np.ones(6)},
            r"the state has shape \(6,\); its last axis needs 5 entries \(h: 3",
        ),
        ({"state": 1.0}, r"the state has shape \(\)"),
        ({"state": {"h": np.ones(3)}}, "the state given has parts h; it needs h, s"),
        ({"state": {"h": np.ones(3), "c": np.ones(2)}}, "has parts h, c; it needs h, s"),
        ({"state": {"h": np.ones(2), "s": np.ones(3)}}, r"state part h has shape \(2,\); .* 3"),
        ({"state": "abc"}, "the state is no array of real numbers but str"),
        ({"state": [[1.0], [1.0, 2.0]]}, "the state has rows of unequal length"),
        ({"state": None}, "the state"),
        ({"x": np.ones(4)}, "got inputs x; it needs x, z, as a mapping"),
        ({"x": None}, "needs its input x, z"),
        ({"x": {"x": np.ones(3), "z": np.ones(5)}}, r"input x has shape \(3,\); .* 4 entries"),
        ({"x": {"x": 1.0, "z": np.ones(5)}}, r"input x has shape \(\); .* 4 entries"),
        ({"x": {"x": "a", "z": np.ones(5)}}, "input x is no array of real numbers"),
        ({"t": "now"}, "the step number t is no array of real numbers"),
        (
            {"state": np.ones((2, 5)), "t": np.arange(3)},
            r"leading axes \(2,\), .*\(3,\) do not go together",
        ),
    ],
)
def test_wrong_arguments(two, change, message):
    code, params, x = two
    given = {"state": np.ones(5), "x": x, "t": 1} | change
    with pytest.raises(UsageError, match=message) as caught:
        code.step(params, **given)
    assert str(caught.value).startswith("cell 'two'")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W": None}, "parameter 'W' is missing; it has W, V, P, Q"),
        ({"B": np.ones(3)}, "unknown parameter 'B'; it has W, V, P, Q"),
        ({"W": np.ones(3)}, r"W has shape \(3,\); it needs \(hidden, input\)"),
        ({"W": np.ones((4, 3))}, r"hidden = "),
        ({"W": np.ones((0, 4))}, r"W has shape \(0, 4\)"),
        ({"P": np.ones((2, 2))}, r"P has shape \(2, 2\); it needs \(context, hidden\)"),
        ({"W": [[1.0], [1.0, 2.0]]}, "W has rows of unequal length"),
        ({"W": np.full((3, 4), "a")}, "W is no array of real numbers"),
    ],
)
def test_wrong_parameters(two, change, message):
    code, params, x = two
    given = {k: v for k, v in (params | change).items() if v is not None}
    with pytest.raises(UsageError, match=message):
        code.step(given, np.ones(5), x)


def test_an_input_where_there_is_none():
    with pytest.raises(UsageError, match="cell 'scalar': has no input, but x was given"):
        gf.compile(gf.cells.scalar).step({"w": np.ones(1)}, np.ones(1), np.ones(3))


def test_sizes_may_follow_from_the_state_alone():
    code = gf.compile(FREE)
    state = np.array([1.0, 2.0, 3.0, 4.0])
    assert code.step({}, state, np.zeros(2)).tolist() == [3, 8, 1, 2]
    assert code.part_sizes({}, state) == {"a": 2, "b": 2}
    assert code.step({}, {"a": state[:2], "b": state[2:]}, np.zeros(2)).tolist() == [3, 8, 1, 2]
    assert code.vjp({}, state, state, np.zeros(2)).tolist() == [3 + 3, 4 + 8, 1, 4]
    # an input of one entry would broadcast without a word
    with pytest.raises(
        UsageError, match=r"input x has shape \(1,\); its last axis needs 2 entries"
    ):
        code.step({}, state, np.zeros(1))
    with pytest.raises(UsageError, match=r"the state has shape \(5,\)"):
        code.step({}, np.ones(5), np.zeros(2))
    with pytest.raises(UsageError, match="size of 'a' does not follow from its parameters"):
        code.part_sizes({})


def test_sizes_that_cannot_follow_from_a_flat_state():
    cell = gf.Cell(name="apart", state="a[m] b[n]", equations="a_next = a\nb_next = b")
    with pytest.raises(UsageError, match="pass the state as a mapping of parts"):
        gf.compile(cell).step({}, np.ones(5))
    assert gf.compile(cell).step({}, {"a": np.ones(2), "b": np.zeros(3)}).tolist() == [
        1,
        1,
        0,
        0,
        0,
    ]


def test_plain_numbers_for_parts_of_one_unit():
    cell = gf.Cell(name="plane", state="a[one] b[one]", equations="a_next = 2 * b\nb_next = a")
    assert gf.compile(cell).step({}, {"a": 3.0, "b": 4.0}).tolist() == [8, 3]


def test_split_and_join_are_inverse(two):
    code, params, _ = two
    state = np.arange(10.0).reshape(2, 5)
    parts = code.split(params, state)
    assert parts["s"].tolist() == [[3, 4], [8, 9]]
    assert np.array_equal(code.join(parts), state)
    assert code.part_sizes(params) == {"h": 3, "s": 2}
    assert code.sizes(params) == {"one": 1, "hidden": 3, "input": 4, "context": 2, "side": 5}


def test_out_is_filled_and_returned():
    s = sample("lstm")
    code = gf.compile(s.cell)
    for method, width in (("jacobian", 14), ("input_jacobian", 3)):
        wanted = getattr(code, method)(s.params, s.state, s.x)
        out = np.full((14, width), np.nan)
        assert getattr(code, method)(s.params, s.state, s.x, out=out) is out
        assert np.array_equal(out, wanted)
        strided = np.full((2 * width, 14), np.nan).T[:, ::2]
        getattr(code, method)(s.params, s.state, s.x, out=strided)
        assert np.array_equal(strided, wanted)
        with pytest.raises(UsageError, match=r"out has shape \(3, 3\); it needs \(14, "):
            getattr(code, method)(s.params, s.state, s.x, out=np.empty((3, 3)))


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_no_steps_at_all(name):
    s = sample(name, lead=(0,))
    code, t = gf.compile(s.cell), np.arange(0)
    d = s.state.shape[-1]
    assert code.step(s.params, s.state, s.x, t).shape == (0, d)
    assert code.jacobian(s.params, s.state, s.x, t).shape == (0, d, d)
    gradient = code.parameter_vjp(s.params, s.state, s.state, s.x, t)
    assert all(not g.any() and g.shape == s.params[k].shape for k, g in gradient.items())


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_leading_axes_of_any_argument_broadcast(name):
    s = sample(name, lead=(2, 1))
    code, t = gf.compile(s.cell), np.arange(1, 4)
    d = s.state.shape[-1]
    u = np.ones(d)
    J = code.jacobian(s.params, s.state, s.x, t)
    assert J.shape == (2, 3, d, d)
    assert code.vjp(s.params, s.state, u, s.x, t).shape == (2, 3, d)
    assert code.jvp(
        s.params, s.state[0, 0], np.ones((5, 1, d)), None if s.x is None else s.x[0, 0], t
    ).shape == (5, 3, d)
    kept = code.parameter_vjp(s.params, s.state, u, s.x, t, keep=True)
    for key, gradient in kept.items():
        assert gradient.shape == (2, 3, *s.params[key].shape)


def test_arguments_are_not_written_to():
    s = sample("clockwork", lead=(4,))
    code = gf.compile(s.cell)
    before = {k: v.copy() for k, v in s.params.items()}
    state, x = s.state.copy(), s.x.copy()
    kept = code.parameter_vjp(s.params, s.state, s.state, s.x, keep=True)
    kept["b"] += 1
    code.jacobian(s.params, s.state, s.x)
    assert all(np.array_equal(before[k], v) for k, v in s.params.items())
    assert np.array_equal(state, s.state)
    assert np.array_equal(x, s.x)


def test_masked_weights_neither_act_nor_learn():
    s = sample("clockwork", t=12)
    code = gf.compile(s.cell)
    masked = s.params["period"][:, None] > s.params["period"][None, :]
    assert masked.any()
    other = s.params | {"W_H": np.where(masked, np.nan, s.params["W_H"])}
    J = code.jacobian(s.params, s.state, s.x, s.t)
    assert np.array_equal(J, code.jacobian(other, s.state, s.x, s.t))
    assert not J[masked].any()
    gradient = code.parameter_vjp(s.params, s.state, s.state, s.x, s.t)["W_H"]
    assert not gradient[masked].any()
    assert gradient[~masked].all()
