"""The command line in a process of its own, over the packages that it cannot do without.

Processor time, user and system, of a whole process: what someone waits for at the prompt. A report
also computes; its numeric work is timed in a process that has loaded all it needs, and is told
beside it.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import GRADFLOW, LIMIT, Case, Row

IMPORTS = "import sympy, scipy.linalg, matplotlib.pyplot"
NUMERIC = """
import time
from gradflow.studies.infinite_width import beside_infinite_width
from gradflow.studies.one_cell import study
for size in ({"hidden": 8, "steps": 40}, {}):
    start = time.process_time()
    beside_infinite_width(study("lstm", seeds=1, **size).setup.trajectory)
    print(time.process_time() - start)
"""


def rows(quick: bool) -> Iterator[Row]:
    rounds = 1 if quick else 5
    imports = _median([sys.executable, "-c", IMPORTS], rounds)
    command = [sys.executable, "-m", "gradflow"]
    limit = Case(IMPORTS, LIMIT, imports)
    helped = Case("gradflow --help", GRADFLOW, _median([*command, "--help"], rounds))
    yield Row("cold", "help", "s", rounds, (limit, helped))
    with tempfile.TemporaryDirectory() as folder:
        words = ["report", "lstm", "--seeds", "1", "--quiet", "--out", str(Path(folder, "r.html"))]
        whole = _median([*command, *words], rounds)
    numeric = _numeric()
    cases = (
        limit,
        Case("gradflow report lstm --seeds 1", GRADFLOW, whole),
        Case("the same, less its numeric work", GRADFLOW, whole - numeric),
    )
    yield Row("cold", "report", "s", rounds, cases)


def _median(command: list[str], rounds: int) -> float:
    """Median processor time of a command, the first round, which fills caches, left out."""
    return statistics.median([_seconds(command) for _ in range(rounds + 1)][1:])


def _seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _numeric() -> float:
    """Processor time of the second study in one process, at the sizes of the report."""
    done = subprocess.run(
        [sys.executable, "-c", NUMERIC], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])
