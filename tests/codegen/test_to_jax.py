"""Cells as JAX functions: states, gradients, jit, vmap; oracle: `jax.jacfwd` and torch autograd.

`STATES` = 1e-13 relative: 12 steps of sums of 16 products in float64. `TIGHT` = 1e-12 for
gradients, which sum some 300 products.
"""

import sys

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from oracles.samples import distance, sample

jax = pytest.importorskip("jax")

STATES, TIGHT = 1e-13, 1e-12
STEPS = 12
NAMES = pytest.mark.parametrize("name", gf.cells.LIBRARY)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def situation(name, lead=()):
    s = sample(name, lead=lead)
    rng = np.random.default_rng(5)
    x = None if s.x is None else rng.standard_normal((*lead, STEPS, s.x.shape[-1]))
    return s, x, gf.to_jax(s.cell)


@NAMES
def test_states_and_gradients_of_one_sequence(name):
    s, x, run = situation(name)
    wanted = gf.run(s.cell, s.params, x, s.state, steps=STEPS)
    fast = jax.jit(run, static_argnames="steps")
    states = fast(s.params, x, s.state, steps=STEPS)
    assert distance(states, wanted.flat_states[1:]) < STATES
    weights = np.random.default_rng(6).standard_normal(states.shape)

    def loss(params, state):
        states = run(params, x, state, steps=STEPS)
        return (states * weights).sum() + (states**2).sum() / 2

    trained = {k: s.params[k] for k in s.cell.parameters}
    fixed = {k: s.params[k] for k in s.cell.constant_names}
    by_params, by_state = jax.jit(jax.grad(lambda p, v: loss(p | fixed, v), (0, 1)))(
        trained, s.state
    )
    direct = weights + wanted.flat_states[1:]
    ours = wanted.parameter_gradient(direct).total
    for key, value in ours.items():
        assert distance(by_params[key], value) < TIGHT, key
        # the oracle sees an error of a thousandth
        assert distance(1.001 * by_params[key], value) > 1e-4
    u = direct[-1]
    for k in range(STEPS - 1, 0, -1):
        u = direct[k - 1] + wanted.vjp(u, k + 1)
    assert distance(by_state, wanted.vjp(u, 1)) < TIGHT


@pytest.mark.parametrize("name", ["lstm", "clockwork", "scrn", "scalar"])
def test_a_batch_is_its_sequences_and_a_vectorised_run(name):
    s, x, run = situation(name, lead=(2, 3))
    states = run(s.params, x, s.state, steps=STEPS)
    wanted = gf.run(s.cell, s.params, x, s.state, steps=STEPS)
    assert distance(states, wanted.flat_states[..., 1:, :]) < STATES
    axes = (None, None if x is None else 0, 0)
    each = jax.vmap(lambda p, v, w: run(p, v, w, steps=STEPS), axes)
    assert distance(each(s.params, x, s.state), np.asarray(states)) < STATES


@NAMES
@pytest.mark.parametrize("lead", [(2,), (9,)])
def test_compiled_and_vectorised_jacobians(name, lead):
    """Ours under jit and vmap against `jacfwd` of the step; and jacfwd of an own Jacobian."""
    s = sample(name, lead=lead)
    code = gf.compile(s.cell, backend="array-api")
    wanted = gf.compile(s.cell).jacobian(s.params, s.state, s.x, s.t)
    fast = jax.jit(lambda p, v, x: code.jacobian(p, v, x, s.t))
    assert distance(fast(s.params, jax.numpy.asarray(s.state), s.x), wanted) < STATES
    axes = (0, None if s.x is None else 0)
    step = jax.vmap(jax.jacfwd(lambda v, x: code.step(s.params, v, x, s.t)), axes)
    assert distance(jax.jit(step)(s.state, s.x), wanted) < STATES
    each = jax.vmap(lambda v, x: code.jacobian(s.params, v, x, s.t), axes)
    assert distance(jax.jit(each)(s.state, s.x), wanted) < STATES


@NAMES
def test_a_compiled_pullback_is_the_gradient(name):
    """Ours, with our parameter_vjp, under jit against jax.grad of the whole run."""
    s, x, run = situation(name)
    code = gf.compile(s.cell, backend="array-api")
    states = run(s.params, x, s.state, steps=STEPS)
    before = jax.numpy.concatenate([s.state[None], states[:-1]])
    direct = np.random.default_rng(6).standard_normal(states.shape)

    def ours(params, before, x):
        arriving = code.pullback(params, before, direct, x)
        t = np.arange(1, STEPS + 1)
        return arriving[0], code.parameter_vjp(params, before, arriving[1:], x, t)

    def loss(p, v):
        return (run(p, x, v, steps=STEPS) * direct).sum()

    by_state, by_params = jax.jit(ours)(s.params, before, x)
    wanted, wanted_by_state = jax.jit(jax.grad(loss, (0, 1)))(s.params, s.state)
    assert distance(by_state, np.asarray(wanted_by_state)) < TIGHT
    for key, value in by_params.items():
        assert distance(value, np.asarray(wanted[key])) < TIGHT, key


def test_number_type_defaults_and_parts():
    s, x, run = situation("lstm")
    whole = run(s.params, x)
    parts = {"h": np.asarray(whole[4][:7]), "c": np.asarray(whole[4][7:])}
    assert distance(run(s.params, x[5:], parts), np.asarray(whole[5:])) < STATES
    single = {k: v.astype(np.float32) for k, v in s.params.items()}
    assert run(single, x).dtype == np.float32
    henon = gf.Cell(
        name="henon", state="a[one] b[one]", equations="a_next = 1 - 1.4 * a**2 + b\nb_next = a"
    )
    states = gf.to_jax(henon)({}, steps=4)
    assert states[:, 0].tolist() == pytest.approx([1.0, -0.4, 1.776, -3.8158464])


def test_without_64_bits_everything_is_single_and_nothing_warns():
    s, x, run = situation("lstm")
    wanted = gf.run(s.cell, s.params, x, s.state).flat_states[1:]
    with jax.enable_x64(False):
        states = run(s.params, x, s.state)
        assert states.dtype == np.float32
        # twelve steps of sums of 16 products with rounding 6e-8
        assert distance(states, wanted) < 1e-5


def test_a_state_that_does_not_know_the_batch():
    """`b / 4` has no batch axis; the carry of the scan must keep it all the same."""
    cell = gf.Cell(
        name="flat", state="h k", vectors="b", equations="h_next = b / 4\nk_next = k + h"
    )
    params = {"b": np.array([4.0, 8.0])}
    states = gf.to_jax(cell)(params, None, np.zeros((3, 4)), steps=3)
    assert states.shape == (3, 3, 4)
    assert states[1].tolist() == [[1, 2, 0, 0], [1, 2, 1, 2], [1, 2, 2, 4]]


def test_wrong_arguments():
    run = gf.to_jax(gf.cells.rnn)
    params = gf.cells.rnn.init(hidden=2, inputs=3, rng=0)
    for x, message in [
        (None, "needs its input x"),
        (np.ones(3), r"input x has shape \(3,\); it needs \(..., T, input\), one row a step"),
        (np.ones((4, 2)), "its last axis needs 3 entries"),
    ]:
        with pytest.raises(UsageError, match=message):
            run(params, x)
    with pytest.raises(UsageError, match=r"U has shape \(3, 3\)"):
        run(params | {"U": np.ones((3, 3))}, np.ones((4, 3)))


def test_a_cell_by_its_name():
    params = gf.cells.rnn.init(hidden=2, inputs=3, rng=0)
    x = np.random.default_rng(0).standard_normal((4, 3))
    assert (gf.to_jax("rnn")(params, x) == gf.to_jax(gf.cells.rnn)(params, x)).all()
    with pytest.raises(UsageError, match="unknown cell 'rn': did you mean 'rnn'"):
        gf.to_jax("rn")


def test_without_jax(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(UsageError, match=r"JAX is not installed; run: pip install 'gradflow-rnn"):
        gf.to_jax(gf.cells.rnn)
