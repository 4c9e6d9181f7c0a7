"""Loops over time against one step at a time in 50 digits, for every target that has them."""

import mpmath
import numpy as np
import pytest

import gradflow as gf
from gradflow.codegen import over_time
from gradflow.errors import UsageError
from oracles.agreement import draw
from oracles.language_cells import CELLS, taken

BACKENDS = ["numpy", pytest.param("numba", marks=pytest.mark.slow)]
NAMES = [
    *gf.cells.LIBRARY,
    "fixed_maps",
    "masked",
    "time",
    "spread_and_reduce",
    "outputs_and_inputs",
]
ALL = {**{name: gf.cells.get(name) for name in gf.cells.LIBRARY}, **CELLS}


def situation(cell, steps, lead=(), seed=0):
    params, state, x = draw(cell, np.random.default_rng(seed), **taken(cell))
    params = {n: v if n in cell.defaults else 0.5 * v for n, v in params.items()}
    rng = np.random.default_rng(seed + 1)
    d = sum(len(a) for a in state.values())
    inputs = {k: rng.standard_normal((*lead, steps, len(a))) for k, a in (x or {}).items()}
    return params, rng.standard_normal((*lead, d)), inputs, rng.standard_normal((*lead, d))


def exact(cell, params, first, inputs, u):
    """States, and log lengths of u P(T, T - lag) whole and by part, one trajectory, 50 digits."""
    code = gf.compile(cell, "mpmath", digits=50)
    steps = next(iter(inputs.values())).shape[0] if inputs else 6
    states, jacobians = [code.target.asarray(first)], []
    for k in range(steps):
        x = {n: v[k] for n, v in inputs.items()} or None
        jacobians.append(code.jacobian(params, states[-1], x, k + 1))
        states.append(code.step(params, states[-1], x, k + 1))
    stops = np.cumsum(list(code.part_sizes(params, first).values()))
    row, rows = code.target.asarray(u), []
    for jacobian in [None, *reversed(jacobians)]:
        row = row if jacobian is None else row @ jacobian
        rows.append(row)

    def log(values):
        square = sum(v * v for v in values)
        return float(mpmath.log(square) / 2) if square else -np.inf

    return (
        np.array(states, dtype=float),
        np.array([log(row) for row in rows]),
        np.array([[log(part) for part in np.split(row, stops[:-1])] for row in rows]).T,
        np.array([[float(v / mpmath.exp(log(row))) if v else 0.0 for v in row] for row in rows]),
    )


def close(found, wanted):
    """Six steps, each a few dozen roundings and factors of up to 100."""
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_states_and_covectors_are_those_of_single_steps(name, backend):
    cell = ALL[name]
    code = gf.compile(cell, backend)
    for lead in ((), (2,)):
        params, first, inputs, u = situation(cell, 6, lead)
        states = np.full((*lead, 7, first.shape[-1]), np.nan)
        states[..., 0, :] = first
        taped = states.copy()
        over_time.fill_states(code.bind(params), states, inputs)
        plain = over_time.pull_back(code.bind(params), states, inputs, u, rows=True)
        again = over_time.run_and_pull_back(code.bind(params), taped, inputs, u, rows=True)
        last = over_time.pull_back(code.bind(params), states, inputs, u)
        # each trajectory by itself in the reference
        for index in np.ndindex(lead):
            mine = {n: v[index] for n, v in inputs.items()}
            wanted = exact(cell, params, first[index], mine, u[index])
            for run in (states, taped):
                close(run[index], wanted[0])
            for pulled in (plain, again):
                np.testing.assert_allclose(
                    pulled.log_norm[index], wanted[1], rtol=1e-11, atol=1e-11
                )
                np.testing.assert_allclose(
                    pulled.log_part[index], wanted[2], rtol=1e-10, atol=1e-10
                )
                np.testing.assert_allclose(pulled.rows[index], wanted[3], rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(last.rows[index], wanted[3][-1:], rtol=1e-10, atol=1e-10)


def test_a_wrong_factor_is_seen(monkeypatch):
    """The comparison above must fail if what is done for many steps at once is slightly wrong."""
    from gradflow.codegen.targets.numpy import loops as numpy_loops

    printed = numpy_loops.array_text
    monkeypatch.setattr(
        numpy_loops,
        "array_text",
        lambda cell, r: printed(cell, r).replace("tanh_slope(", "1.000001 * tanh_slope("),
    )
    cell = gf.Cell(
        name="seen", state="h", inputs="x", maps="W U", equations="h_next = tanh(U @ h + W @ x)"
    )
    params, first, inputs, u = situation(cell, 6)
    states = np.empty((7, 3))
    states[0] = first
    code = gf.compile(cell)
    over_time.fill_states(code.bind(params), states, inputs)
    found = over_time.pull_back(code.bind(params), states, inputs, u).log_norm
    assert np.abs(found - exact(cell, params, first, inputs, u)[1]).max() > 1e-8


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("w", [0.25, 4.0, 0.0, -1e-200, 1e200])
def test_nothing_underflows_or_overflows(backend, w):
    """h' = w h: the gradient at lag k is w^k, over 3000 lags, beyond all floats both ways."""
    cell = gf.Cell(
        name="power", state="h[one] z", scalars="w", equations="h_next = w * h\nz_next = w * z"
    )
    code = gf.compile(cell, backend)
    states = np.zeros((3001, 3))
    pulled = over_time.pull_back(
        code.bind({"w": np.array([w])}), states, {}, np.array([3.0, 0.0, 4.0])
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.append(0.0, np.arange(1, 3001) * np.log(abs(w)))
    # sums of 3000 rounded logs of up to 1.4e6
    np.testing.assert_allclose(pulled.log_norm, np.log(5) + growth, rtol=1e-13)
    np.testing.assert_allclose(pulled.log_part[0], np.log(3) + growth, rtol=1e-13)
    np.testing.assert_allclose(pulled.log_part[1], np.log(4) + growth, rtol=1e-13)


def test_targets_without_loops_say_so():
    cell = gf.cells.get("rnn")
    params = cell.init(hidden=2, inputs=1, rng=0)
    code = gf.compile(cell, "mpmath")
    with pytest.raises(UsageError, match="no loops over time; use 'numpy' or 'numba'"):
        over_time.fill_states(code.bind(params), np.zeros((3, 2)), {"x": np.zeros((2, 1))})
