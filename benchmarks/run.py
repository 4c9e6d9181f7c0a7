"""Every benchmark, each part in a process of its own; the table, the numbers and the plot.

    python benchmarks/run.py [--out DIR] [--quick] [--parts jacobians decay ...]

Writes benchmarks.md, results.json, cost.svg and cost.png into ``DIR``; ``--parts`` runs some and
keeps what an earlier run found for the others. One thread first; the parts that threads could help
run again with two. A peer that is not installed is an empty row that says so, and so is a part that
fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

PARTS = ("jacobians", "lyapunov", "decay", "memory", "products", "grid", "derive", "scaling")
PARTS += ("training", "watch")
THREADED = ("jacobians", "lyapunov", "decay", "grid")
# Seconds after which a part counts as failed.
LONGEST = 1_800


def environment(threads: int) -> dict[str, str]:
    """Variables that every library reads when it is imported: so many threads, one for XLA's too.

    XLA takes its number of threads from the flags; with ``multi_thread_eigen`` off it uses one.
    """
    limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    several = "true" if threads > 1 else "false"
    flags = f"--xla_cpu_multi_thread_eigen={several} intra_op_parallelism_threads={threads}"
    return {
        **os.environ,
        **dict.fromkeys(limits, str(threads)),
        "XLA_FLAGS": flags,
        "JAX_PLATFORMS": "cpu",
        "OMP_WAIT_POLICY": "PASSIVE",  # a library that waits leaves the cores to the others
    }


def part(name: str, threads: int, out: Path, quick: bool) -> list[dict]:
    """Run one part in this process; its rows, ready for JSON."""
    options = {"grid": {"threads": threads}, "derive": {"out": out}}.get(name, {})
    return [row.json() for row in import_module(name).rows(quick, **options)]


def elsewhere(name: str, threads: int, out: Path, quick: bool) -> list[dict]:
    """Run one part in a fresh process; one row that says why if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.json"
        command = [sys.executable, __file__, "--out", str(out), "--threads", str(threads)]
        command += ["--part", name, "--rows", str(file), *(["--quick"] * quick)]
        try:
            done = subprocess.run(
                command,
                env=environment(threads),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=LONGEST,
                check=False,
            )
            if file.exists():
                return json.loads(file.read_text())
            last = done.stderr.strip().splitlines()[-1:]
            reason = last[0] if last else f"exit status {done.returncode}"
        except subprocess.TimeoutExpired:
            reason = f"took more than {LONGEST:,} seconds"
    print(f"{name}: failed: {reason}", file=sys.stderr)
    case = {"label": "", "kind": "", "amount": None, "note": f"failed: {reason}"}
    return [{"part": name, "work": name, "unit": "s", "rounds": 0, "cases": [case]}]


def kept(out: Path, parts: tuple[str, ...], quick: bool, threads: int) -> list:
    """Rows of an earlier run of the same size whose part is not among ``parts``."""
    from measure import Row

    try:
        before = json.loads((out / "results.json").read_text())
    except FileNotFoundError:
        return []
    if before["quick"] != quick:
        return []
    rows = [Row.of(row) for row in before["rows"].get(str(threads), [])]
    return [row for row in rows if row.part not in parts]


def main(out: Path, quick: bool = False, parts: tuple[str, ...] = PARTS) -> dict[int, list]:
    """Run the parts, write the four files, return the rows by number of threads."""
    import plot
    import table
    from measure import Row

    from gradflow.files import write_atomically

    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    found = {threads: kept(out, parts, quick, threads) for threads in (1, 2)}
    for threads in (1, 2):
        for name in (n for n in PARTS if n in parts and (threads == 1 or n in THREADED)):
            start = time.perf_counter()
            rows = elsewhere(name, threads, out, quick)
            found[threads].extend(Row.of(row) for row in rows)
            taken = time.perf_counter() - start
            print(f"{name}, {threads} threads: {taken:.0f} s", file=sys.stderr, flush=True)
        found[threads].sort(key=lambda row: PARTS.index(row.part))
    found = {threads: rows for threads, rows in found.items() if rows}
    facts = table.about()
    numbers = {"about": facts, "quick": quick} | {
        "rows": {str(threads): [row.json() for row in rows] for threads, rows in found.items()}
    }
    text = table.text(found, facts, quick)
    write_atomically(out / "results.json", json.dumps(numbers, indent=1) + "\n")
    write_atomically(out / "benchmarks.md", text)
    scaled = [row for row in found[1] if row.axis]
    if scaled:
        plot.write(scaled, out)
    print(text)
    missing = [p for p in table.PACKAGES if facts["versions"][p] == table.MISSING]
    if missing:
        print(f"Not installed: {', '.join(missing)}; to compare: pip install {' '.join(missing)}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("reports/benchmarks"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    for hidden in ("--part", "--rows", "--threads"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        rows = part(arguments.part, int(arguments.threads), arguments.out, arguments.quick)
        Path(arguments.rows).write_text(json.dumps(rows))
    else:
        main(arguments.out, arguments.quick, tuple(arguments.parts))
