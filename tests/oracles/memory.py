"""Every public method of a run under a limit of memory: what a stranger would call on a large one.

As a program, ``python memory.py UNITS STEPS SECONDS``, it runs an LSTM once and then each call in a
process of its own, which is ended after so many seconds, and prints a line of JSON for each: the
call, what came of it, the peak of its resident memory in bytes.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

import gradflow as gf
from gradflow.errors import UsageError

# method -> calls: what differs in what it needs
CALLS = {
    "chunks": [lambda run, u: sum(len(c) for c in run.chunks())],
    "conditional_exponents": [lambda run, u: run.conditional_exponents("c")],
    "covariant_vectors": [
        lambda run, u: run.covariant_vectors(),
        lambda run, u: run.covariant_vectors(leading=2),
    ],
    "covector": [lambda run, u: run.covector(u)],
    "checked_covector": [lambda run, u: run.checked_covector(u)],
    "decay": [lambda run, u: run.decay(), lambda run, u: run.decay(block=("c", "h"))],
    "eigenvalues": [lambda run, u: run.eigenvalues(1), lambda run, u: run.eigenvalues()],
    "fault": [lambda run, u: run.fault()],
    "finite_time_exponents": [
        lambda run, u: run.finite_time_exponents(10),
        lambda run, u: run.finite_time_exponents(10, leading=2),
    ],
    "gradient_decay": [lambda run, u: run.gradient_decay(u)],
    "in_doubt": [lambda run, u: run.in_doubt()],
    "jacobian": [lambda run, u: run.jacobian(1)],
    "jacobians": [lambda run, u: run.jacobians(), lambda run, u: run.jacobians(range(1, 11))],
    "log_input_jacobians": [lambda run, u: run.log_input_jacobians(np.array([0]))],
    "log_least": [lambda run, u: run.log_least(), lambda run, u: run.log_least(closely=True)],
    "log_path_jacobians": [lambda run, u: run.log_path_jacobians(np.array([0]))],
    "lyapunov": [
        lambda run, u: run.lyapunov(),
        lambda run, u: run.lyapunov("h"),
        lambda run, u: run.lyapunov(leading=2),
    ],
    "one": [lambda run, u: run.one()],
    "parameter_gradient": [
        lambda run, u: run.parameter_gradient(u),
        lambda run, u: run.parameter_gradient(u, lags=10),
        lambda run, u: run.parameter_gradient(np.tile(u, (run.steps, 1)), lags=2),
    ],
    "parameter_vjp": [lambda run, u: run.parameter_vjp(np.tile(u, (run.steps, 1)))],
    "part_sizes": [lambda run, u: run.part_sizes()],
    "path_jacobians": [lambda run, u: run.path_jacobians(), lambda run, u: run.path_jacobians(1)],
    "paths": [lambda run, u: run.paths(u)],
    "product_eigenvalues": [
        lambda run, u: run.product_eigenvalues(),
        lambda run, u: run.product_eigenvalues(10),
    ],
    "pull_back": [lambda run, u: run.pull_back(u, rows=True)],
    "require_constant": [lambda run, u: run.require_constant("this")],
    "require_single": [lambda run, u: run.require_single("this")],
    "singular_values": [
        lambda run, u: run.singular_values(),
        lambda run, u: run.singular_values([10]),
        lambda run, u: run.singular_values([10], block=("c", "h")),
    ],
    "truncation": [
        lambda run, u: run.truncation(u, [2, 5]),
        lambda run, u: run.truncation(u, [5], sliding=False),
    ],
    "until": [lambda run, u: run.until(10)],
    "vjp": [lambda run, u: run.vjp(np.tile(u, (run.steps, 1)))],
}


def methods():
    """The public methods of a run, from its class."""
    names = [name for name in dir(gf.Trajectory) if not name.startswith("_")]
    return {name for name in names if callable(getattr(gf.Trajectory, name))}


def lstm(units, steps):
    """A run of an LSTM on noise, and a covector."""
    cell = gf.cells.get("lstm")
    params = cell.init(hidden=units, inputs=3, rng=0, forget_bias=1.0)
    x = np.random.default_rng(1).standard_normal((steps, 3))
    run = gf.run(cell, params, x, backend="numpy")
    return run, np.random.default_rng(2).standard_normal(run.width)


def outcome(call, run, u):
    """``done``, or the sentence of a refusal."""
    try:
        call(run, u)
    except UsageError as error:
        return str(error)
    return "done"


def _peak(process):
    lines = Path(f"/proc/{process}/status").read_text("ascii").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def _in_a_process(call, run, u, seconds):
    """What came of a call in a forked process, its seconds and its peak of resident memory."""
    began = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            said = outcome(call, run, u)
        except BaseException as error:
            said = f"raised {type(error).__name__}: {error}"
        # the peak is read while this process is there
        os.write(writing, said[:4000].encode())
        time.sleep(60)
        os._exit(0)
    os.close(writing)
    os.set_blocking(reading, False)
    peak, said = 0, ""
    while not said and time.monotonic() - began < seconds:
        time.sleep(0.02)
        peak = max(peak, _peak(child))
        try:
            said = os.read(reading, 4000).decode()
        except BlockingIOError:
            said = ""
    peak = max(peak, _peak(child))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)
    return said or "still at it", time.monotonic() - began, peak


def main(units, steps, seconds):
    """Print what comes of every call."""
    run, u = lstm(int(units), int(steps))
    for name, calls in CALLS.items():
        for i, call in enumerate(calls):
            said, took, peak = _in_a_process(call, run, u, float(seconds))
            line = {"call": f"{name} {i}", "said": said, "seconds": took, "peak": peak}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
