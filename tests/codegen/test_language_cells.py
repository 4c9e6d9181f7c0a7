"""Cells that use every construct of the language, each against mpmath and differences by order."""

import numpy as np
import pytest

import gradflow as gf
from oracles.agreement import check, draw
from oracles.language_cells import CELLS, taken


@pytest.mark.parametrize("name", CELLS)
def test_all_routines_agree(name):
    cell = CELLS[name]
    for seed in range(2):
        params, state, x = draw(cell, np.random.default_rng(seed), **taken(cell))
        check(cell, params, state, x)


@pytest.mark.parametrize("name", [n for n in CELLS if n != "masked"])  # its levels are three
def test_one_unit_everywhere(name):
    cell = CELLS[name]
    params, state, x = draw(cell, np.random.default_rng(0), **dict.fromkeys(taken(cell), 1))
    check(cell, params, state, x)


@pytest.mark.parametrize("name", CELLS)
def test_a_batch_and_a_run_are_the_single_steps(name):
    cell = CELLS[name]
    code = gf.compile(cell)
    rng = np.random.default_rng(1)
    params, state, x = draw(cell, rng, **taken(cell))
    d = len(code.join(state))
    states, u, v = rng.standard_normal((3, 2, 6, d))
    xs = x and {k: rng.standard_normal((2, 6, len(a))) for k, a in x.items()}
    t = np.arange(1, 7)

    def one(i, k):
        return xs and {name: a[i, k] for name, a in xs.items()}

    together = {
        "step": code.step(params, states, xs, t),
        "jacobian": code.jacobian(params, states, xs, t),
        "jvp": code.jvp(params, states, v, xs, t),
        "vjp": code.vjp(params, states, u, xs, t),
    }
    kept = code.parameter_vjp(params, states, u, xs, t, keep=True)
    summed = code.parameter_vjp(params, states, u, xs, t)
    for i in range(2):
        for k in range(6):
            here = (params, states[i, k]), (one(i, k), t[k])
            single = {
                "step": code.step(*here[0], *here[1]),
                "jacobian": code.jacobian(*here[0], *here[1]),
                "jvp": code.jvp(*here[0], v[i, k], *here[1]),
                "vjp": code.vjp(*here[0], u[i, k], *here[1]),
            }
            for key, value in single.items():
                # the same operations in another order of summation: a few ulp of entries up to 100
                np.testing.assert_allclose(together[key][i, k], value, rtol=1e-11, atol=1e-11)
            for key, value in code.parameter_vjp(*here[0], u[i, k], *here[1]).items():
                np.testing.assert_allclose(kept[key][i, k], value, rtol=1e-11, atol=1e-11)
    for key, value in summed.items():
        np.testing.assert_allclose(value, kept[key].sum((0, 1)), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("expression", "by_h", "by_b"),
    [
        ("Max(h, b)", 0, 1),  # at a tie the derivative goes to the later argument
        ("Max(b, h)", 1, 0),
        ("Min(h, b)", 0, 1),
        ("Min(b, h)", 1, 0),
        ("Max(h, 2) + b", 0, 1),  # never to a number
        ("Max(2, h) + b", 0, 1),
        ("Min(2, h) + b", 0, 1),
        ("relu(h - b)", 0, 0),
        ("Abs(h - b)", 0, 0),
        ("sign(h - b)", 0, 0),
        ("step(h - b)", 0, 0),
        ("floor(h) + floor(b)", 0, 0),
        ("h % b", 1, -1),
        ("(h - b) % 3", 1, -1),
        ("sqrt((h - b)**2)", 0, 0),  # which SymPy turns into its own Abs
        ("h if h > b else 3 * b", 0, 3),
        ("h if h >= b else 3 * b", 1, 0),
        ("h**2 if h == b else 3 * b", 4, 0),
    ],
)
def test_exactly_at_a_kink(expression, by_h, by_b):
    cell = gf.Cell(name="kink", state="h", vectors="b", equations=f"h_next = {expression}")
    params, state = {"b": np.array([2.0])}, np.array([2.0])
    for backend in ("numpy", "mpmath"):
        code = gf.compile(cell, backend=backend)
        assert code.jacobian(params, state).tolist() == [[by_h]]
        assert code.vjp(params, state, np.ones(1)).tolist() == [by_h]
        assert code.parameter_vjp(params, state, np.ones(1))["b"].tolist() == [by_b]
