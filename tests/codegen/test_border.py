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


def test_a_transposed_map_is_named_and_not_the_map_it_contradicts(two):
    code, params, _ = two
    # W comes first and so settles hidden = 4, which every other map contradicts
    with pytest.raises(UsageError) as caught:
        code.bind(params | {"W": params["W"].T})
    assert str(caught.value) == (
        "cell 'two': W has shape (4, 3), which is (input, hidden): transposed? it needs "
        "(hidden, input) with hidden = 3 as in the other parameters."
    )
    # (context, hidden) and no transposition: one axis alone is wrong, and it is said which
    with pytest.raises(UsageError, match=r"P has shape \(4, 3\); it needs .* context = 2 and hid"):
        code.bind(params | {"P": np.ones((4, 3))})


def test_a_transposed_state_or_input_is_suspected(two):
    code, params, x = two
    bound = code.bind(params)
    with pytest.raises(UsageError, match=r"\(5, 9\); .* 5 entries \(h: 3, s: 2\), as its .* trans"):
        bound.step(np.ones((5, 9)), x)
    with pytest.raises(
        UsageError, match=r"\(4, 9\); its last axis needs 4 entries of .*transposed"
    ):
        bound.step(np.ones(5), x | {"x": np.ones((4, 9))})
    with pytest.raises(UsageError, match=r"input x has shape \(4, 9\).*transposed"):
        gf.run(TWO, params, {"x": np.ones((4, 9)), "z": np.ones((4, 5))})
    with pytest.raises(UsageError, match=r"part h has shape \(3, 2\); .* 3 entries, .*transposed"):
        bound.split({"h": np.ones((3, 2)), "s": np.ones(2)})


@pytest.mark.parametrize("backend", ["numpy", "mpmath", "array-api"])
def test_bound_code_does_what_the_code_does(two, backend):
    _, params, x = two
    code = gf.compile(TWO, backend)
    bound = code.bind(params)
    state, u = np.arange(5.0), np.ones(5)
    assert list(bound.params) == ["W", "V", "P", "Q"]
    assert bound.part_sizes() == {"h": 3, "s": 2}
    for name, given in (
        ("step", (state, x, 2)),
        ("jvp", (state, u, x, 2)),
        ("vjp", (state, u, x, 2)),
        ("jacobian", (state, x, 2)),
        ("input_jacobian", (state, x, 2)),
    ):
        np.testing.assert_array_equal(
            getattr(bound, name)(*given), getattr(code, name)(params, *given)
        )
    for name, given in (
        ("outputs", (state, x)),
        ("path_jacobians", (state, x)),
        ("parameter_vjp", (state, u, x)),
        ("split", (state,)),
    ):
        found, wanted = getattr(bound, name)(*given), getattr(code, name)(params, *given)
        assert list(found) == list(wanted)
        for key in found:
            np.testing.assert_array_equal(found[key], wanted[key])
    np.testing.assert_array_equal(bound.join(bound.split(state)), state)


def test_parameters_are_bound_as_contiguous_floats(two):
    code, params, x = two
    odd = {n: np.asfortranarray(p).astype(np.float32) for n, p in params.items()}
    bound = code.bind(odd | {"W": params["W"]})
    assert all(p.dtype == np.float64 and p.flags.c_contiguous for p in bound.params.values())
    assert bound.params["W"] is params["W"]
    np.testing.assert_allclose(
        bound.step(np.ones(5), x), code.step(params, np.ones(5), x), rtol=1e-6
    )


def test_what_is_bound_is_checked_once(two, monkeypatch):
    from gradflow.codegen import border

    checked = []
    sizes = border.sizes
    monkeypatch.setattr(border, "sizes", lambda *a: checked.append(1) or sizes(*a))
    monkeypatch.setattr(border, "plain", lambda *a: None)
    code, params, x = two
    bound = code.bind(params)
    for _ in range(3):
        bound.step(np.ones(5), x)
    assert len(checked) == 1
    run = gf.run(TWO, params, {n: np.ones((6, len(v))) for n, v in x.items()}, backend="numpy")
    assert len(checked) == 2
    run.jacobians(), run.gradient_decay(np.ones(5))
    assert len(checked) == 2


def test_sizes_that_a_state_has_shown_are_kept():
    apart = gf.Cell(name="apart", state="a[m] b[n]", equations="a_next = a / 2\nb_next = b")
    state = {"a": np.ones(2), "b": np.zeros(3)}
    bound = gf.compile(apart).bind({}, state)
    assert bound.sizes == {"one": 1, "m": 2, "n": 3}
    assert bound.step(np.ones(5)).tolist() == [0.5, 0.5, 1, 1, 1]
    run = gf.run(apart, {}, state=state, steps=30)
    assert run.jacobians().shape == (30, 5, 5)
    assert run.parts == {"a": slice(0, 2), "b": slice(2, 5)}
    # two directions halve and three stay
    found = gf.leading_exponents(apart, {}, None, state, steps=300, leading=3)
    # the frame turns to them by a factor of two a step, from the transient of 30 on
    np.testing.assert_allclose(found.exponents, 0, atol=1e-9)
    np.testing.assert_allclose(run.gradient_decay({"a": [1.0, 0.0]}).rate(), -np.log(2))


def test_a_map_of_the_plane_declared_with_scalars_alone():
    henon = gf.Cell(
        name="henon",
        state="x y",
        scalars="a b",
        equations="x_next = 1 - a * x**2 + y\ny_next = b * x",
    )
    given = {"a": 1.4, "b": 0.3}
    found = gf.leading_exponents(henon, given, None, [0.1, 0.1], steps=20_000, backend="numpy")
    # 0.41922 (Sprott); the standard error at 20,000 steps is a few thousandths
    np.testing.assert_allclose(found.exponents[0], 0.4192, atol=0.02)
    kept = gf.run(henon, given, state=[0.1, 0.1], steps=2000).lyapunov(leading=1)
    np.testing.assert_allclose(kept.exponents[0], 0.42, atol=0.05)
    points = gf.fixed_points(henon, given, starts=np.array([[0.6, 0.2], [-1.1, -0.3]]))
    # x = 1 - a x^2 + b x
    wanted = np.sort((-0.7 + np.array([1, -1]) * np.sqrt(0.49 + 5.6)) / 2.8)
    np.testing.assert_allclose(np.sort(points.states[:, 0]), wanted, atol=1e-9)
    # no map mixes units, so that one stands for all
    points = gf.fixed_points(henon, given)
    np.testing.assert_allclose(np.sort(points.states[:, 0]), wanted, atol=1e-9)
