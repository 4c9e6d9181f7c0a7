"""Re-checking bundles: where a statement comes from, exact evidence, Coq, and solvers if asked.

Needs no SymPy for the library's cells.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradflow.given import flag, instance, real_number, several
from gradflow.proofs.claims.bundle import folders
from gradflow.proofs.claims.claim import (
    CORROBORATED,
    FOREIGN,
    NOT_PROVED,
    OBSERVED,
    PROVED,
    REFUTED,
    Claim,
)
from gradflow.proofs.claims.seal import seal
from gradflow.proofs.coq import check as coq_check
from gradflow.proofs.coq.scripts import Script
from gradflow.proofs.limits import command_of, environment
from gradflow.proofs.solvers import questions as smt

SECONDS = 9.0
"""Seconds of work that a bundle may take, but for a proof that is gradflow's own."""
_WALL = 4
"""How much longer than its seconds of work a bundle may wait for a turn on a busy machine."""
_LEAST = 2.0
_LONGEST = 1e6


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one bundle.

    ``level`` is one of the words of :mod:`gradflow.proofs.claims.claim`, ``note`` says why it is no
    higher or what failed, ``solvers`` what z3 and cvc5 said where they were asked.
    """

    name: str
    level: str
    note: str
    digest: str
    solvers: dict[str, str]

    @property
    def failed(self) -> bool:
        """Whether some check failed, or the statement is not gradflow's own."""
        return self.level in (REFUTED, FOREIGN, NOT_PROVED)


def verify(
    root: Path,
    *,
    coq: bool = True,
    solvers: bool = False,
    known: Iterable[Claim] = (),
    seconds: float = SECONDS,
) -> Iterator[Result]:
    """Check every bundle below a folder.

    Parameters
    ----------
    root
        A bundle, or a folder that holds some.
    coq
        Whether to run Coq where it is installed.
    solvers
        Whether to ask z3 and cvc5 as well, where they are installed.
    known
        Claims of your own that you vouch for, as :func:`gradflow.prove` returns them: a bundle with
        their statement is not foreign.
    seconds
        How long a bundle may be worked on, at most 1e6.

    Raises
    ------
    InputError
        If there is no bundle.
    UsageError
        If ``known`` holds something else, or ``seconds`` is no such time.
    """
    coq, solvers = flag(coq, "verify: coq"), flag(solvers, "verify: solvers")
    seconds = real_number(seconds, "verify: seconds", 0, _LONGEST, above=True)
    own = [
        instance(c, "verify: known", Claim, "prove")
        for c in several(known, "verify: known", "claims")
    ]
    seals = {claim.name: seal(claim) for claim in own}
    found = folders(root)
    with closing(_Worker()) as worker:
        for folder in found:
            said = worker.ask(folder, seals, seconds)
            yield _judged(said, coq=coq, solvers=solvers, seconds=seconds)


def _judged(said: Mapping[str, Any], *, coq: bool, solvers: bool, seconds: float) -> Result:
    agreed: dict[str, str] = {}

    def result(level: str, note: str) -> Result:
        name, digest = said["name"], said.get("digest", "")
        return Result(name=name, level=level, note=note, digest=digest, solvers=agreed)

    if said["fault"]:
        return result(REFUTED, said["fault"])
    if said["foreign"]:
        return result(FOREIGN, said["foreign"])
    if solvers and said["questions"]:
        agreed |= smt.corroborate(said["questions"])
    if "disagrees" in agreed.values():
        return result(REFUTED, "a solver has a counterexample")
    both = list(agreed.values()).count("agrees") > 1
    level = CORROBORATED if both and said["basis"] == OBSERVED else said["basis"]
    if "script" not in said:
        return result(level, said["scope"])
    if not coq:
        return result(level, "Coq was not asked")
    if not coq_check.available():
        return result(level, "install the system package coq for PROVED")
    left = None if said["own_proof"] else max(_LEAST, seconds - said["used"])
    script = Script(**said["script"])
    verdict = coq_check.check(coq_check.shared_workshop(), script, seconds=left)
    if not verdict.proved:
        return result(NOT_PROVED, verdict.reason)
    return result(PROVED, "; ".join(filter(None, (said["scope"], verdict.reason))))


class _Worker:
    """A process of :mod:`gradflow.proofs.claims.worker`, started again whenever it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def ask(self, folder: Path, known: Mapping[str, str], seconds: float) -> dict[str, Any]:
        """Return the answer about a folder; what went wrong stands in ``fault``."""
        process = self._process or self._start()
        asked = {"folder": str(folder.resolve()), "known": dict(known), "seconds": seconds}
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            line = self._lines.get(timeout=_WALL * seconds)
        except (queue.Empty, OSError):
            line = ""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self.close()
        return {"name": folder.name, "fault": f"no answer within {seconds:g} s and 1 GiB"}

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            command_of("gradflow.proofs.claims.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=environment(),
        )
        self._lines = queue.Queue()
        self._reader = threading.Thread(
            target=_forward, args=(self._process, self._lines), daemon=True
        )
        self._reader.start()
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._reader.join()
            with suppress(OSError), self._process:
                pass
            self._process = None


def _forward(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    """Put every line of a process into a queue, and an empty one at its end."""
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")
