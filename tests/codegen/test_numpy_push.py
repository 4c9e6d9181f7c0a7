"""NumPy's pushes: a step and its tangent vectors in one routine are the step and its Jacobian."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.codegen.lowering import recurrence
from gradflow.codegen.over_time import push_forward
from gradflow.codegen.targets.numpy.push import logistic
from gradflow.codegen.targets.target import array_text

BRANCHES = gf.Cell(
    name="branches",
    state="h s[context]",
    inputs="x",
    maps="U P[hidden,context] W",
    vectors="b",
    scalars="alpha",
    equations="""
        a = U @ h + W @ x + b
        squashed = a / (1 + Abs(a)) * tanh(P @ s)
        h_next = Piecewise((squashed, a > 0), (alpha * a * a, True)) + squashed * squashed
        s_next = alpha * s + mean(h * h)
    """,
)


def drawn(name, batch):
    cell = BRANCHES if name == "branches" else gf.cells.get(name)
    rng = np.random.default_rng(2)
    given = {"hidden": 5, "input": 3, "context": 4}
    sizes = {("inputs" if s == "input" else s): given[s] for s in cell.sizes}
    params = cell.init(rng=rng, **sizes)
    for key in cell.parameters:
        params[key] = params[key] + 0.2 * rng.standard_normal(params[key].shape)
    inputs = {name: rng.standard_normal((batch, 6, 3)) for name in cell.input_names}
    code = gf.compile(cell)
    width = sum(code.part_sizes(params).values())
    return code, params, rng.uniform(0.2, 0.8, (batch, width)), inputs


@pytest.mark.parametrize("name", [*gf.cells.LIBRARY, "branches"])
@pytest.mark.parametrize(("batch", "k"), [(1, 1), (3, 2)])
def test_a_push_is_a_step_and_a_product(name, batch, k):
    code, params, first, inputs = drawn(name, batch)
    states = np.empty((batch, 7, first.shape[1]))
    states[:, 0] = first
    # steps 11 to 16 of a run, for the cells that know the time
    t = np.arange(11, 17)
    through = push_forward(code.bind(params), states, inputs, first_step=11)
    frame = np.random.default_rng(3).normal(size=(batch, k, first.shape[1]))
    state = first
    for step in range(6):
        now = {name: x[:, step] for name, x in inputs.items()} or None
        jacobian = code.jacobian(params, state, now, int(t[step]))
        expected = np.einsum("bij,bkj->bki", jacobian, frame)
        for _ in range(2):  # a step may be asked for again
            moved = through(step, step + 1, frame).frame
            # a few rounding units of sums of ten numbers of size 1
            np.testing.assert_allclose(moved, expected, rtol=1e-12, atol=1e-14)
        state = code.step(params, state, now, int(t[step]))
        np.testing.assert_allclose(states[:, step + 1], state, rtol=1e-13, atol=1e-15)
        frame = moved


@pytest.mark.parametrize("name", ["lstm", "gru", "clockwork"])
def test_no_product_and_no_function_is_computed_twice(name):
    cell = gf.cells.get(name)
    text = array_text(cell, recurrence.push(cell).routine)
    lines = [line.split(" = ")[1] for line in text.splitlines() if " = " in line]
    assert len(lines) == len(set(lines))
    for function in ("tanh(", "sigmoid("):
        calls = [line[line.index(function) :] for line in lines if function in line]
        assert len(calls) == len(set(calls)) == text.count(function)


def test_the_logistic_function_far_out():
    from mpmath import exp, mp

    with mp.workdps(40):
        for a in (-1000.0, -700.0, -40.0, -1e-9, 0.0, 0.3, 20.0, 1000.0):
            exact = float(1 / (1 + exp(-mp.mpf(a))))
            assert logistic(np.array(a)) == pytest.approx(exact, rel=5e-16, abs=1e-300)
