"""What is certain of a product of Jacobians along data: width and time of gradflow's enclosure.

    python benchmarks/certified.py [--out DIR] [--quick] [--most SECONDS]

A row is one network on one-hot symbols. The certified interval stands beside the product of floats
that every library computes, three rows also beside the product in mpmath at 60 digits. Rows that
take longer than ``--most`` seconds of work are told as such.
"""

from __future__ import annotations

import argparse
import platform
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mpmath
import numpy as np

import gradflow as gf
from gradflow.cells.initializers import orthogonal
from gradflow.files import write_atomically

SYMBOLS, DIGITS = 27, 60


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network: a cell (or several, stacked), its units and steps, how it is drawn."""

    name: str
    cell: str | list[str]
    units: int
    steps: int
    init: Mapping[str, Any] = field(default_factory=dict)
    inputs: float = 1.0
    beside_mpmath: bool = False

    def run(self) -> Any:
        """Return the run from a state of zeros."""
        rng = np.random.default_rng(0)
        x = self.inputs * np.eye(SYMBOLS)[rng.integers(0, SYMBOLS, self.steps)]
        if isinstance(self.cell, list):
            return gf.stack(self.cell, hidden=self.units, inputs=SYMBOLS, rng=0).run(x)
        cell = gf.cells.get(self.cell)
        params = cell.init(hidden=self.units, inputs=SYMBOLS, rng=0, **self.init)
        return gf.run(cell, params, x, backend="numpy")


def rows(quick: bool) -> list[Row]:
    """Return the rows: the LSTM over units, forget bias and steps, and other cells."""
    sizes = [(8, 50), (8, 200), (8, 1000), (32, 50), (32, 200), (32, 1000), (128, 50), (128, 200)]
    sizes = [(3, 12)] if quick else [*sizes, (128, 1000)]
    found = [
        Row(
            name=f"LSTM {units}, forget bias {bias}",
            cell="lstm",
            units=units,
            steps=steps,
            init={"forget_bias": float(bias)},
            beside_mpmath=(units, steps) in ((3, 12), (8, 50)) and bias in (0, 5),
        )
        for units, steps in sizes
        for bias in (0, 1, 3, 5)
    ]
    units, steps = (3, 12) if quick else (32, 200)
    return [
        *found,
        Row(name=f"GRU {units}", cell="gru", units=units, steps=steps),
        Row(name="GRU 8", cell="gru", units=8, steps=min(steps, 50), beside_mpmath=True),
        Row(name=f"IRNN {units}", cell="irnn", units=units, steps=steps),
        Row(
            name=f"orthogonal RNN {units}, inputs / 10",
            cell="rnn",
            units=units,
            steps=steps,
            init={"recurrent": orthogonal()},
            inputs=0.1,
        ),
        Row(name=f"LSTM, 2 layers of {units}", cell=["lstm", "lstm"], units=units, steps=steps),
    ]


def measured(run: Any) -> float:
    """Return log10 of the norm of the whole product of floats."""
    return float(run.decay().log_norm[-1] / np.log(10))


def by_mpmath(run: Any) -> float:
    """Return the same from a product and a singular value decomposition of 60 digits."""
    code = gf.compile(run.cell, "mpmath", digits=DIGITS)
    state = run.flat_states[0]
    with mpmath.workdps(DIGITS):
        whole = mpmath.eye(run.width)
        for k in range(run.steps):
            x = {n: a[k] for n, a in run.inputs.items()}
            step = code.jacobian(run.params, state, x, k + 1)
            whole = mpmath.matrix(step.tolist()) * whole
            state = code.step(run.params, state, x, k + 1)
        return float(mpmath.log10(mpmath.svd_r(whole, compute_uv=False)[0]))


def within(seconds: float, work: Callable[[], Any]) -> Any:
    """Return what ``work`` does, ``None`` where it takes more than so many seconds of work."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        return work()
    except TimeoutError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def line(row: Row, most: float) -> tuple[str, float | None]:
    """Return a row of the table, and the width of its interval, of the log."""
    run = row.run()
    start = time.process_time()
    found = within(most, lambda: gf.certify(run))
    taken = time.process_time() - start
    beside = f"{by_mpmath(run):.12g}" if row.beside_mpmath else ""
    head = f"| {row.name} | {row.steps} | {measured(run):.6g} | {beside} |"
    if found is None:
        return f"{head} more than {most:g} s | | |", None
    low, high = found.window(row.steps, 0)
    ends = " .. ".join(f"{x / np.log(10):.12g}" for x in (low, high))
    return f"{head} {ends} | {high - low:.0e} | {taken:.1f} s |", high - low


def main(out: Path, quick: bool = False, most: float = 120.0) -> dict[str, float]:
    """Write ``certified.md`` into ``out``; return the width of every row that ended."""
    widths, lines = {}, []
    for row in rows(quick):
        text, width = line(row, most)
        print(text, flush=True)
        lines.append(text)
        if width is not None:
            widths[f"{row.name}, {row.steps} steps"] = width
    table = "\n".join(
        [
            "# Certified products along data",
            "",
            f"`log10 |P(T, 0)|` along one of {SYMBOLS} one-hot symbols a step, at initial weights.",
            "Width is that of the natural log; time is processor time of one core.",
            "",
            f"`python benchmarks/certified.py{' --quick' * quick}`, gradflow {gf.__version__}, "
            f"NumPy {np.__version__}, Python {platform.python_version()}.",
            "",
            f"| network | steps | floats | mpmath, {DIGITS} digits | certified | width | time |",
            "|---|---:|---:|---|---|---:|---:|",
            *lines,
            "",
        ]
    )
    write_atomically(out / "certified.md", table)
    return widths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("reports/benchmarks"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--most", type=float, default=120.0)
    arguments = parser.parse_args()
    main(arguments.out, arguments.quick, arguments.most)
