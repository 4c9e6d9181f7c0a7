"""The leading exponent over a grid of (gain, forget bias): one cell, one matmul for all points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from multiprocessing import get_context
from typing import Any

import numpy as np
from measure import GRADFLOW, LIMIT, PEER, Row, Work, compare, gradflow, peer
from peers_numpy import sigmoid
from problems import INPUTS, Problem

import gradflow as gf
from gradflow.spectra import leading_exponents

# Each gate's recurrent product is scaled and the forget bias shifted, by inputs of one unit.
CELL = gf.Cell(
    name="lstm_grid",
    state="h c",
    inputs="x gain[one] shift[one]",
    maps="W_i W_f W_o W_g U_i U_f U_o U_g",
    vectors="b_i b_f b_o b_g",
    equations="""
        i = sigmoid(gain * (U_i @ h) + W_i @ x + b_i)
        f = sigmoid(gain * (U_f @ h) + W_f @ x + b_f + shift)
        o = sigmoid(gain * (U_o @ h) + W_o @ x + b_o)
        g = tanh(gain * (U_g @ h) + W_g @ x + b_g)
        c_next = f * c + i * g
        h_next = o * tanh(c_next)
    """,
)


@dataclass(frozen=True)
class Grid:
    """``points`` gains by ``points`` forget biases of an LSTM of ``n`` units, driven alike."""

    n: int
    steps: int
    points: int

    @cached_property
    def problem(self) -> Problem:
        return Problem("lstm", self.n, self.steps)

    @cached_property
    def gains(self) -> np.ndarray:
        return np.repeat(np.linspace(0.2, 3.0, self.points), self.points)

    @cached_property
    def shifts(self) -> np.ndarray:
        return np.tile(np.linspace(-2.0, 3.0, self.points), self.points)

    @property
    def transient(self) -> int:
        return self.steps // 10

    def exponents(self, backend: str, part: slice = slice(None)) -> np.ndarray:
        """gradflow's exponents of some points, flattened."""
        gains, shifts = self.gains[part], self.shifts[part]
        shape = (len(gains), self.steps)
        x = {
            "x": np.broadcast_to(self.problem.x, (*shape, INPUTS)),
            "gain": np.broadcast_to(gains[:, None, None], (*shape, 1)),
            "shift": np.broadcast_to(shifts[:, None, None], (*shape, 1)),
        }
        found = leading_exponents(
            CELL,
            self.problem.params,
            x,
            leading=1,
            transient=self.transient,
            initial=self.problem.frame(1),
            backend=backend,
        )
        return found.exponents[:, 0]

    def by_hand(self) -> np.ndarray:
        """The same in NumPy, one product for states and tangents, rescaled at every step."""
        w, n, count = self.problem.stacked, self.n, len(self.gains)
        s = np.zeros((2 * n, 2 * count))  # states, then tangents
        s[:, count:] = self.problem.frame(1)
        fed = self.problem.x @ w["W"].T + w["b"]
        total = np.zeros(count)
        for t, now in enumerate(fed):
            a = w["U"] @ s[:n]
            a[:, :count] *= self.gains
            a[:, count:] *= self.gains
            a[:, :count] += now[:, None]
            a[n : 2 * n, :count] += self.shifts
            v = a[:, count:]
            i, f, o = np.split(sigmoid(a[: 3 * n, :count]), 3)
            g, c, vc = np.tanh(a[3 * n :, :count]), s[n:, :count], s[n:, count:]
            new = f * c + i * g
            squashed = np.tanh(new)
            dc = f * vc + c * f * (1 - f) * v[n : 2 * n] + g * i * (1 - i) * v[:n]
            dc += i * (1 - g**2) * v[3 * n :]
            dh = squashed * o * (1 - o) * v[2 * n : 3 * n] + o * (1 - squashed**2) * dc
            s[:n, :count], s[n:, :count] = o * squashed, new
            size = np.sqrt((dh**2).sum(axis=0) + (dc**2).sum(axis=0))
            s[:n, count:], s[n:, count:] = dh / size, dc / size
            if t >= self.transient:
                total += np.log(size)
        return total / (self.steps - self.transient)

    def limit(self) -> Callable[[], Any]:
        """A step's product of U with states and tangents, and its five tanh, of all points."""
        count = len(self.gains)
        rng = np.random.default_rng(0)
        operand, gates = rng.normal(size=(self.n, 2 * count)), np.empty((4 * self.n, 2 * count))
        values = rng.normal(size=(5 * self.n, count))
        out = np.empty_like(values)

        def call() -> None:
            for _ in range(self.steps):
                np.matmul(self.problem.stacked["U"], operand, out=gates)
                np.tanh(values, out=out)

        return call


def rows(quick: bool, threads: int = 1) -> Iterator[Row]:
    grid = Grid(6, 60, 3) if quick else Grid(128, 500, 20)
    if threads == 1:
        yield row(grid, quick, [])
        return
    with ProcessPoolExecutor(threads, mp_context=get_context("spawn")) as pool:
        work = Work(
            f"gradflow, {threads} processes",
            GRADFLOW,
            partial(in_processes, pool, grid, threads),
            remark=lambda _: "cores counts this process alone",
        )
        yield row(grid, quick, [work])


def in_processes(pool: ProcessPoolExecutor, grid: Grid, count: int) -> np.ndarray:
    """Interleaved points, so that each process gets its share of the harder ones."""
    parts = [slice(k, None, count) for k in range(count)]
    found = np.empty(len(grid.gains))
    for part, some in zip(parts, pool.map(partial(grid.exponents, "auto"), parts), strict=True):
        found[part] = some
    return found


def row(grid: Grid, quick: bool, more: list[Work]) -> Row:
    wanted = grid.by_hand()
    # a chaotic trajectory is another one after some hundred steps of other rounding
    calm = wanted < 0
    p = grid.problem

    def error(found: np.ndarray) -> float:
        return float(np.abs(found - wanted)[calm].max())

    def remark(found: Any) -> str:
        return f"error over the {calm.sum()} of {calm.size} exponents below 0"

    works = [
        Work("gemm and tanh", LIMIT, grid.limit(), read=None),
        *gradflow(lambda backend: partial(grid.exponents, backend), remark=remark),
        *more,
        Work("NumPy by hand", PEER, grid.by_hand),
        peer(
            "JAX, vmap of scan",
            "jax",
            lambda m: m.grid(
                p.stacked, p.x, grid.gains, grid.shifts, p.frame(1)[:, 0], grid.transient
            ),
        ),
    ]
    work = f"lstm, n = {grid.n}: {grid.points} x {grid.points} points, {grid.steps} steps"
    return compare("grid", work, works, error, quick)
