"""float64 results equal the same program at 50 digits.

`TIGHT` = 1e-13 relative to the largest entry: a sum of 17 products of size one carries an error of
some 17 * 1.1e-16 = 2e-15, and gates in series multiply it by no more than 20 here.
"""

import numpy as np
import pytest

import gradflow as gf
from oracles.samples import SMALL, distance, sample

TIGHT = 1e-13
CELLS = pytest.mark.parametrize("name", gf.cells.LIBRARY)


def as_float(array):
    return np.asarray(array, dtype=np.float64)


def routines(code, s, u, v):
    """Every result of every routine, by name."""
    found = {
        "step": code.step(s.params, s.state, s.x, s.t),
        "jvp": code.jvp(s.params, s.state, v, s.x, s.t),
        "vjp": code.vjp(s.params, s.state, u, s.x, s.t),
        "jacobian": code.jacobian(s.params, s.state, s.x, s.t),
    }
    found |= code.parameter_vjp(s.params, s.state, u, s.x, s.t)
    found |= {f"path {k}": a for k, a in code.path_jacobians(s.params, s.state, s.x, s.t).items()}
    if s.x is not None:
        found["input_jacobian"] = code.input_jacobian(s.params, s.state, s.x, s.t)
    return found


@CELLS
@pytest.mark.parametrize("lead", [(), (2,)], ids=["single", "batch"])
def test_every_routine(name, lead):
    s = sample(name, SMALL, lead=lead)
    u, v = np.random.default_rng(8).standard_normal((2, *s.state.shape))
    found = routines(gf.compile(s.cell), s, u, v)
    wanted = routines(gf.compile(s.cell, backend="mpmath", digits=50), s, u, v)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert distance(found[key], as_float(value)) < TIGHT, key


@pytest.mark.parametrize(
    "declaration",
    [
        {"equations": "h_next = h / 3"},
        {"equations": "h_next = mean(h)"},
        {"equations": "k = 3\nh_next = h / k"},
        {"equations": "k = 3\nh_next = h * k**-1"},
        {"equations": "h_next = h / (3 if h > 0 else 7)"},
        {"equations": "h_next = h * (3 if h > 0 else 7)**-1"},
        {"equations": "h_next = h * (1 / 3 if h > 0 else 7)"},
        {"equations": "n = sum(0 * h + 1)\nh_next = h / n"},
        {"equations": "h_next = S @ h", "fixed": {"S[hidden,hidden]": "1 / 3"}},
        {"equations": "h_next = S @ h", "fixed": {"S[hidden,hidden]": "1 / (3 + 0 * row(index))"}},
        {
            "equations": "h_next = S @ h",
            "fixed": {
                "S[hidden,hidden]": "row(index) / (3 * column(index) + 3 - 3 * column(index))"
            },
        },
        {"equations": "h_next = h * Max(1, t) / Min(t, 7)"},
    ],
    ids=lambda d: d["equations"].replace("\n", "; "),
)
def test_whole_numbers_are_exact_in_the_reference(declaration):
    """A third (of anything whole) has 50 digits, wherever it comes from."""
    cell = gf.Cell(name="thirds", state="h", **declaration)
    code = gf.compile(cell, backend="mpmath", digits=50)
    J = code.jacobian({}, np.ones(3), t=3)
    entries = {entry for entry in J.ravel() if entry != 0}
    assert entries
    for entry in entries:
        assert abs(3 * entry - round(3 * float(entry))) < 1e-49
    assert abs(3 * code.step({}, np.ones(3), t=3) - 3 * J.sum(1)).max() < 1e-49


@CELLS
def test_the_reference_itself_has_50_digits(name):
    """Results at 50 and at 60 digits differ by less than 1e-47, so no float64 slipped in."""
    s = sample(name, SMALL)
    u, v = np.random.default_rng(9).standard_normal((2, *s.state.shape))
    found = routines(gf.compile(s.cell, backend="mpmath", digits=50), s, u, v)
    wanted = routines(gf.compile(s.cell, backend="mpmath", digits=60), s, u, v)
    for key, value in wanted.items():
        gap = np.abs(found[key] - value).max()
        assert gap < 1e-47, (key, gap)
        assert all(type(entry).__name__ == "mpf" for entry in np.ravel(found[key])), key


def test_a_chain_of_matrices_without_diagonals():
    """Where no factor changes with the step, one product serves all steps, in either direction."""
    cell = gf.Cell(
        name="chains",
        state="h s[context]",
        inputs="x",
        maps="A[context,hidden] B[hidden,context] C D[hidden,input]",
        equations="h_next = B @ (A @ (C @ h)) + D @ x\ns_next = s + A @ (B @ s)",
    )
    rng = np.random.default_rng(0)
    params = cell.init(hidden=5, inputs=2, context=3, rng=0)
    states, x = rng.standard_normal((9, 8)), rng.standard_normal((9, 2))
    found = gf.compile(cell).jacobian(params, states, x, np.arange(1, 10))
    a, b, c = (params[n] for n in "ABC")
    wanted = np.zeros((8, 8))
    wanted[:5, :5] = b @ a @ c
    wanted[5:, 5:] = np.eye(3) + a @ b
    assert found.shape == (9, 8, 8)
    for step in found:
        assert distance(step, wanted) < TIGHT
