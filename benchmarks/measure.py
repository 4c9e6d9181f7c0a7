"""Interleaved timing: every round does the work of every case once; medians are compared.

A case is the limit of the work, gradflow, or a peer. Its first call is checked against the
reference and compiles what is compiled; only later calls are timed.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

LIMIT, GRADFLOW, PEER = "limit", "gradflow", "peer"

# A clock reading covers at least so many seconds, by repeated calls where one is shorter.
SHORTEST = 1e-3
# A first call of so many seconds is not repeated to see how long one takes.
LONG = 5.0
# All rounds of a row take about so many seconds, within the bounds below.
BUDGET, MOST_ROUNDS = 4.0, 15
# Fewest rounds of a row, and of one with a case longer than a second.
ROUNDS, LONG_ROUNDS = 5, 3
BACKENDS = ("numba", "numpy")


@dataclass(frozen=True)
class Work:
    """A case before it has run.

    ``read`` turns what ``call`` returns into what the row's error is a function of, ``None`` if the
    case has no error; ``remark`` turns it into a note. Without ``call`` the case stays an empty row
    with its note.
    """

    label: str
    kind: str
    call: Callable[[], Any] | None
    read: Callable[[Any], Any] | None = np.asarray
    remark: Callable[[Any], str] | None = None
    note: str = ""


@dataclass(frozen=True)
class Case:
    """A case that has run: its median in the row's unit, ``None`` if there is none.

    ``cores`` is processor time over wall time, of this process alone.
    """

    label: str
    kind: str
    amount: float | None
    error: float | None = None
    cores: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Row:
    """The cases of one piece of work.

    ``series`` joins rows that differ in ``at``, the value of ``axis`` ("n" or "T"), and ``order``
    is the power of it that the cost is known to follow.
    """

    part: str
    work: str
    unit: str
    rounds: int
    cases: tuple[Case, ...]
    series: str = ""
    axis: str = ""
    at: int = 0
    order: int = 0

    def json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def of(record: dict[str, Any]) -> Row:
        return Row(**{**record, "cases": tuple(Case(**case) for case in record["cases"])})


def peer(label: str, package: str, make: Callable[[Any], Callable[[], Any]], **more: Any) -> Work:
    """The work ``make(peers)`` of a package, where ``peers`` is the file ``peers_<package>``."""
    if find_spec(package) is None:
        return Work(label, PEER, None, note=f"{package} is not installed")
    try:
        return Work(label, PEER, make(import_module(f"peers_{package}")), **more)
    except Exception as failure:
        return Work(label, PEER, None, note=failed(failure))


def gradflow(make: Callable[[str], Callable[[], Any]], **more: Any) -> list[Work]:
    """The work ``make(backend)`` of both backends."""
    works = []
    for backend in BACKENDS:
        label = f"gradflow, {backend}"
        if find_spec(backend) is None:
            works.append(Work(label, GRADFLOW, None, note=f"{backend} is not installed"))
        else:
            works.append(Work(label, GRADFLOW, make(backend), **more))
    return works


def compare(
    part: str,
    work: str,
    works: Sequence[Work],
    error: Callable[[Any], float] | None = None,
    quick: bool = False,
    **series: Any,
) -> Row:
    """Check each case once by ``error``, then time all in rounds."""
    checked = {w.label: _first(w, error) for w in works}
    calls = {w.label: w.call for w in works if checked[w.label].amount is not None}
    once = {label: checked[label].amount for label in calls}
    repeats = {label: max(1, math.ceil(SHORTEST / s)) for label, s in once.items()}
    rounds = _rounds([once[label] * repeats[label] for label in calls], quick)
    wall = {label: [] for label in calls}
    busy = dict.fromkeys(calls, 0.0)
    for _ in range(rounds):
        for label, call in calls.items():
            cpu, start = time.process_time(), time.perf_counter()
            for _ in range(repeats[label]):
                call()
            wall[label].append((time.perf_counter() - start) / repeats[label])
            busy[label] += (time.process_time() - cpu) / repeats[label]
    cases = []
    for label, case in checked.items():
        if label in calls:
            cores = busy[label] / sum(wall[label])
            case = replace(case, amount=statistics.median(wall[label]), cores=cores)
        cases.append(case)
    return Row(part, work, "s", rounds, tuple(cases), **series)


def _first(work: Work, error: Callable[[Any], float] | None) -> Case:
    """The case of the first calls: its error, and seconds of the last as its amount."""
    if work.call is None:
        return Case(work.label, work.kind, None, note=work.note)
    try:
        start = time.perf_counter()
        found = work.call()
        seconds = time.perf_counter() - start
        wrong = error(work.read(found)) if error and work.read else None
        note = work.remark(found) if work.remark else work.note
        del found
        if seconds < LONG:  # else it says enough, compilation included
            start = time.perf_counter()
            work.call()
            seconds = time.perf_counter() - start
    except Exception as failure:
        return Case(work.label, work.kind, None, note=failed(failure))
    return Case(work.label, work.kind, seconds, wrong, note=note)


def failed(failure: Exception) -> str:
    """Why a row is empty, in one line."""
    words = " ".join(str(failure).split())
    return f"failed: {type(failure).__name__}: {words[:160]}"


def _rounds(seconds: Sequence[float], quick: bool) -> int:
    if not seconds or quick:
        return LONG_ROUNDS
    least = LONG_ROUNDS if max(seconds) > 1 else ROUNDS
    return max(least, min(MOST_ROUNDS, int(BUDGET / sum(seconds))))


def largest(wanted: np.ndarray) -> Callable[[Any], float]:
    """The error that is the largest difference from ``wanted``; ``inf`` where one is not finite."""

    def error(found: Any) -> float:
        found = np.asarray(found)
        assert found.shape == wanted.shape, (found.shape, wanted.shape)
        with np.errstate(invalid="ignore"):
            apart = np.abs(found - wanted)
        return float(
            np.where(found == wanted, 0.0, np.nan_to_num(apart, nan=np.inf, posinf=np.inf)).max()
        )

    return error
