"""Weights that change at every step: equal to a loop by hand, to autograd, and to constant ones."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError

STEPS, HIDDEN, INPUT = 7, 3, 2


def given(name, seed=0):
    """A cell, constant parameters, the same with some drawn anew at every step, and inputs."""
    cell = gf.cells.get(name)
    rng = np.random.default_rng(seed)
    sizes = {"hidden": HIDDEN, "input": INPUT, "context": 4}
    chosen = {("inputs" if s == "input" else s): sizes[s] for s in cell.sizes}
    params = cell.init(rng=rng, **chosen)
    for key in cell.parameters:
        params[key] = params[key] + 0.3 * rng.standard_normal(params[key].shape)
    names = [*cell.parameters][:: 2 if len(cell.parameters) > 1 else 1]
    moving = {n: params[n] + 0.5 * rng.standard_normal((STEPS, *params[n].shape)) for n in names}
    x = rng.standard_normal((STEPS, INPUT)) if cell.input_names else None
    return cell, params, params | moving, names, x


def at(params, names, t):
    return params | {n: params[n][t - 1] for n in names}


CELLS = sorted(gf.cells.LIBRARY)


@pytest.mark.parametrize("name", CELLS)
def test_states_and_jacobians_are_those_of_a_loop_by_hand(name):
    cell, _, params, names, x = given(name)
    code = gf.compile(cell, "numpy")
    run = gf.run(cell, params, x, state=None if x is not None else np.ones(1))
    state = run.flat_states[0]
    for t in range(1, STEPS + 1):
        now = None if x is None else x[t - 1]
        here = at(params, names, t)
        np.testing.assert_allclose(
            run.jacobian(t), code.jacobian(here, state, now, t), rtol=1e-13, atol=1e-15
        )
        state = code.step(here, state, now, t)
        np.testing.assert_allclose(run.flat_states[t], state, rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(run.jacobians(), [run.jacobian(t) for t in range(1, STEPS + 1)])


@pytest.mark.parametrize("name", CELLS)
def test_analyses_are_those_of_the_jacobians(name):
    cell, _, params, _, x = given(name)
    run = gf.run(cell, params, x, state=None if x is not None else np.ones(1))
    J = run.jacobians()
    row = np.arange(1.0, run.width + 1)
    by_hand = [row]
    for step in J[::-1]:
        by_hand.append(by_hand[-1] @ step)
    norms = np.linalg.norm(by_hand, axis=1)
    np.testing.assert_allclose(np.exp(run.gradient_decay(row).log_norm), norms, rtol=1e-11)
    product = np.linalg.multi_dot([np.eye(run.width), *J[::-1]])
    assert np.exp(run.decay().log_norm[-1]) == pytest.approx(np.linalg.norm(product, 2), rel=1e-10)
    paths = run.paths(row)
    np.testing.assert_allclose(np.exp(paths.total), norms[1:], rtol=1e-11)
    summed = sum(run.path_jacobians().values())
    np.testing.assert_allclose(summed, J, rtol=1e-12, atol=1e-14)
    if np.linalg.cond(J).max() < 1e10:  # seven steps that lose directions have no one exponent
        leading = run.lyapunov(leading=1, transient=0).exponents
        assert leading[0] == pytest.approx(run.lyapunov(transient=0).exponents[0], abs=1e-10)
    log_sigma = run.singular_values([STEPS]).log_sigma[0]
    assert np.exp(log_sigma[0]) == pytest.approx(np.linalg.norm(product, 2), rel=1e-9)
    streamed = gf.stream_gradient_decay(
        cell, params, x, row, None if x is not None else np.ones(1), memory=8 * run.width * 9
    )
    np.testing.assert_allclose(np.exp(streamed.log_norm), norms, rtol=1e-11)


@pytest.mark.parametrize("name", CELLS)
def test_the_same_weights_at_every_step_are_constant_weights(name):
    cell, params, _, names, x = given(name)
    start = None if x is not None else np.ones(1)
    repeated = params | {n: np.repeat(params[n][None], STEPS, axis=0) for n in names}
    one = gf.run(cell, params, x, start, steps=STEPS)
    many = gf.run(cell, repeated, x, start)
    np.testing.assert_allclose(many.flat_states, one.flat_states, rtol=1e-13, atol=1e-14)
    row = np.ones(one.width)
    whole, each = (run.parameter_gradient(row).total for run in (one, many))
    for parameter in cell.parameters:
        found = each[parameter]
        if parameter in names:
            assert found.shape == (STEPS, *params[parameter].shape)
            found = found.sum(axis=0)
        np.testing.assert_allclose(found, whole[parameter], rtol=1e-11, atol=1e-14)
    missing = (run.truncation(row, [2, STEPS]).log_missing for run in (one, many))
    first, second = missing
    assert first[1] == second[1] == -np.inf
    assert np.isfinite(second[0]) == np.isfinite(first[0])


def test_the_gradient_is_that_of_autograd():
    torch = pytest.importorskip("torch")
    cell, _, params, names, x = given("lstm")
    tensors = {n: torch.tensor(a, requires_grad=True) for n, a in params.items()}
    h, c = torch.zeros(HIDDEN, dtype=torch.float64), torch.zeros(HIDDEN, dtype=torch.float64)
    total = torch.zeros((), dtype=torch.float64)
    for t in range(STEPS):
        p = {n: (a[t] if n in names else a) for n, a in tensors.items()}
        here = torch.tensor(x[t])
        i, f, o = (torch.sigmoid(p[f"W_{k}"] @ here + p[f"U_{k}"] @ h + p[f"b_{k}"]) for k in "ifo")
        g = torch.tanh(p["W_g"] @ here + p["U_g"] @ h + p["b_g"])
        c = f * c + i * g
        h = o * torch.tanh(c)
        total = total + (h * torch.arange(1.0, HIDDEN + 1)).sum() * (t + 1)
    total.backward()
    run = gf.run(cell, params, x)
    direct = np.zeros((STEPS, run.width))
    direct[:, run.parts["h"]] = np.arange(1, STEPS + 1)[:, None] * np.arange(1.0, HIDDEN + 1)
    found = run.parameter_gradient(direct)
    for name, tensor in tensors.items():
        assert found.total[name].shape == tensor.shape
        np.testing.assert_allclose(found.total[name], tensor.grad.numpy(), rtol=1e-10, atol=1e-12)
        kept = np.exp(found.log_scale).reshape(-1, *[1] * tensor.ndim) * found.by_lag[name]
        np.testing.assert_allclose(kept.sum(axis=0), found.total[name], rtol=1e-10, atol=1e-12)


def test_arrays_of_other_libraries_are_differentiated_through():
    torch = pytest.importorskip("torch")
    cell, _, params, names, x = given("gru")
    tensors = {n: torch.tensor(a, requires_grad=True) for n, a in params.items()}
    bound = gf.compile(cell, "array-api").bind_over_time(tensors)
    inputs = torch.tensor(x)
    states = [torch.zeros(HIDDEN, dtype=torch.float64)]
    for t in range(1, STEPS + 1):
        states.append(bound.step(states[-1], inputs[t - 1], t))
    states[-1].sum().backward()
    run = gf.run(cell, params, x)
    ones = np.ones(run.width)
    by_hand = run.parameter_gradient(ones).total
    whole = torch.stack(states[:-1]).detach()
    direct = torch.zeros(STEPS, run.width, dtype=torch.float64)
    direct[-1] = 1.0
    pulled = bound.pullback(whole, direct, inputs)
    np.testing.assert_allclose(
        np.linalg.norm(pulled.detach().numpy()[::-1], axis=1),
        np.exp(run.gradient_decay(ones).log_norm),
        rtol=1e-11,
    )
    own = bound.parameter_vjp(whole, pulled[1:], inputs, np.arange(1, STEPS + 1))
    for name, tensor in tensors.items():
        np.testing.assert_allclose(tensor.grad.numpy(), by_hand[name], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(own[name].detach(), by_hand[name], rtol=1e-10, atol=1e-12)
    jacobians = bound.jacobian(whole, inputs, np.arange(1, STEPS + 1))
    np.testing.assert_allclose(jacobians.detach(), run.jacobians(), rtol=1e-12, atol=1e-14)
    assert set(names) == set(bound.moving)


@pytest.mark.slow
def test_compiled_steps_say_the_same():
    pytest.importorskip("numba")
    cell, _, params, _, x = given("gru")
    one, two = (gf.run(cell, params, x, backend=b) for b in ("numpy", "numba"))
    assert two.backend == "numba"
    np.testing.assert_allclose(two.flat_states, one.flat_states, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(two.jacobians(), one.jacobians(), rtol=1e-12, atol=1e-13)
    ones = np.ones(one.width)
    np.testing.assert_allclose(
        two.gradient_decay(ones).log_norm, one.gradient_decay(ones).log_norm, atol=1e-11
    )
    exponents = (run.lyapunov(leading=2, transient=0).exponents for run in (one, two))
    np.testing.assert_allclose(*exponents, atol=1e-10)


def test_a_batch_shares_the_weights():
    cell, _, params, _, x = given("lstm")
    batch = np.stack([x, -x, 2 * x])
    run = gf.run(cell, params, batch)
    decay = run.gradient_decay(np.ones(run.width))
    gradient = run.parameter_gradient(np.ones(run.width), lags=2).total
    for index, sequence in enumerate(batch):
        alone = gf.run(cell, params, sequence)
        np.testing.assert_allclose(run.flat_states[index], alone.flat_states, rtol=1e-12)
        log_norm = alone.gradient_decay(np.ones(run.width)).log_norm
        np.testing.assert_allclose(decay.log_norm[index], log_norm, atol=1e-11)
        own = alone.parameter_gradient(np.ones(run.width), lags=2).total
        for name in cell.parameters:
            np.testing.assert_allclose(gradient[name][index], own[name], rtol=1e-10, atol=1e-13)
    found = gf.leading_exponents(cell, params, batch, leading=2, transient=0).exponents
    np.testing.assert_allclose(
        found, run.lyapunov(leading=2, transient=0).exponents, rtol=1e-10, atol=1e-12
    )


def test_a_gradient_far_under_float64_keeps_its_scale():
    """h' = w_t h with w_t = 1e-4: the gradient by w_1 over 200 steps is 1e-796."""
    w = np.full((200, 1), 1e-4)
    run = gf.run("scalar", {"w": w}, state=[1.0])
    decay = run.gradient_decay([1.0])
    np.testing.assert_allclose(decay.log_norm, np.arange(201) * np.log(1e-4), rtol=1e-13)


def test_the_number_of_steps_is_that_of_the_weights():
    assert gf.run("scalar", {"w": np.full((5, 1), 0.5)}, state=[32.0]).flat_states[-1] == 1.0
    cell, params, moving, _, x = given("rnn")
    with pytest.raises(UsageError, match="6 and 7 steps given"):
        gf.run(cell, moving, x[:6])
    one, other = cell.parameters[:2]
    uneven = params | {
        one: np.repeat(params[one][None], 7, axis=0),
        other: np.repeat(params[other][None], 6, axis=0),
    }
    with pytest.raises(UsageError, match="for different numbers of steps"):
        gf.run(cell, uneven, x)
    with pytest.raises(UsageError, match="Parameters have no batch axes"):
        gf.run(cell, params | {one: np.zeros((2, 7, *params[one].shape))}, x)
    with pytest.raises(UsageError, match="has shape"):
        gf.run(cell, params | {one: np.zeros((7, 3, 4))}, x)


def test_a_bad_weight_is_located_at_its_step():
    cell, _, params, names, x = given("gru")
    name = next(n for n in names if np.ndim(params[n]) == 3)
    params[name][4, 1, 0] = np.nan
    fault = gf.locate(cell, params, x)
    assert (fault.step, fault.operation, fault.cause) == (5, name, "NaN in a parameter")
    with pytest.raises(UsageError, match=rf"{name} holds nan at index \(4, 1, 0\)"):
        gf.run(cell, params, x)


@pytest.mark.parametrize("what", ["prove", "bound_above", "bound_below", "enclose", "box_bound"])
def test_statements_about_weights_that_stay_refuse_others(what):
    from gradflow.proofs.weights import along
    from gradflow.proofs.weights.boxes import box_bound
    from gradflow.proofs.weights.enclosing import enclose

    cell, _, params, names, x = given("rnn")
    run = gf.run(cell, params, x)
    calls = {
        "prove": lambda: gf.prove(cell, params, x),
        "bound_above": lambda: along.bound_above(run),
        "bound_below": lambda: along.bound_below(run),
        "enclose": lambda: enclose(run),
        "box_bound": lambda: box_bound(run, 0.1),
    }
    with pytest.raises(UsageError, match=f"weights that stay, and {', '.join(names)} of cell 'rn"):
        calls[what]()


def test_fixed_points_say_where_an_axis_of_steps_belongs():
    cell, _, params, _, _ = given("rnn")
    with pytest.raises(UsageError, match="An axis of steps before is for gf"):
        gf.fixed_points(cell, params)


def test_saturated_units_keep_their_slopes():
    """Slopes that float64 does not hold, at biases that change: log 4 - 2 |a| each."""
    cell = gf.Cell(name="pushed", state="h", vectors="b", equations="h_next = tanh(h + b)")
    bias = np.array([[3.0], [400.0], [-500.0], [2.0], [450.0]])
    run = gf.run(cell, {"b": bias}, state=[0.0])
    a = run.flat_states[:-1, 0] + bias[:, 0]
    slopes = np.log(4) - 2 * np.abs(a) - 2 * np.log1p(np.exp(-2 * np.abs(a)))
    expected = np.concatenate([[0.0], np.cumsum(slopes[::-1])])
    np.testing.assert_allclose(run.decay().log_norm, expected, rtol=1e-12)
    np.testing.assert_allclose(run.gradient_decay([1.0]).log_norm, expected, rtol=1e-12)
