"""Running Coq on a generated file and judging what it says: the only way to the level PROVED.

``coqc`` exits with 0 on ``Admitted``, so success alone means nothing. A file counts as proved if it
uses none of the words that assume something, compiles beside the package's own library, and the
theorem it names rests on no axiom but those of Coq's real numbers.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from gradflow.proofs.coq.rules import forbidden, statement

LIBRARY = "GradFlow"
ALLOWED = frozenset(
    {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
    }
)
"""The axioms by which Coq's standard library makes the real numbers."""

LIMIT = 300.0
"""Seconds after which a run of Coq is killed."""


@dataclass(frozen=True)
class Verdict:
    """What came of checking a file: ``proved``, and why not in one sentence."""

    proved: bool
    reason: str = ""


def available() -> bool:
    """Whether ``coqc`` is installed."""
    return shutil.which("coqc") is not None


def library_text() -> str:
    """Return the source of the library that every generated file applies."""
    return files("gradflow.proofs").joinpath(f"coq/{LIBRARY}.v").read_text("utf-8")


@contextmanager
def workshop() -> Iterator[Path]:
    """Yield a folder with the compiled library, for any number of checks."""
    with tempfile.TemporaryDirectory(prefix="gradflow-coq-") as name:
        folder = Path(name)
        (folder / f"{LIBRARY}.v").write_text(library_text(), "utf-8")
        done = _coqc(folder, f"{LIBRARY}.v")
        if done:
            raise AssertionError(f"the Coq library of gradflow does not compile: {done}")
        yield folder


@cache
def shared_workshop() -> Path:
    """Return one workshop for the whole process, made when first needed, removed at its end."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(workshop())


def check(folder: Path, text: str, theorem: str) -> Verdict:
    """Check one generated file in a workshop.

    Parameters
    ----------
    folder
        From :func:`workshop`.
    text
        The file.
    theorem
        The name of the theorem that counts.
    """
    word = forbidden(text, library_text())
    if word:
        return Verdict(False, f"the file contains {word!r}, which a proof may not")
    if not statement(text, theorem):
        return Verdict(False, f"the file states no theorem {theorem!r}")
    (folder / "Proof.v").write_text(text, "utf-8")
    for old in folder.glob("Proof.vo*"):
        old.unlink()
    problem = _coqc(folder, "Proof.v")
    if problem:
        return Verdict(False, f"Coq rejects the file: {problem}")
    asked = f"Require Proof.\nPrint Assumptions Proof.{theorem}.\n"
    (folder / "Ask.v").write_text(asked, "utf-8")
    answer = _run(folder, "Ask.v")
    if answer is None or answer.returncode:
        return Verdict(False, f"Coq does not know a theorem {theorem!r} in the file")
    odd = sorted(assumptions(answer.stdout) - ALLOWED)
    if odd:
        return Verdict(False, f"the theorem rests on {', '.join(odd)}, which is not allowed")
    return Verdict(True)


def assumptions(answer: str) -> set[str]:
    """Return the names in what ``Print Assumptions`` printed; unknown text counts as a name."""
    lines = [line for line in answer.splitlines() if line.strip()]
    if lines == ["Closed under the global context"]:
        return set()
    if not lines or lines[0].strip() != "Axioms:":
        return {"an answer that cannot be read"}
    return {line.split(":")[0].strip() for line in lines[1:] if not line[0].isspace()}


def _coqc(folder: Path, file: str) -> str:
    """Compile a file; return what went wrong in one line, ``""`` if nothing did."""
    done = _run(folder, file)
    if done is None:
        return f"no answer within {LIMIT:g} s"
    return "" if done.returncode == 0 else " ".join(done.stderr.split())[:300] or "coqc failed"


def _run(folder: Path, file: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            ["coqc", "-q", "-R", ".", "", file],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return None
