"""Jacobians of a trajectory and the gradient pullback in torch and JAX, beside their own autodiff.

    python benchmarks/gpu.py [--out DIR] [--quick]

float64. Every round times each case of a row once, so that a slow moment of the machine meets all
of them; medians of the rounds are compared. On a GPU where one is found, n = 1024 and 4096; on one
thread of the CPU otherwise, n = 64 and 256. What is compiled (JAX) is compiled before the clock
starts, and the peers' cells stack their gates by hand, which is their faster form. Both sides of a
pullback start from a forward pass that is already stored.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import gradflow as gf
from gradflow.files import write_atomically

INPUTS = 16
CELLS = ("rnn", "gru", "lstm")


@dataclass
class Case:
    """One cell of one width: parameters, a trajectory of it and covectors on its states."""

    name: str
    n: int
    steps: int

    def __post_init__(self):
        self.cell = gf.cells.get(self.name)
        rng = np.random.default_rng(0)
        self.params = self.cell.init(hidden=self.n, inputs=INPUTS, rng=rng)
        self.x = rng.standard_normal((self.steps, INPUTS))
        self.run = gf.run(self.cell, self.params, self.x)
        self.before = self.run.flat_states[:-1]
        self.u = rng.standard_normal(self.before.shape)
        self.t = np.arange(1, self.steps + 1)

    def wanted(self):
        """The last Jacobian and the gradient of ``sum(u * states)``, by the NumPy target."""
        return self.run.jacobian(self.steps), self.run.parameter_gradient(self.u, 1).total


def stacked(name, params, concatenate):
    """The weights a framework's own cell keeps: gates one above the other."""
    if name == "rnn":
        return dict(params)
    gates = {"lstm": ("ifog",), "gru": ("rz", "g")}[name]
    return {
        f"{kind}{i}": concatenate([params[f"{kind}_{g}"] for g in group])
        for i, group in enumerate(gates)
        for kind in "WUb"
    }


def peer_step(name, lib, w, s, x):
    """One step on a flat state (d,), written as one would by hand in the library ``lib``."""
    if name == "rnn":
        return lib.tanh(w["U"] @ s + w["W"] @ x + w["b"])
    if name == "lstm":
        n = s.shape[0] // 2
        a = w["W0"] @ x + w["U0"] @ s[:n] + w["b0"]
        gates = lib.sigmoid(a[: 3 * n])
        c = gates[n : 2 * n] * s[n:] + gates[:n] * lib.tanh(a[3 * n :])
        return lib.concatenate([gates[2 * n :] * lib.tanh(c), c])
    n = s.shape[0]
    gates = lib.sigmoid(w["W0"] @ x + w["U0"] @ s + w["b0"])
    candidate = lib.tanh(w["W1"] @ x + w["U1"] @ (gates[:n] * s) + w["b1"])
    return gates[n:] * s + (1 - gates[n:]) * candidate


@dataclass
class Row:
    """What is compared: label to a call that ends when its result is there."""

    title: str
    work: dict[str, Callable[[], Any]]
    error: Callable[[Any], float]


def distance(found, wanted):
    """Largest difference relative to the largest entry."""
    return float(np.abs(np.asarray(found) - wanted).max() / np.abs(wanted).max())


class Torch:
    """Work in torch."""

    name = "torch"

    def __init__(self):
        import torch

        self.lib = torch
        self.gpu = torch.cuda.is_available()
        self.where = torch.cuda.get_device_name(0) if self.gpu else "CPU"
        self.device = "cuda" if self.gpu else "cpu"
        self.double = contextlib.nullcontext

    def tensor(self, value):
        return self.lib.tensor(np.asarray(value), dtype=self.lib.float64, device=self.device)

    def done(self, function):
        def call():
            result = function()
            if self.gpu:
                self.lib.cuda.synchronize()
            return result

        return call

    def host(self, tensor):
        return tensor.detach().cpu().numpy()

    def rows(self, case):
        lib, code = self.lib, gf.compile(case.cell, backend="array-api")
        params = {k: self.tensor(v) for k, v in case.params.items()}
        s, x, u, t = map(self.tensor, (case.before, case.x, case.u, case.t))
        weights = stacked(case.name, params, lib.concatenate)
        jacobian, gradient = case.wanted()

        def step(s, x):
            return peer_step(case.name, lib, weights, s, x)

        yield Row(
            "Jacobians",
            {
                "gradflow": self.done(lambda: code.jacobian(params, s, x, t)),
                "vmap(jacrev)": self.done(lambda: lib.func.vmap(lib.func.jacrev(step))(s, x)),
                "vmap(jacfwd)": self.done(lambda: lib.func.vmap(lib.func.jacfwd(step))(s, x)),
            },
            lambda found: distance(self.host(found[-1]), jacobian),
        )

        def pullback():
            arriving = code.pullback(params, s, u, x)
            return code.parameter_vjp(params, s, arriving[1:], x, t)

        leaves = {k: v.clone().requires_grad_() for k, v in weights.items()}
        state, states = s[0], []
        for k in range(case.steps):
            state = peer_step(case.name, lib, leaves, state, x[k])
            states.append(state)
        loss = (lib.stack(states) * u).sum()

        def autograd():
            found = lib.autograd.grad(loss, list(leaves.values()), retain_graph=True)
            return dict(zip(leaves, found, strict=True))

        yield pullback_row(
            case, self, {"gradflow": self.done(pullback), "autograd": self.done(autograd)}, gradient
        )


class Jax:
    """Work in JAX."""

    name = "JAX"

    def __init__(self):
        import jax

        class Library:
            tanh, concatenate = jax.numpy.tanh, jax.numpy.concatenate
            sigmoid = jax.nn.sigmoid

        self.jax, self.lib = jax, Library
        self.gpu = jax.default_backend() == "gpu"
        self.where = jax.devices()[0].device_kind if self.gpu else "CPU"
        self.double = partial(jax.enable_x64, True)

    def host(self, value):
        return np.asarray(value)

    def rows(self, case):
        jax, lib = self.jax, self.lib
        code = gf.compile(case.cell, backend="array-api")
        params = {k: jax.numpy.asarray(v) for k, v in case.params.items()}
        s, x, u = map(jax.numpy.asarray, (case.before, case.x, case.u))
        t = jax.numpy.asarray(case.t, dtype=float)
        weights = stacked(case.name, params, lib.concatenate)
        jacobian, gradient = case.wanted()

        def compiled(function, *args):
            fast = jax.jit(function)
            return lambda: jax.block_until_ready(fast(*args))

        def peer(transform):
            def each(w, s, x):
                inner = transform(lambda s, x: peer_step(case.name, lib, w, s, x))
                return jax.vmap(inner)(s, x)

            return each

        yield Row(
            "Jacobians",
            {
                "gradflow": compiled(code.jacobian, params, s, x, t),
                "jit(vmap(jacfwd))": compiled(peer(jax.jacfwd), weights, s, x),
                "jit(vmap(jacrev))": compiled(peer(jax.jacrev), weights, s, x),
            },
            lambda found: distance(found[-1], jacobian),
        )

        def pullback(params, s, x, u, t):
            arriving = code.pullback(params, s, u, x)
            return code.parameter_vjp(params, s, arriving[1:], x, t)

        def states(w):
            def forward(s, x):
                new = peer_step(case.name, lib, w, s, x)
                return new, new

            return jax.lax.scan(forward, s[0], x)[1]

        _, back = jax.jit(lambda w: jax.vjp(states, w))(weights)
        work = {
            "gradflow": compiled(pullback, params, s, x, u, t),
            "jit(vjp(scan))": compiled(lambda f, u: f(u)[0], back, u),
        }
        yield pullback_row(case, self, work, gradient)


def pullback_row(case, library, work, gradient):
    """Compare gradients parameter by parameter, or with the gates stacked."""

    def error(found):
        wanted = gradient
        if set(found) != set(gradient):
            wanted = stacked(case.name, gradient, np.concatenate)
        return max(distance(library.host(found[k]), v) for k, v in wanted.items())

    return Row("gradient pullback", work, error)


def measured(row: Row, rounds: int) -> Iterator[tuple[str, float | None, float | None]]:
    """Yield each case with its median seconds and its error, both ``None`` without memory."""
    errors: dict[str, float] = {}
    for label, work in row.work.items():
        try:
            errors[label] = row.error(work())
        except RuntimeError as failure:
            words = str(failure).lower()
            if "memory" not in words and "resource_exhausted" not in words:
                raise
    times: dict[str, list[float]] = {label: [] for label in errors}
    for _ in range(rounds):
        for label in errors:
            start = time.perf_counter()
            row.work[label]()
            times[label].append(time.perf_counter() - start)
    for label in row.work:
        if label in errors:
            yield label, statistics.median(times[label]), errors[label]
        else:
            yield label, None, None


def sizes(gpu: bool, quick: bool) -> tuple[tuple[int, int], ...]:
    """Widths, each with a number of steps whose Jacobians fit into memory."""
    if quick:
        return ((1024, 8),) if gpu else ((16, 12),)
    return ((1024, 32), (4096, 4)) if gpu else ((64, 100), (256, 20))


def main(out: Path, quick: bool = False) -> dict[str, float]:
    """Write ``gpu.md`` into ``out``; return every case's median over gradflow's."""
    rounds = 3 if quick else 7
    ratios: dict[str, float] = {}
    lines, places = [], []
    for key, kind in (("torch", Torch), ("jax", Jax)):
        if find_spec(key) is None:
            lines.append(f"| {key} | | | | not installed | | | | |")
            continue
        library = kind()
        with library.double():
            places.append(f"{library.name} {version(key)} on {library.where}")
            for n, steps in sizes(library.gpu, quick):
                for name in CELLS:
                    for row in library.rows(Case(name, n, steps)):
                        place = f"{library.name} | {name} | {n} | {steps} | {row.title}"
                        lines += table_rows(place, list(measured(row, rounds)), ratios)
    where = "; ".join(places) or "Neither torch nor JAX is installed"
    on_cpu = places and all(p.endswith(" on CPU") for p in places)
    text = "\n".join(
        [
            "# gradflow in torch and JAX, beside their own autodiff",
            "",
            f"{where}. float64, medians of {rounds} interleaved rounds in one process.",
            "The milliseconds belong to one machine; compare the ratios. The error is the largest",
            "difference from the NumPy target relative to the largest entry, of the last Jacobian",
            "and of the gradient by every parameter.",
            *([NO_GPU] if on_cpu else []),
            "",
            f"`python benchmarks/gpu.py{' --quick' * quick}`, gradflow {gf.__version__}, "
            f"NumPy {np.__version__}, Python {platform.python_version()}.",
            "",
            "| library | cell | n | steps | work | case | ms | over gradflow | error |",
            "|---|---|---:|---:|---|---|---:|---:|---:|",
            *lines,
            "",
        ]
    )
    write_atomically(out / "gpu.md", text)
    print(text)
    return ratios


NO_GPU = "No GPU was found: this is the CPU, at smaller n than the GPU's 1024 and 4096."


def table_rows(place, found, ratios):
    """Lines of one row's cases; their ratios go into ``ratios``."""
    base = next(seconds for label, seconds, _ in found if label == "gradflow")
    for label, seconds, error in found:
        if seconds is None:
            yield f"| {place} | {label} | out of memory | | |"
            continue
        ratio = seconds / base if base else math.nan
        ratios[f"{place} | {label}"] = ratio
        yield f"| {place} | {label} | {1000 * seconds:.2f} | {ratio:.2f} | {error:.0e} |"


def one_thread() -> None:
    """Before anything is imported: one thread on the CPU, and a GPU shared by both libraries."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ.setdefault("XLA_FLAGS", flags)
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("reports/benchmarks"))
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    one_thread()
    main(arguments.out, arguments.quick)
