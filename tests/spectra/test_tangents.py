"""Tangent vectors pushed through a cell: the same as its Jacobian, and when that is cheaper."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.codegen.over_time import push_forward
from gradflow.codegen.targets.numpy import push
from gradflow.spectra import lyapunov_spectrum
from gradflow.spectra.lyapunov import of_trajectory
from gradflow.spectra.lyapunov.of_trajectory import cheaper_unformed

SUMS = gf.Cell(
    name="sums",
    state="h s[context]",
    inputs="x",
    maps="U[hidden,hidden] P[hidden,context] W",
    vectors="b",
    scalars="alpha",
    fixed={"S[hidden,hidden]": "1 if row(index) == column(index) + 1 else 0"},
    equations="""
        spread = mean(h * (P @ s))
        h_next = tanh(U @ (S @ h) + W @ x + b) + alpha * (h - spread)
        s_next = alpha * s + mean(h)
    """,
)


def small(name, batch=(), steps=12, seed=0):
    """A cell with rectangular sizes, non-symmetric weights, random biases, and a run of it."""
    cell = SUMS if name == "sums" else gf.cells.get(name)
    rng = np.random.default_rng(seed)
    given = {"hidden": 5, "input": 3, "context": 4}
    sizes = {("inputs" if s == "input" else s): given[s] for s in cell.sizes}
    params = cell.init(rng=rng, **sizes)
    for key in cell.parameters:
        params[key] = params[key] + 0.2 * rng.standard_normal(params[key].shape)
    x = rng.standard_normal((*batch, steps, 3)) if cell.input_names else None
    width = gf.run(cell, params, None if x is None else x[..., :1, :], steps=1).width
    start = rng.uniform(0.2, 0.8, (*batch, width))
    return cell, params, gf.run(cell, params, x, start, steps=steps)


def pushed(cell, params, run):
    """What pushes vectors (batch, k, d) through steps of the run, whose states are known."""
    states = run.flat_states.reshape(-1, run.steps + 1, run.width)
    inputs = {n: x.reshape(-1, *x.shape[-2:]) for n, x in run.inputs.items()}
    return push_forward(gf.compile(cell).bind(params), states, inputs, known=True)


NAMES = [*gf.cells.LIBRARY, "sums"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [(), (3,)])
def test_pushing_is_multiplying_by_the_jacobian(name, batch):
    cell, params, run = small(name, batch)
    through = pushed(cell, params, run)
    jacobians = run.jacobians().reshape(-1, 12, run.width, run.width)
    frame = np.random.default_rng(1).normal(size=(len(jacobians), 2, run.width))
    for step in range(12):
        expected = np.einsum("bij,bkj->bki", jacobians[:, step], frame)
        found = through(step, step + 1, frame).frame
        # sums of some ten products of size 1 in another order
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_one_weight_off_by_a_thousandth_is_seen():
    cell, params, run = small("gru")
    wrong = {**params, "U_g": params["U_g"] * 1.001}
    frame = np.random.default_rng(1).normal(size=(1, 2, run.width))
    off = pushed(cell, wrong, run)(3, 4, frame).frame - pushed(cell, params, run)(3, 4, frame).frame
    assert np.abs(off).max() > 1e-6


@pytest.mark.parametrize("batch", [(), (3,)])
def test_steps_are_met_in_any_order_and_in_windows_of_any_length(monkeypatch, batch):
    """The diagonals are made for some steps at a time; no window ends with them."""
    cell, params, run = small("lstm", batch)
    frame = np.random.default_rng(1).normal(size=(*(batch or (1,)), 2, run.width))
    whole = pushed(cell, params, run)(0, 12, frame)
    monkeypatch.setattr(push, "_MOST_STEPS", 5)
    through = pushed(cell, params, run)
    for start, stop in ((0, 12), (7, 12), (3, 7), (0, 12)):
        found = through(start, stop, frame)
        if stop - start == 12:
            np.testing.assert_allclose(found.frame, whole.frame, rtol=1e-13)
            np.testing.assert_allclose(found.log_size, whole.log_size, rtol=1e-13)
        single = frame
        for step in range(start, stop):
            single = through(step, step + 1, single).frame
        np.testing.assert_allclose(found.frame, single, rtol=1e-13)


def test_the_cost_rule_counts_products_and_entries():
    sizes = {"hidden": 64, "input": 3}
    for k in (1, 10, 100):
        assert cheaper_unformed(gf.cells.lstm, sizes, k)  # p = 4 n^2 = d^2
    assert cheaper_unformed(gf.cells.rnn, sizes, 63)
    assert not cheaper_unformed(gf.cells.rnn, sizes, 64)  # a square frame
    assert cheaper_unformed(gf.cells.gru, sizes, 10)  # 10 * 3 n^2 = (10 + 20) n^2
    assert not cheaper_unformed(gf.cells.gru, sizes, 11)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn", "scrn"])
@pytest.mark.parametrize("formed", [True, False])
def test_both_choices_give_the_exponents(monkeypatch, name, formed):
    _, _, run = small(name, steps=150)
    monkeypatch.setattr(of_trajectory, "cheaper_unformed", lambda *_: not formed)
    found = run.lyapunov(leading=3, transient=20)
    exact = lyapunov_spectrum(run.jacobians(), leading=3, transient=20, interval=1)
    np.testing.assert_allclose(found.exponents, exact.exponents, atol=1e-8)
    assert found.steps == exact.steps == 130
