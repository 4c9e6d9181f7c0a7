"""Memory of the gradient against lag: how far a fresh process grows, over the states themselves.

    python benchmarks/memory.py CASE CELL N STEPS

prints the growth in bytes and what part of the answer is 0. Inputs and compiled code are there
before; the growth is the peak that the kernel recorded (Linux), less what was resident.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from decay import GAINS
from measure import GRADFLOW, LIMIT, PEER, Case, Row, failed
from problems import Problem

from gradflow.spectra import stream_gradient_decay

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
# Steps of a first run, which loads and compiles what there is to load and compile.
FEW = 50
# label, kind, package it needs, bytes that gradflow may use besides the result
CASES = {
    "gradflow, numba": (GRADFLOW, "numba", 2**28),
    "gradflow, numba, 16 MB": (GRADFLOW, "numba", 2**24),
    "gradflow, numpy": (GRADFLOW, "numpy", 2**28),
    "gradflow, numpy, 16 MB": (GRADFLOW, "numpy", 2**24),
    "JAX, two scans": (PEER, "jax", 0),
    "JAX, grad of scan": (PEER, "jax", 0),
    "torch, autograd": (PEER, "torch", 0),
}


def rows(quick: bool) -> Iterator[Row]:
    n, steps = (8, 400) if quick else (64, 100_000)
    for name in ("rnn", "lstm"):
        problem = Problem(name, n, steps, GAINS[name])
        states = 8 * problem.width * (steps + 1) / 1e6
        cases = [Case("the states themselves", LIMIT, states)]
        cases += [_fresh(label, name, n, steps) for label in CASES]
        yield Row("memory", f"{name}, n = {n}: {steps:,} steps", "MB", 1, tuple(cases))


def _fresh(label: str, name: str, n: int, steps: int) -> Case:
    """The case, measured in a process of its own."""
    kind, package, _ = CASES[label]
    if find_spec(package) is None:
        return Case(label, kind, None, note=f"{package} is not installed")
    if not RESET.exists():
        return Case(label, kind, None, note="the peak is read from Linux's /proc")
    command = [sys.executable, __file__, label, name, str(n), str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        return Case(label, kind, None, note=failed(RuntimeError(last[0])))
    found = json.loads(done.stdout.splitlines()[-1])
    note = f"{100 * found['zeros']:.0f} % exact 0" if found["zeros"] else ""
    return Case(label, kind, found["bytes"] / 1e6, note=note)


def work(label: str, p: Problem) -> Callable[[], Any]:
    """A call that returns the norms or their logs, lag by lag."""
    _, package, memory = CASES[label]
    if package in ("jax", "torch"):
        args = (p.name, p.stacked, p.x[None], p.covector[None])
        if package == "torch":
            import peers_torch

            return peers_torch.decay(*args)
        import peers_jax

        return peers_jax.compiled_decay(p.name, p.stacked, p.x, p.covector, "grad" in label)
    return partial(
        stream_gradient_decay,
        p.cell,
        p.params,
        p.x,
        p.covector,
        memory=memory,
        backend=package,
    )


def kilobytes(field: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1])


def grown(call: Callable[[], Any]) -> tuple[int, Any]:
    """Bytes that the resident memory grew by at its peak during the call, and its result."""
    RESET.write_text("5")  # the peak starts anew
    before = kilobytes("VmRSS")
    found = call()
    return 1024 * (kilobytes("VmHWM") - before), found


def main(label: str, name: str, n: int, steps: int) -> None:
    work(label, Problem(name, n, FEW, GAINS[name]))()
    call = work(label, Problem(name, n, steps, GAINS[name]))
    size, found = grown(call)
    kept = hasattr(found, "log_norm")
    zero = np.isneginf(found.log_norm) if kept else np.asarray(found) == 0
    print(json.dumps({"bytes": size, "zeros": float(np.mean(zero))}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
