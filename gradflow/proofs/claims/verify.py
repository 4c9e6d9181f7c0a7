"""Re-checking bundles: hashes, exact evidence, Coq, and solvers if asked. Needs no SymPy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from gradflow.given import flag
from gradflow.proofs.claims.bundle import Bundle, folders, read
from gradflow.proofs.claims.claim import CERTIFIED, CORROBORATED, OBSERVED, PROVED, REFUTED
from gradflow.proofs.coq import check as coq_check
from gradflow.proofs.solvers import questions as smt


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
        """Whether some check failed."""
        return self.level == REFUTED


def verify(root: Path, *, coq: bool = True, solvers: bool = False) -> Iterator[Result]:
    """Check every bundle below a folder.

    Parameters
    ----------
    root
        A bundle, or a folder that holds some.
    coq
        Whether to run Coq where it is installed.
    solvers
        Whether to ask z3 and cvc5 as well, where they are installed.

    Raises
    ------
    InputError
        If there is no bundle.
    """
    coq, solvers = flag(coq, "verify: coq"), flag(solvers, "verify: solvers")
    found = [read(folder) for folder in folders(root)]
    use = coq and coq_check.available()
    needs = use and any(b.claim and b.claim.coq for b in found)
    with coq_check.workshop() if needs else nullcontext() as place:
        for bundle in found:
            yield _check(bundle, place, coq, solvers)


def _check(bundle: Bundle, place: Path | None, coq: bool, solvers: bool) -> Result:
    claim = bundle.claim
    if claim is None or bundle.fault:
        return Result(
            name=bundle.folder.name,
            level=REFUTED,
            note=bundle.fault,
            digest=bundle.digest,
            solvers={},
        )

    def result(level: str, note: str, said: dict[str, str] | None = None) -> Result:
        return Result(
            name=claim.name, level=level, note=note, digest=bundle.digest, solvers=said or {}
        )

    if claim.name != bundle.folder.name:
        return result(REFUTED, f"the folder is called {bundle.folder.name}")
    if fault := claim.fault():
        return result(REFUTED, fault)
    said = smt.corroborate(bundle.questions) if solvers and bundle.questions else {}
    if "disagrees" in said.values():
        return result(REFUTED, "a solver has a counterexample", said)
    agreed = sum(answer == "agrees" for answer in said.values())
    level = CERTIFIED if claim.evidence else CORROBORATED if agreed > 1 else OBSERVED
    if claim.coq and place is not None:
        answer = coq_check.check(place, claim.coq, claim.theorem)
        if not answer.proved:
            return result(REFUTED, answer.reason, said)
        return result(PROVED, claim.scope, said)
    if claim.coq:
        missing = "Coq was not asked" if not coq else "install the system package coq for PROVED"
        return result(level, missing, said)
    return result(level, claim.scope, said)
