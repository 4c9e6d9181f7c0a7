"""The benchmarks as text: every row with its ratios to the limit and to the best peer."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from measure import LIMIT, PEER, Case, Row
from scaling import slopes
from threadpoolctl import threadpool_info

TITLES = {
    "jacobians": "Step Jacobians",
    "lyapunov": "Lyapunov spectra",
    "decay": "Gradient against lag",
    "memory": "Memory of the gradient against lag",
    "training": "A training step on torch",
    "watch": "A training with a watch",
    "products": "Singular values of the product P(T, T - lag)",
    "grid": "Leading exponent over a grid of (gain, forget bias)",
    "derive": "From equations to code",
    "scaling": "Cost against n and T",
}
# What the error of a part is.
ERRORS = {
    "jacobians": "largest difference of an entry from the formula by hand in longer numbers",
    "lyapunov": "largest difference of an exponent, nats a step, from a QR at every step",
    "decay": "largest difference over all lags, nats, from NumPy in longer numbers; a norm that "
    "came out as 0 is an error without bound",
    "products": "largest difference of a log singular value, nats, from exact integers and "
    "thousands of bits",
    "grid": "largest difference of an exponent, nats a step, from NumPy by hand",
}
PACKAGES = ("numpy", "scipy", "numba", "jax", "torch", "sympy", "symengine", "casadi")
MISSING = "not installed"
# A part whose cases differ in size has no ratios.
UNLIKE = ("derive",)
VECTORS = {"AVX512F": "AVX-512", "AVX2": "AVX2", "SVE": "SVE", "ASIMD": "NEON"}


def about() -> dict[str, Any]:
    """What the numbers depend on, in words: no name of a machine."""
    from numpy._core._multiarray_umath import __cpu_features__ as features

    vectors = next((words for key, words in VECTORS.items() if features.get(key)), "no vectors")
    blas = {f"{p['internal_api']} {p['version']}" for p in threadpool_info() if p.get("version")}
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = MISSING
    longer = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant
    return {
        "processor": f"{platform.machine()} with {vectors}, {os.cpu_count()} cores",
        "system": platform.system(),
        "python": platform.python_version(),
        "blas": sorted(blas),
        "versions": versions,
        "longer numbers": "x87 or quadruple" if longer else "none: a long double is a double here",
    }


def text(found: Mapping[int, Sequence[Row]], facts: Mapping[str, Any], quick: bool) -> str:
    """The whole page; ``found`` holds the rows by number of threads."""
    packages = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    lines = [
        "# Benchmarks",
        "",
        *(["Small sizes, to see that everything runs: no time here means anything.", ""] * quick),
        f"`python benchmarks/run.py{' --quick' * quick}` on {facts['processor']}, "
        f"{facts['system']}; Python {facts['python']}, {packages}; {', '.join(facts['blas'])}.",
        "",
        "float64. The cases of a row run in one process, interleaved: a round times each of them",
        "once, and medians of the rounds are compared. What is compiled is compiled before. The",
        "milliseconds belong to one machine; compare the ratios. `cores` is processor time over",
        "wall time. gradflow, numba is the extra `fast`; gradflow, numpy needs no extra.",
        f"Longer numbers of the references: {facts['longer numbers']}.",
        "",
    ]
    for threads, rows in found.items():
        lines += [f"## {'One thread' if threads == 1 else f'{threads} threads'}", ""]
        for part in dict.fromkeys(row.part for row in rows):
            lines += _section(part, [row for row in rows if row.part == part])
    return "\n".join(lines)


def _section(part: str, rows: Sequence[Row]) -> Iterable[str]:
    yield from (f"### {TITLES[part]}", "")
    if part in ERRORS:
        yield from (f"Error: {ERRORS[part]}.", "")
    if part == "scaling":
        yield from _slopes(rows)
        return
    unit = "MB" if rows[0].unit == "MB" else "ms"
    yield f"| work | case | {unit} | over limit | over best peer | error | cores | note |"
    yield "|---|---|---:|---:|---:|---:|---:|---|"
    for row in rows:
        label = f"{row.work} ({row.rounds} rounds)" if row.unit == "s" else row.work
        for k, case in enumerate(row.cases):
            yield f"| {label if k == 0 else ''} | {_line(case, row)} |"
    yield ""


def _line(case: Case, row: Row) -> str:
    limit = next((c.amount for c in row.cases if c.kind == LIMIT), None)
    peers = [c.amount for c in row.cases if c.kind == PEER and c.amount is not None]
    peers = [] if row.part in UNLIKE else peers
    best = min(peers, default=None)
    scale = 1000 if row.unit == "s" else 1
    cells = [
        case.label,
        number(None if case.amount is None else scale * case.amount),
        number(ratio(case.amount, limit)),
        number(ratio(case.amount, best)),
        "" if case.error is None else f"{case.error:.0e}" if math.isfinite(case.error) else "inf",
        "" if case.cores is None else f"{case.cores:.1f}",
        case.note.replace("|", "/"),
    ]
    return " | ".join(cells)


def ratio(amount: float | None, over: float | None) -> float | None:
    return amount / over if amount is not None and over else None


def number(value: float | None) -> str:
    """Three digits, without an exponent."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def _slopes(rows: Sequence[Row]) -> Iterable[str]:
    """Fitted powers beside the order of the work. A failed part has rows without a series."""
    yield "The slope is that of log cost against log n or log T, by least squares."
    yield from ("", "| work | against | case | ms | slope | order of the work |")
    yield "|---|---|---|---|---:|---:|"
    fitted = slopes(rows)
    for series in dict.fromkeys(row.series for row in rows):
        own = [row for row in rows if row.series == series]
        for label in (case.label for case in own[0].cases):
            cases = [(r.at, c) for r in own for c in r.cases if c.label == label]
            costs = ", ".join(
                f"{at:,}: {number(1000 * c.amount)}" for at, c in cases if c.amount is not None
            )
            slope = fitted.get((series, label))
            power = "" if slope is None else f"{slope:.2f}"
            costs = costs or cases[0][1].note
            name = series or own[0].work
            yield f"| {name} | {own[0].axis} | {label} | {costs} | {power} | {own[0].order} |"
    yield ""
