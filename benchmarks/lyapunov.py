"""Lyapunov spectra on shared trajectories, beside one gemm, geqrf and orgqr a step (L).

The reference of every error is a QR at every step. All start from one frame and discard a tenth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import peers_numpy
from measure import GRADFLOW, LIMIT, PEER, Row, Work, compare, gradflow, largest, peer
from problems import Problem

import gradflow as gf
from gradflow.spectra import LyapunovSpectrum, lyapunov_spectrum

# Steps of the timed runs are few; the blocks of the error bars must not cut windows short.
OPTIONS = {"interval": 50, "blocks": 2}
# (cell, n, steps): about a second each
FULL = (
    ("rnn", 128, 500),
    ("rnn", 256, 200),
    ("rnn", 512, 90),
    ("rnn", 1024, 48),
    ("lstm", 64, 300),
    ("lstm", 256, 60),
    ("lstm", 512, 20),
    ("rnn", 16, 2000),
    ("rnn", 32, 1000),
    ("lstm", 16, 1000),
    ("lstm", 32, 500),
)


def rows(quick: bool) -> Iterator[Row]:
    for name, n, steps in (("rnn", 8, 60), ("lstm", 6, 60)) if quick else FULL:
        # a network without input, chaotic at this gain, as in the literature on its exponents
        yield full(Problem(name, n, steps, gain=1.5, driven=name != "rnn"), quick)
    yield leading(Problem("lstm", *((8, 60) if quick else (256, 200)), gain=1.5), quick)


def full(p: Problem, quick: bool) -> Row:
    """All exponents. L and the first gradflow row are given the Jacobians, the others make them."""
    transient, frame = p.steps // 10, p.frame(p.width)
    jacobians = p.run.jacobians()
    options = {**OPTIONS, "transient": transient, "initial": frame}
    limit = partial(peers_numpy.qr_each_step, jacobians, frame, transient)
    given = Work(
        "gradflow, Jacobians given",
        GRADFLOW,
        lambda: lyapunov_spectrum(jacobians, **options),
        read=exponents,
        remark=window,
    )
    works = [
        Work("L: gemm, geqrf, orgqr", LIMIT, limit, read=None),
        given,
        *gradflow(partial(from_states, p, options), read=exponents, remark=window),
        _jax(p, frame, transient, "JAX, scan of jacfwd and QR"),
    ]
    work = f"{p.name}, n = {p.n}: {p.width} exponents, {p.steps} steps"
    return compare("lyapunov", work, works, largest(limit()), quick)


def leading(p: Problem, quick: bool) -> Row:
    """The largest few exponents. The limit is the products with U alone, of so many columns."""
    count = 4 if quick else 10
    transient, frame = p.steps // 10, p.frame(count)
    options = {**OPTIONS, "transient": transient, "initial": frame, "leading": count}
    args = (p.name, p.stacked, p.before, p.x)

    def each_step() -> Any:
        return peers_numpy.qr_each_step(peers_numpy.one_at_a_time(*args), frame, transient)

    works = [
        Work(
            f"gemm of {count} columns a step",
            LIMIT,
            peers_numpy.products_alone(p.stacked["U"], p.steps, count),
            read=None,
        ),
        *gradflow(partial(from_states, p, options), read=exponents, remark=window),
        Work("NumPy by hand, Jacobians formed", PEER, each_step),
        _jax(p, frame, transient, "JAX, scan of jvp and QR"),
        peer("torch, vmap(jvp) and QR", "torch", lambda m: m.spectrum(*args, frame, transient)),
    ]
    work = f"{p.name}, n = {p.n}: {count} leading exponents, {p.steps} steps"
    return compare("lyapunov", work, works, largest(each_step()), quick)


def from_states(p: Problem, options: dict[str, Any], backend: str) -> Callable[[], Any]:
    run = gf.run(p.cell, p.params, p.x, backend=backend)
    run.flat_states[...] = p.run.flat_states  # the shared trajectory, to the last bit
    return lambda: run.lyapunov(**options)


def exponents(found: LyapunovSpectrum) -> Any:
    return found.exponents


def window(found: LyapunovSpectrum) -> str:
    return f"up to {found.interval} steps a QR"


def _jax(p: Problem, frame: Any, transient: int, label: str) -> Work:
    args = (p.name, p.stacked, p.before, p.x, frame, transient)
    return peer(label, "jax", lambda m: m.spectrum(*args))
