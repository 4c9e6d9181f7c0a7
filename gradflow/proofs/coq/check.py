"""Running Coq on a generated file and judging what it says: the only way to the level PROVED.

``coqc`` exits with 0 on ``Admitted``, so success alone means nothing. The statement is a file of
its own, made by gradflow; a proof counts if Coq accepts ``Definition final : Statement.claim :=
Proof.NAME`` and ``final`` rests on no axiom but those of Coq's real numbers. Coq thereby compares
what it understood, and the text of a proof need not be believed. Words by which a proof could read
or write files, or set options for those who load it, are refused before.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from gradflow.proofs.coq.rules import forbidden, on_machine_integers
from gradflow.proofs.coq.scripts import Script
from gradflow.proofs.limits import limited

LIBRARY, NUMERIC, MACHINE = "GradFlow", "NumGrad", "NumGrad63"
REALS = frozenset(
    {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
    }
)
"""The axioms by which Coq's standard library makes the real numbers."""
_OPERATIONS = ("add", "sub", "mul", "div", "lsl", "lsr", "land", "lor", "eqb", "ltb", "leb")
_LAWS = ("add_spec", "sub_spec", "mul_spec", "lsl_spec", "lsr_spec", "land_spec", "lor_spec")
MACHINE_INTEGERS = frozenset(
    {f"PrimInt63.{x}" for x in ("int", *_OPERATIONS)}
    | {f"Uint63.{x}" for x in (*_LAWS, "of_to_Z", "eqb_correct", "eqb_refl")}
    | {f"Uint63.{x}" for x in ("ltb_spec", "leb_spec")}
)
"""The 63-bit integers of Coq's kernel, and what Coq's standard library assumes of them."""
ALSO = "it also rests on the axioms of the 63-bit integers of Coq's kernel"

PREFIX = "GradFlowSeal"
LIMIT, MEMORY, FILES = 300.0, 2**30, 2**26
"""Seconds of work, bytes of memory and bytes of a written file after which a run is killed."""
COMPUTED, ROOM = 3600.0, 2**32
"""The same seconds and bytes for gradflow's own proof about given numbers, which Coq works out."""
_WALL = 3
"""How much longer than its seconds of work a run may wait for a turn on a busy machine."""

_FINAL = f"""From {PREFIX} Require Statement.
Definition gradflow_claim : Prop := Statement.claim.
From {PREFIX} Require Proof.
Definition gradflow_final : gradflow_claim := Proof.{{theorem}}.
Print Assumptions gradflow_final.
"""
_REJECTED = {
    "Statement.v": "Coq rejects the statement: {said}",
    "Proof.v": "Coq rejects the proof: {said}",
    "Final.v": "the theorem of the proof is not the statement: {said}",
}


@dataclass(frozen=True)
class Verdict:
    """What came of checking a file: ``proved``, and why not, or on what besides the reals."""

    proved: bool
    reason: str = ""


def available() -> bool:
    """Whether ``coqc`` is installed."""
    return shutil.which("coqc") is not None


def library_text(name: str = LIBRARY) -> str:
    """Return the source of a library that generated files apply."""
    return files("gradflow.proofs").joinpath(f"coq/{name}.v").read_text("utf-8")


@contextmanager
def workshop() -> Iterator[Path]:
    """Yield a folder with the compiled library, for any number of checks."""
    with tempfile.TemporaryDirectory(prefix="gradflow-coq-") as name:
        folder = Path(name)
        _compile(folder, LIBRARY)
        yield folder


def _compile(folder: Path, name: str) -> None:
    """Compile a library of gradflow in a workshop, once."""
    if (folder / f"{name}.vo").exists():
        return
    (folder / f"{name}.v").write_text(library_text(name), "utf-8")
    done = _run(folder, f"{name}.v", LIMIT, MEMORY)
    if isinstance(done, str) or done.returncode:
        why = done if isinstance(done, str) else done.stderr
        raise AssertionError(f"the Coq library of gradflow does not compile: {why}")


@cache
def shared_workshop() -> Path:
    """Return one workshop for the whole process, made when first needed, removed at its end."""
    stack = ExitStack()
    folder = stack.enter_context(workshop())
    # Once the folder is made: what is registered last runs first, and the folder's own clearing at
    # exit warns that nobody closed it.
    atexit.register(stack.close)
    return folder


def check(folder: Path, script: Script, *, seconds: float | None = None) -> Verdict:
    """Check that a proof proves a statement, in a workshop.

    The statement must be one that gradflow made: what it defines is believed.

    Parameters
    ----------
    folder
        From :func:`workshop`.
    script
        The statement, the proof, and the theorem in the proof that counts.
    seconds
        How long Coq may work on each file; by default as long as gradflow's own proof may take.
    """
    numeric = f"Require Import ZArith List {NUMERIC}." in script.statement
    if word := forbidden(script.proof, script.theorem, numeric=numeric):
        return Verdict(False, f"the proof contains {word!r}, which a proof may not")
    memory = MEMORY
    if seconds is None:
        seconds, memory = (COMPUTED, ROOM) if numeric else (LIMIT, MEMORY)
    with tempfile.TemporaryDirectory(prefix="one-", dir=folder) as name:
        place = Path(name)
        machine = (MACHINE,) if on_machine_integers(script.proof) else ()
        for library in (LIBRARY, NUMERIC, *machine) if numeric else (LIBRARY,):
            _compile(folder, library)
            (place / f"{library}.vo").symlink_to(folder / f"{library}.vo")
        final = _FINAL.format(theorem=script.theorem)
        printed = ""
        for file, text in (
            ("Statement.v", script.statement),
            ("Proof.v", script.proof),
            ("Final.v", final),
        ):
            (place / file).write_text(text, "utf-8")
            answer = _run(place, file, seconds, memory)
            if isinstance(answer, str):
                return Verdict(False, f"{file}: {answer}")
            if answer.returncode:
                said = " ".join(answer.stderr.split())[:300] or "coqc failed"
                return Verdict(False, _REJECTED[file].format(said=said))
            printed = answer.stdout
    rests = assumptions(printed)
    if odd := sorted(rests - REALS - (MACHINE_INTEGERS if machine else set())):
        return Verdict(False, f"the theorem rests on {', '.join(odd)}, which is not allowed")
    return Verdict(True, ALSO if rests & MACHINE_INTEGERS else "")


def assumptions(answer: str) -> set[str]:
    """Return the names in what ``Print Assumptions`` printed; unknown text counts as a name."""
    lines = [line for line in answer.splitlines() if line.strip()]
    if lines == ["Closed under the global context"]:
        return set()
    if not lines or lines[0].strip() != "Axioms:":
        return {"an answer that cannot be read"}
    return {line.split(":")[0].strip() for line in lines[1:] if not line[0].isspace()}


def _run(
    folder: Path, file: str, seconds: float, memory: int
) -> subprocess.CompletedProcess[str] | str:
    """Compile a file within limits of time, memory and disk; return what went wrong as text."""
    try:
        return subprocess.run(
            limited(["coqc", "-q", "-R", ".", PREFIX, file], seconds, memory, FILES),
            cwd=folder,
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds * _WALL,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {seconds * _WALL:g} s"
    except OSError as error:
        return f"Coq cannot be started ({error.strerror})"
