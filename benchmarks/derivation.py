"""How long a derivation takes: gradflow, for any width, beside SymPy's entrywise Matrix.jacobian.

    python benchmarks/derivation.py [--out DIR] [--quick | --full]

Every round times each case once, so that a slow moment of the machine meets all of them; medians
are compared. ``--full`` adds n = 8 entrywise, which takes SymPy many seconds a round.
"""

from __future__ import annotations

import argparse
import pickle
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import sympy as sp
from sympy.core.cache import clear_cache

import gradflow as gf
from gradflow.codegen import Code
from gradflow.codegen.targets.numpy.target import TARGET
from gradflow.files import write_atomically
from gradflow.jacobians.step import derived


def derive(name: str) -> None:
    """Derive every Jacobian block of a library cell and print it in normal form."""
    cell = pickle.loads(pickle.dumps(gf.cells.get(name)))  # declared anew: nothing is remembered
    gf.jacobian(cell).text()


def derive_and_compile(name: str) -> None:
    """Derive a library cell and generate its NumPy module."""
    cell = pickle.loads(pickle.dumps(gf.cells.get(name)))
    _ = Code(cell, TARGET).source


def entrywise(n: int) -> None:
    """Differentiate the LSTM's two state parts entry by entry with ``Matrix.jacobian``."""

    def vector(name: str) -> sp.Matrix:
        return sp.Matrix(sp.symbols(f"{name}0:{n}", real=True))

    def matrix(name: str) -> sp.Matrix:
        return sp.Matrix(n, n, lambda i, j: sp.Symbol(f"{name}_{i}_{j}", real=True))

    h, c, x = vector("h"), vector("c"), vector("x")
    gates = {}
    for gate in "ifog":
        a = matrix(f"W{gate}") * x + matrix(f"U{gate}") * h + vector(f"b{gate}")
        gates[gate] = a.applyfunc(sp.tanh if gate == "g" else lambda v: 1 / (1 + sp.exp(-v)))
    new_c = gates["f"].multiply_elementwise(c) + gates["i"].multiply_elementwise(gates["g"])
    new_h = gates["o"].multiply_elementwise(new_c.applyfunc(sp.tanh))
    sp.Matrix.vstack(new_h, new_c).jacobian(sp.Matrix.vstack(h, c))


def timed(work: Callable[[], None]) -> float:
    """Return the seconds of one call, with SymPy's cache and gradflow's emptied first."""
    clear_cache()
    derived.cache_clear()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(out: Path, quick: bool = False, full: bool = False) -> dict[str, float]:
    """Write ``derivation.md`` into ``out``; return each case's median over that of the LSTM."""
    widths = (1, 2) if quick else (1, 2, 4, 8) if full else (1, 2, 4)
    cases: dict[str, Callable[[], None]] = {}
    for name in gf.cells.LIBRARY:
        cases[f"gradflow, {name}, derive, any n"] = lambda name=name: derive(name)
    for name in ("lstm",) if quick else gf.cells.LIBRARY:
        label = f"gradflow, {name}, derive and compile, any n"
        cases[label] = lambda name=name: derive_and_compile(name)
    for n in widths:
        cases[f"SymPy entrywise, lstm, n = {n}"] = lambda n=n: entrywise(n)
    derive("lstm")  # imports happen outside the clock
    rounds = [{label: timed(work) for label, work in cases.items()} for _ in range(3)]
    median = {label: statistics.median(r[label] for r in rounds) for label in cases}
    unit = median["gradflow, lstm, derive, any n"]
    ratio = {label: seconds / unit for label, seconds in median.items()}
    rows = [f"| {label} | {1000 * median[label]:.1f} | {ratio[label]:.2f} |" for label in cases]
    table = "\n".join(
        [
            "# Derivation time",
            "",
            "Medians of 3 interleaved rounds in one process, caches emptied before each. The",
            "milliseconds belong to one machine; compare the ratios.",
            "",
            f"`python benchmarks/derivation.py{' --quick' * quick}{' --full' * full}`, gradflow "
            f"{gf.__version__}, SymPy {sp.__version__}, Python {platform.python_version()}.",
            "",
            "| case | ms | over the LSTM's derivation |",
            "|---|---:|---:|",
            *rows,
            "",
        ]
    )
    write_atomically(out / "derivation.md", table)
    print(table)
    return ratio


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("reports/benchmarks"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    main(arguments.out, arguments.quick, arguments.full)
