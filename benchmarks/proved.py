"""What Coq proves of the gradient of a loss of one network, and the processor time it takes.

    python benchmarks/proved.py [--out DIR] [--quick] [--plain] [--most SECONDS]

A row is one network of float32 weights on one-hot symbols, drawn once, and the cross-entropy of its
last step: the theorem bounds the gradient by the state at every lag. Coq works on its kernel's
63-bit integers, or with ``--plain`` on its own whole numbers. Rows that would take more than
``--most`` seconds by the estimate stay CERTIFIED and are told as such.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import gradflow as gf
from gradflow.files import write_atomically
from gradflow.proofs import Loss, gradient_claim

SYMBOLS = 27
OWN = gf.Cell(
    name="own",
    state="h",
    inputs="x",
    maps="U W A B",
    vectors="a b",
    equations="""
    z = sigmoid(A @ h + B @ x + a)
    h_next = 3/4 * z * h + (1 - z) * tanh(U @ (z * h) + W @ x + b) + 1/8
    """,
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network: a cell (or several, stacked), its units and steps, how it is drawn."""

    name: str
    cell: Any
    units: int
    steps: int
    init: Mapping[str, Any] = field(default_factory=dict)

    def gradient(self) -> Any:
        """Return what is certified of its loss."""
        rng = np.random.default_rng(0)
        x = np.eye(SYMBOLS)[rng.integers(0, SYMBOLS, self.steps)]
        if isinstance(self.cell, list):
            run = gf.stack(self.cell, hidden=self.units, inputs=SYMBOLS, rng=0, **self.init).run(x)
        else:
            cell = gf.cells.get(self.cell)
            drawn = cell.init(hidden=self.units, inputs=SYMBOLS, rng=0, **self.init)
            params = {k: np.float32(v).astype(float) for k, v in drawn.items()}
            run = gf.run(cell, params, x, backend="numpy")
        head = np.float32(rng.normal(size=(SYMBOLS, self.units)) / 5).astype(float)
        loss = Loss(kind="cross-entropy", weight=head, target=3)
        return gf.certify(run, loss, digits=3, seconds=600.0)


def rows(quick: bool) -> list[Row]:
    """Return the rows: the LSTM over units, steps and forget bias, and other networks."""
    if quick:
        return [Row(name="LSTM 2", cell="lstm", units=2, steps=3)]
    sizes = [(8, 100, 1), (32, 50, 1), (32, 200, 0), (32, 200, 1), (32, 200, 5)]
    found = [
        Row(
            name=f"LSTM {units}, forget bias {bias}",
            cell="lstm",
            units=units,
            steps=steps,
            init={"forget_bias": float(bias)},
        )
        for units, steps, bias in sizes
    ]
    return [
        *found,
        Row(name="GRU 32", cell="gru", units=32, steps=50),
        Row(name="RNN 32", cell="rnn", units=32, steps=50),
        Row(name="a reader's own cell of 16 units", cell=OWN, units=16, steps=50),
        Row(name="LSTM, 2 layers of 8", cell=["lstm", "lstm"], units=8, steps=50),
        Row(
            name="LSTM, 2 layers of 4, normalised",
            cell=["lstm", "lstm"],
            units=4,
            steps=20,
            init={"norm": True},
        ),
    ]


def line(row: Row, plain: bool, most: float) -> tuple[str, str]:
    """Return a row of the table, and the level that was reached."""
    found = row.gradient()
    claim = gradient_claim(found, seconds=most, machine_integers=not plain)
    before = os.times()
    level, why = claim.verdict
    after = os.times()
    taken = after.children_user + after.children_system
    taken -= before.children_user + before.children_system
    low, high = (float(np.exp(end[-1])) for end in (found.lower, found.upper))
    said = f"{taken:.0f} s" if level == "PROVED" else why.partition(";")[0]
    head = f"| {row.name} | {row.steps} | {found.bits[0]} | {low:.8g} .. {high:.8g} |"
    return f"{head} {level} | {said} |", level


def main(
    out: Path, quick: bool = False, plain: bool = False, most: float = 600.0
) -> dict[str, str]:
    """Write ``proved.md`` into ``out``; return the level of every row."""
    line(rows(quick=True)[0], plain, most)  # gradflow's Coq library is compiled once, unmeasured
    levels, lines = {}, []
    for row in rows(quick):
        text, level = line(row, plain, most)
        print(text, flush=True)
        lines.append(text)
        levels[f"{row.name}, {row.steps} steps"] = level
    integers = "its plain whole numbers" if plain else "the 63-bit integers of its kernel"
    options = " --quick" * quick + " --plain" * plain
    table = "\n".join(
        [
            "# The gradient of a loss of one network, proved in Coq",
            "",
            f"Cross-entropy of {SYMBOLS} classes at the last step, along one of {SYMBOLS} one-hot",
            "symbols a step, float32 weights (those of stacks float64), drawn once. All lags are",
            "one theorem; shown is the gradient by the first state. Coq works on",
            f"{integers}; time is processor time of one core.",
            "",
            f"`python benchmarks/proved.py{options}`, gradflow {gf.__version__}, "
            f"Python {platform.python_version()}.",
            "",
            "| network | steps | bits | norm of dL/ds_0 | level | time |",
            "|---|---:|---:|---|---|---:|",
            *lines,
            "",
        ]
    )
    write_atomically(out / "proved.md", table)
    return levels


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("reports/benchmarks"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--most", type=float, default=600.0)
    arguments = parser.parse_args()
    main(arguments.out, arguments.quick, arguments.plain, arguments.most)
