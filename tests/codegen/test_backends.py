"""The registry of backends: each agrees with the reference, and which of them "auto" takes."""

from dataclasses import replace

import numpy as np
import pytest

import gradflow as gf
from gradflow.codegen import backends
from gradflow.codegen.backends import BACKENDS, chosen, estimated_seconds
from gradflow.codegen.targets.numpy.target import TARGET
from gradflow.codegen.targets.target import Backend
from gradflow.errors import UsageError

CELL = gf.Cell(
    name="agreed",
    state="h s[context]",
    inputs="x",
    maps="W V[context,input] U",
    scalars="a",
    equations="s_next = a * s + V @ x\nh_next = tanh(U @ h + W @ x) * sin(t)",
)


@pytest.mark.parametrize("name", BACKENDS.names())
def test_every_backend_of_the_registry_agrees(name):
    """Rounding in three matrix products of four units."""
    rng = np.random.default_rng(0)
    params = CELL.init(hidden=4, context=3, inputs=2, rng=0) | {"a": 0.5}
    state, u, x = (rng.standard_normal((6, n)) for n in (7, 7, 2))
    found, wanted = (gf.compile(CELL, backend).bind(params) for backend in (name, "mpmath"))
    t = np.arange(1, 7)
    for method, given in (
        ("step", (state, x, t)),
        ("vjp", (state, u, x, t)),
        ("jacobian", (state, x, t)),
    ):
        values = [np.asarray(getattr(b, method)(*given), dtype=float) for b in (found, wanted)]
        np.testing.assert_allclose(*values, rtol=1e-13, atol=1e-14)


@pytest.fixture
def compiling(monkeypatch):
    """The one backend that compiles: NumPy under another name, compiled or not as told."""
    ready = set()
    record = Backend(
        target=lambda digits: replace(TARGET, name="slowly"),
        compiled=lambda code, kernels: set(kernels) <= ready,
        seconds=1.0,
    )
    monkeypatch.setitem(BACKENDS.own, "numba", replace(record, installed=lambda: False))
    monkeypatch.setitem(BACKENDS.own, "slowly", record)
    return ready, record


def work(steps, backend="auto"):
    params = {"w": np.array([0.5])}
    return gf.run(gf.cells.scalar, params, state=[1.0], steps=steps, backend=backend)


def test_auto_takes_what_is_compiled_and_compiles_for_long_work_alone(compiling, monkeypatch):
    ready, record = compiling
    assert gf.compile(gf.cells.scalar).backend == "numpy"
    assert work(10).backend == "numpy"
    # by the constants 10 us a step: a second is 100,000 of them
    assert estimated_seconds(100_000, 1, 1) == pytest.approx(1.0, rel=1e-3)
    assert work(99_000).backend == "numpy"
    assert work(101_000).backend == "slowly"
    ready |= {"forward", "pullback"}
    assert work(10).backend == "numpy"
    ready.add("jacobian")
    short = work(10)
    assert short.backend == "slowly"
    np.testing.assert_array_equal(short.flat_states, work(10, "numpy").flat_states)
    assert gf.compile(gf.cells.scalar).backend == "numpy"
    ready |= {"step", "jvp", "vjp"}
    assert gf.compile(gf.cells.scalar).backend == "slowly"
    assert work(10, "numpy").backend == "numpy"
    monkeypatch.setitem(BACKENDS.own, "slowly", replace(record, installed=lambda: False))
    assert work(101_000).backend == "numpy"
    assert gf.compile(gf.cells.scalar).backend == "numpy"


def test_the_choice_is_made_for_all_of_a_call(compiling):
    """A surface is all of its points, each three passes of a few steps."""
    rows, seen = np.linspace(0, 1, 40), []

    def loss(run):
        seen.append(run.backend)
        return gf.spectra.Loss(float(run.flat_states[-1, 0]), np.ones(1), "L")

    cell = gf.Cell(name="plane", state="s", scalars="w b", equations="s_next = w * s + b")
    both = {"w": 0.5, "b": 0.1}
    for points, backend in ((4, "numpy"), (40, "slowly")):
        seen.clear()
        axes = [(entry, rows[:points]) for entry in (("w", 0), ("b", 0))]
        gf.spectra.error_surface(cell, both, loss, *axes, state=[1.0], steps=25)
        assert set(seen) == {backend}


def test_run_refuses_what_has_no_loops_in_one_sentence():
    for backend in ("mpmath", "array-api"):
        with pytest.raises(UsageError, match=f"backend '{backend}' has no loops over time; use"):
            work(3, backend)
    with pytest.raises(UsageError, match="unknown backend 'fortran'; known are numpy, numba"):
        work(3, "fortran")


def test_a_name_compiles_and_code_is_told_in_one_line():
    code = gf.compile("lstm", "numpy")
    assert code == gf.compile(gf.cells.lstm, "numpy")
    assert repr(code) == "Code('lstm', 'numpy': 12 parameters)"
    bound = code.bind(gf.cells.lstm.init(hidden=2, inputs=3, rng=0))
    assert repr(bound) == "Bound('lstm', 'numpy', hidden=2, input=3: 48 parameters)"
    with pytest.raises(UsageError, match="lstn"):
        gf.compile("lstn")


def test_chosen_knows_its_names():
    assert backends.PLAIN in BACKENDS
    assert chosen("mpmath", lambda name: None) == "mpmath"
