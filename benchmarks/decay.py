"""The gradient's norm against lag, forward and backward from the inputs.

The reference is NumPy in numbers longer than a double, its scale kept apart at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import peers_numpy
from measure import GRADFLOW, LIMIT, PEER, Row, Work, compare, gradflow, peer
from problems import Problem

import gradflow as gf
from gradflow.codegen.over_time import run_and_pull_back
from gradflow.spectra import stream_gradient_decay

# torch and NumPy take the same time for every step; beyond so many they are not timed.
MOST_SLOW = 1_000
# Recurrent gains with which the gradient falls by about a quarter of a nat a step: a thousand steps
# are within the range of doubles, a hundred thousand are far beyond.
GAINS = {"rnn": 1.4, "lstm": 2.0}


def rows(quick: bool) -> Iterator[Row]:
    for n, steps in ((6, 40),) if quick else ((64, 1_000), (64, 100_000)):
        for name in ("rnn", "lstm"):
            yield row(Problem(name, n, steps, GAINS[name], batch=(1,)), quick)
    for n in (5,) if quick else (64, 256):
        for name in ("rnn", "lstm"):
            steps, count = (30, 3) if quick else (500, 32)
            yield row(Problem(name, n, steps, GAINS[name], batch=(count,)), quick)


def row(p: Problem, quick: bool) -> Row:
    args = (p.name, p.stacked, p.x, p.covector)
    batch = p.batch[0]
    there = peers_numpy.products_alone(p.stacked["U"], p.steps, batch)
    back = peers_numpy.products_alone(np.ascontiguousarray(p.stacked["U"].T), p.steps, batch)
    shown = {"read": lambda found: found.log_norm[:, 1:], "remark": at_the_end}
    works = [
        Work("two products with U a step", LIMIT, lambda: (there(), back()), read=None),
        *gradflow(partial(ours, p), **shown),
        Work("gradflow, streamed", GRADFLOW, streamed(p, 2**28), **shown),
        Work("gradflow, streamed in 16 MB", GRADFLOW, streamed(p, 2**24), **shown),
        peer(
            "JAX, two scans" + ", vmap" * (batch > 1),
            "jax",
            lambda m: m.decay(*args),
            read=logs,
            remark=zeros,
        ),
        _slow("NumPy by hand, rescaled each step", p, partial(peers_numpy.decay, *args)),
    ]
    if batch == 1:
        works.append(_torch(p, args))
    wanted = peers_numpy.decay(*args, dtype=np.longdouble)
    several = f"{batch} trajectories of {p.steps:,} steps" if batch > 1 else f"{p.steps:,} steps"
    return compare("decay", f"{p.name}, n = {p.n}: {several}", works, worst(wanted), quick)


def ours(p: Problem, backend: str) -> Callable[[], Any]:
    bound = gf.compile(p.cell, backend).bind(p.params)

    def call() -> Any:
        states = np.empty((*p.batch, p.steps + 1, p.width))
        states[:, 0] = 0
        return run_and_pull_back(bound, states, {"x": p.x}, p.covector)

    return call


def streamed(p: Problem, memory: int) -> Callable[[], Any]:
    """The public function, which makes states again where memory is short; backend "auto"."""
    return partial(stream_gradient_decay, p.cell, p.params, p.x, p.covector, memory=memory)


def _torch(p: Problem, args: tuple[Any, ...]) -> Work:
    label = "torch, autograd"
    if p.steps > MOST_SLOW:
        return _slow(label, p, None)
    return peer(label, "torch", lambda m: m.decay(*args), read=logs, remark=zeros)


def _slow(label: str, p: Problem, call: Callable[[], Any] | None) -> Work:
    if p.steps > MOST_SLOW:
        note = f"not timed: {p.steps // MOST_SLOW} times its row of {MOST_SLOW:,} steps"
        return Work(label, PEER, None, note=note)
    return Work(label, PEER, call)


def logs(norms: Any) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(norms))


def zeros(norms: Any) -> str:
    """What part of the answer is exactly 0, and from which lag on."""
    zero = np.asarray(norms)[0] == 0
    share = float(np.mean(np.asarray(norms) == 0))
    return f"{100 * share:.0f} % exact 0, from lag {int(zero.argmax()) + 1:,}" if share else ""


def at_the_end(found: Any) -> str:
    last = float(found.log_norm[0, -1]) / np.log(10)
    return f"log10 at the last lag {last:,.1f}"


def worst(wanted: np.ndarray) -> Callable[[np.ndarray], float]:
    """Largest error in nats over all lags; ``inf`` where a norm came out as 0."""

    def error(found: np.ndarray) -> float:
        assert found.shape == wanted.shape, (found.shape, wanted.shape)
        return float(np.abs(found - wanted).max())

    return error
