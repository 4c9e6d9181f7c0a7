"""Memory: every public method of a run ends within a budget, or is refused at once.

The fast test sets a small budget and measures what NumPy and Python allocate; the slow one runs an
LSTM of 1,024 units over 1,000 steps in processes whose resident memory the system measures.
"""

import json
import os
import re
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow import memory
from gradflow.errors import UsageError
from gradflow.spectra import linearised
from gradflow.spectra import trajectory as analyses
from gradflow.spectra.faults import of_slopes
from oracles.memory import CALLS, lstm, methods, outcome

# What a call may allocate in the fast test, a quarter of all Jacobians of its run, and what the
# interpreter and the small arrays of a call take on top of it.
BUDGET, BESIDE = 3_000_000, 1_500_000
REFUSED = re.compile(r"would take .*(\(\d+ bytes\)|hours), and .* may be taken; \w+")
SINGLE = [(name, i) for name, calls in CALLS.items() for i in range(len(calls))]


def test_every_public_method_of_a_run_is_tried():
    assert set(CALLS) == methods()


@pytest.fixture
def little(monkeypatch):
    monkeypatch.setattr(memory, "_SMALL", 0)
    for module in (linearised, of_slopes):
        monkeypatch.setattr(module, "_CHUNK_BYTES", 1_000_000)
    monkeypatch.setenv("GRADFLOW_MEMORY", str(BUDGET))


@pytest.fixture(scope="module")
def run():
    return lstm(32, 400)


def measured(call, run, u):
    """What comes of a call, its seconds, and the most bytes it has allocated."""
    tracemalloc.start()
    try:
        began = time.monotonic()
        said = outcome(call, run, u)
        return said, time.monotonic() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("name", "which"), SINGLE, ids=lambda v: str(v))
def test_a_call_ends_within_the_budget_or_is_refused(name, which, run, little):
    call = CALLS[name][which]
    outcome(call, *lstm(2, 12))  # what is made once, code and caches, is no matter of size
    said, seconds, peak = measured(call, *run)
    if said == "done":
        assert peak <= BUDGET + BESIDE
    else:
        assert REFUSED.search(said), said
        assert seconds < 2
        assert peak <= BESIDE


def test_the_measure_sees_an_array_that_is_too_large(run):
    whole = run[0].width ** 2 * run[0].steps * 8
    assert whole > 2 * (BUDGET + BESIDE)
    said, _, peak = measured(lambda run, u: run.jacobians(), *run)
    assert said == "done"
    assert peak >= whole


def test_what_is_advised_works(run, little):
    """The number that a refusal names is allowed, and one more is not."""
    trajectory, u = run
    for ask in (
        lambda n: trajectory.singular_values([n]),
        lambda n: trajectory.product_eigenvalues(n),
        lambda n: trajectory.parameter_gradient(u, lags=n),
    ):
        with pytest.raises(UsageError) as refused:
            ask(trajectory.steps)
        most = int(re.search(r"(?:up to|lags=)\s?(\d+)", str(refused.value))[1])
        assert 0 < most < trajectory.steps
        ask(most)
        with pytest.raises(UsageError, match="would take"):
            ask(most + 1)


def test_hours_of_eigenvalues_are_refused_and_what_is_advised_is_not(run, monkeypatch):
    trajectory, _ = run
    monkeypatch.setattr(analyses, "_EIGEN_SECONDS", 3600 / (10 * trajectory.width**3))
    with pytest.raises(UsageError, match=r"400 Jacobians.* about 40 hours.* up to 10 steps"):
        trajectory.eigenvalues()
    assert len(trajectory.eigenvalues(range(1, 11))) == 10
    with pytest.raises(UsageError, match="up to 10 steps"):
        trajectory.eigenvalues(range(1, 12))


def test_only_the_steps_of_the_longest_lag_are_formed(run):
    trajectory, _ = run
    whole = gf.spectra.singular_values(trajectory.jacobians(), [3, 0, 7])
    found = trajectory.singular_values([3, 0, 7])
    np.testing.assert_allclose(found.log_sigma, whole.log_sigma, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found.lag, whole.lag)
    asked = []
    formed = type(trajectory)._jacobians

    class Watched(type(trajectory)):
        def _jacobians(self, where, out=None):
            asked.append(np.arange(self.steps)[where].size)
            return formed(self, where, out)

    watched = Watched(
        bound=trajectory.bound, flat_states=trajectory.flat_states, inputs=trajectory.inputs
    )
    watched.singular_values([3, 7])
    watched.singular_values([5], block=("c", "h"))
    assert asked == [7, 5]


def test_streams_are_the_same_in_pieces_of_any_length(run, monkeypatch):
    """One block of all steps is the naive computation; pieces only round otherwise."""
    trajectory, u = lstm(3, 23)
    found = []
    for steps in (23, 22, 5, 1):
        monkeypatch.setattr(linearised, "_CHUNK_BYTES", steps * 8 * trajectory.width**2)
        paths = trajectory.paths(u)
        found.append(
            [
                trajectory.decay().log_norm,
                trajectory.decay(block=("c", "h")).log_norm,
                paths.total,
                paths.carousel_only,
                *paths.log_norm.values(),
                np.sort_complex(trajectory.eigenvalues()),
            ]
        )
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: gf.cells.get("lstm").init(hidden=100_000, inputs=1), "U_i of 100000 x 100000"),
        (
            lambda: gf.run("scalar", {"w": 0.5}, state=[1.0], steps=10**12),
            "the states of 1000000000000 steps",
        ),
        (
            lambda: gf.stream_gradient_decay("scalar", {"w": 0.5}, None, [1.0], steps=10**12),
            "the logs at 1000000000001 lags",
        ),
    ],
)
def test_sizes_that_no_machine_has_are_refused_at_once(call, words):
    began = time.monotonic()
    with pytest.raises(UsageError, match=REFUSED.pattern) as refused:
        call()
    assert words in str(refused.value)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("given", [float("nan"), float("inf"), 0, -1, 2.5, "much"])
def test_the_memory_of_a_stream_is_a_whole_number(given):
    with pytest.raises(UsageError, match="stream_gradient_decay: memory is"):
        gf.stream_gradient_decay("scalar", {"w": 0.5}, None, [1.0], steps=9, memory=given)


def test_the_budget(monkeypatch):
    monkeypatch.delenv("GRADFLOW_MEMORY", raising=False)
    assert 0 < memory.budget() <= 3_200_000_000
    monkeypatch.setattr(memory, "_free", lambda: 1000)
    assert memory.budget() == 500
    monkeypatch.setenv("GRADFLOW_MEMORY", "8e9")
    assert memory.budget() == 8_000_000_000
    for wrong in ("", "nan", "inf", "-1", "4 GB"):
        monkeypatch.setenv("GRADFLOW_MEMORY", wrong)
        with pytest.raises(UsageError, match=r"GRADFLOW_MEMORY is .* a number of bytes"):
            memory.budget()


@pytest.mark.skipif(sys.platform != "linux", reason="the address space in use is read from /proc")
def test_a_limit_of_the_address_space_counts():
    program = """
import resource
from gradflow import memory
before = memory.budget()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 10**8, -1))
print(before > 2 * 10**8, 4 * 10**7 < memory.budget() <= 5 * 10**7)
"""
    environment = {k: v for k, v in os.environ.items() if k != "GRADFLOW_MEMORY"}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["True", "True"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_an_lstm_of_1024_units_over_1000_steps_takes_under_4_gb():
    """Nothing is over it after 15 s, by when what streams has met its largest arrays."""
    ran = subprocess.run(
        [
            sys.executable,
            str(Path(__file__).parents[1] / "oracles/memory.py"),
            "1024",
            "1000",
            "15",
        ],
        capture_output=True,
        text=True,
        timeout=1500,
        check=True,
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(lines) == len(SINGLE)
    for line in lines:
        said = line["said"]
        assert line["peak"] < 4e9, line
        assert said in ("done", "still at it") or REFUSED.search(said), line
        assert not REFUSED.search(said) or line["seconds"] < 10, line
