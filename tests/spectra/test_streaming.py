"""The gradient against lag without keeping the run: the same curve, in less room, at any lag."""

import tracemalloc

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.spectra.decay import streaming
from gradflow.spectra.running import prepared
from oracles.runs import random_run

BACKENDS = ["numpy", pytest.param("numba", marks=pytest.mark.slow)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_the_curve_is_that_of_the_kept_run(name, backend):
    run, rng = random_run(name, 97)
    for count in (1, 3):  # three go with a tape where the target has one
        x = next(iter(run.inputs.values()), None)
        if x is not None:
            x = rng.standard_normal((count, *x.shape))
        first = run.flat_states[0] + 0.1 * rng.standard_normal((count, run.width))
        kept = gf.run(run.cell, run.params, x, first, steps=97)
        gradient = rng.standard_normal(run.width)
        wanted = kept.gradient_decay(gradient, units=False)
        code = gf.compile(run.cell, backend)
        tape = code.loops.tape_width(code.sizes(run.params)) if code.loops.tape_width else 0
        step = 8 * count * (run.width + tape * (count > 2))
        seen = set()
        # from all at once down to the least room there is: stretches of many lengths, odd ends too
        state = 8 * count * run.width
        for memory in (2**28, 100 * state, 70 * state, 60 * step, 40 * step, 24 * step):
            given = (run.cell, run.params, x, gradient, first)
            found = gf.stream_gradient_decay(*given, steps=97, memory=memory, backend=backend)
            # 97 roundings a lag, relative to logs of some hundred
            np.testing.assert_allclose(found.log_norm, wanted.log_norm, rtol=1e-11, atol=1e-11)
            for part, curve in wanted.by_part.items():
                np.testing.assert_allclose(found.by_part[part], curve, rtol=1e-10, atol=1e-10)
            start = prepared(run.cell, run.params, x, first, 97, backend)
            seen.add(streaming._plan(start, memory))
        assert len(seen) > 2
        assert found.by_unit is None


def test_batches_and_gradients_of_the_last_state():
    cell = gf.cells.get("lstm")
    params = cell.init(hidden=4, inputs=2, rng=0)
    x = np.random.default_rng(0).standard_normal((3, 50, 2))
    run = gf.run(cell, params, x)

    def gradient(last):
        return {"h": np.cos(last[..., :4])}["h"] @ np.eye(4, 8)

    wanted = run.gradient_decay(gradient(run.flat_states[..., -1, :]))
    found = gf.stream_gradient_decay(cell, params, x, gradient, memory=40_000, backend="numpy")
    np.testing.assert_allclose(found.log_norm, wanted.log_norm, rtol=1e-11, atol=1e-11)
    by_part = gf.stream_gradient_decay(cell, params, x, {"c": np.ones(4)}, backend="numpy")
    assert np.isneginf(by_part.by_part["h"][..., 0]).all()


def test_a_lost_shift_is_seen(monkeypatch):
    """If a stretch forgot the scale of the one after it, the comparison above would fail."""
    whole = streaming.pull_back
    monkeypatch.setattr(
        streaming,
        "pull_back",
        lambda *a, **k: (lambda p: p._replace(log_norm=p.log_norm - p.log_norm[..., -1:]))(
            whole(*a, **k)
        ),
    )
    run, rng = random_run("rnn", 97)
    gradient = rng.standard_normal(run.width)
    wanted = run.gradient_decay(gradient).log_norm
    found = gf.stream_gradient_decay(
        run.cell, run.params, run.inputs["x"], gradient, memory=8000, backend="numpy"
    )
    assert np.abs(found.log_norm - wanted).max() > 1


def test_at_lag_100_000_the_logarithm_is_right():
    """h' = w h with w = 0.3888: w^100000 = 10^-41027, far below every float, and no zero."""
    cell = gf.cells.get("scalar")
    w = 0.3888
    found = gf.stream_gradient_decay(
        cell,
        {"w": np.array([w])},
        None,
        [1.0],
        [0.0],
        steps=100_000,
        memory=50_000,
        backend="numpy",
    )
    # 10^5 exact powers of two are counted apart, so the error is that of one product: 1e5 * 1e-16
    np.testing.assert_allclose(
        found.log_norm, np.arange(100_001) * np.log(w), rtol=1e-12, atol=1e-12
    )
    assert round(found.log_norm[-1] / np.log(10)) == -41027


def test_room_is_what_was_allowed():
    """A run of 30,000 steps whose states take 7.7 MB, in one tenth of that, result and all."""
    cell = gf.cells.get("rnn")
    params = cell.init(hidden=32, inputs=1, rng=0)
    x = np.random.default_rng(0).standard_normal((30_000, 1))
    gf.stream_gradient_decay(cell, params, x[:100], np.ones(32), backend="numpy")
    tracemalloc.start()
    try:
        gf.stream_gradient_decay(cell, params, x, np.ones(32), memory=250_000, backend="numpy")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    states = 8 * 32 * 30_001
    logs = 2 * 8 * 30_001
    # chunks of the NumPy loops (1024 rows of a few arrays) are a constant on top
    assert peak < 250_000 + 2 * logs + 12 * 8 * 1024 * 32
    assert peak < 0.7 * states


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"memory": 300}, "memory is 300 bytes, and 50 steps of this cell need at least"),
        ({"gradient": np.ones(3)}, r"it has shape \(3,\)"),
        ({"gradient": np.full(4, np.nan)}, "gradient's entries hold nan"),
        ({"x": np.ones((50, 3))}, "input x has shape"),
        ({"steps": 7}, "7 and 50 steps given"),
    ],
)
def test_bad_arguments_get_one_sentence(change, says):
    cell = gf.cells.get("rnn")
    given = {"x": np.ones((50, 2)), "gradient": np.ones(4), "backend": "numpy"} | change
    with pytest.raises(UsageError, match=says):
        gf.stream_gradient_decay(cell, cell.init(hidden=4, inputs=2, rng=0), **given)


def test_a_state_that_overflows_is_named_by_its_step():
    cell = gf.Cell(name="grows", state="h", equations="h_next = h * h + 1")
    # 1, 2, 5, 26, 677, 458330, ...: squared ten more times this passes 1.8e308 at step 11
    with pytest.raises(UsageError, match=r"stops being finite at step 11 of 60"):
        gf.stream_gradient_decay(
            cell, {}, None, [1.0], state=[1.0], steps=60, memory=200, backend="numpy"
        )
