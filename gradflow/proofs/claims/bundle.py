"""A claim as a folder that others can re-check: the statement, the evidence, Coq, SMT, hashes.

``claim.json`` holds the words, ``evidence.json`` the exact data, ``proof.v`` the Coq file,
``questions.smt2`` the identities for solvers, and ``hashes.json`` the SHA-256 of each with the
versions that wrote them. Reading one back needs neither SymPy nor NumPy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gradflow.errors import InputError
from gradflow.given import instance, path
from gradflow.proofs.algebra.identity import Identity, identity_from_json
from gradflow.proofs.claims.claim import Claim, Margin
from gradflow.proofs.coq import rules as coq_rules
from gradflow.proofs.solvers.questions import questions
from gradflow.provenance import versions

_TEXT = ("name", "cell", "words", "formula", "theorem", "witness", "false", "scope")
_FILES = ("claim.json", "evidence.json", "proof.v", "questions.smt2")


@dataclass(frozen=True)
class Bundle:
    """A claim read back from a folder, and what is wrong with the folder, if anything."""

    folder: Path
    claim: Claim | None
    questions: str
    fault: str

    @property
    def digest(self) -> str:
        """The first digits of the SHA-256 of the hashes: one word for the whole folder."""
        path = self.folder / "hashes.json"
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""


def write(claim: Claim, out: Path) -> Path:
    """Write the bundle of a claim into a folder of its own below ``out``; return that folder.

    Raises ``InputError`` if it cannot be written.
    """
    instance(claim, "write: claim", Claim, "gradflow.prove")
    folder = path(out, "write: out") / claim.name
    said = claim.plain()
    plain: dict[str, Any] = {k: getattr(said, k) for k in _TEXT}
    plain["hypotheses"] = list(said.hypotheses)
    plain["proof"] = "\n".join(said.proof)
    plain["statement"] = coq_rules.statement(claim.coq, claim.theorem)
    if claim.margin:
        plain["margin"] = {f.name: getattr(claim.margin, f.name) for f in fields(Margin)}
    texts = {
        "claim.json": _json(plain),
        "evidence.json": _json(list(claim.evidence)),
    }
    if claim.coq:
        texts["proof.v"] = claim.coq
    if asked := questions(list(identities(list(claim.evidence)))):
        texts["questions.smt2"] = asked
    hashes = {name: _digest(text.encode()) for name, text in texts.items()}
    texts["hashes.json"] = _json(
        {"files": hashes, "versions": versions(("sympy", "scipy", "numpy"))}
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            (folder / name).unlink(missing_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); choose --out.") from None
    return folder


def read(folder: Path) -> Bundle:
    """Read a bundle. What is wrong with it stands in ``fault``; nothing is raised."""
    try:
        texts = {n: (folder / n).read_text("utf-8") for n in _FILES if (folder / n).is_file()}
        hashes = json.loads((folder / "hashes.json").read_text("utf-8"))["files"]
        if set(hashes) != set(texts):
            odd = ", ".join(sorted(set(hashes) ^ set(texts)))
            return Bundle(folder, None, "", f"files and hashes differ in {odd}")
        for name, text in texts.items():
            if _digest(text.encode()) != hashes[name]:
                return Bundle(folder, None, "", f"{name} is not the file that was written (hash)")
        claim = _claim(json.loads(texts["claim.json"]), texts)
        return Bundle(folder, claim, texts.get("questions.smt2", ""), _consistent(claim, texts))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Bundle(folder, None, "", f"cannot be read ({type(error).__name__}: {error})")


def _claim(data: dict[str, Any], texts: dict[str, str]) -> Claim:
    margin = Margin(**data["margin"]) if "margin" in data else None
    return Claim(
        name=str(data["name"]),
        cell=str(data["cell"]),
        words=str(data["words"]),
        formula=str(data["formula"]),
        hypotheses=tuple(str(h) for h in data["hypotheses"]),
        evidence=tuple(json.loads(texts["evidence.json"])),
        proof=tuple(str(data["proof"]).splitlines()),
        coq=texts.get("proof.v", ""),
        theorem=str(data["theorem"]),
        witness=str(data["witness"]),
        false=str(data["false"]),
        scope=str(data["scope"]),
        margin=margin,
    )


def _consistent(claim: Claim, texts: dict[str, str]) -> str:
    """Return how the parts of a bundle contradict one another, ``""`` if they do not."""
    stated = json.loads(texts["claim.json"])["statement"]
    if stated != coq_rules.statement(claim.coq, claim.theorem):
        return "proof.v does not state what claim.json says it states"
    try:
        asked = questions(list(identities(list(claim.evidence))))
    except InputError as error:
        return str(error)
    if asked != texts.get("questions.smt2", ""):
        return "questions.smt2 does not ask about the identities of evidence.json"
    return ""


def folders(root: Path) -> list[Path]:
    """Return every bundle in a folder, the folder itself included, sorted."""
    root = path(root, "verify: root")
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; pass what `gradflow prove --out` wrote.")
    found = sorted({p.parent for name in ("claim.json", "hashes.json") for p in root.rglob(name)})
    if not found:
        raise InputError(f"{root}: holds no claim; pass what `gradflow prove --out` wrote.")
    return found


def identities(data: Any) -> Iterator[Identity]:
    """Yield every identity in evidence, however deep. Raises ``InputError`` for a broken one."""
    if isinstance(data, dict):
        if "summands" in data:
            yield identity_from_json(data)
        else:
            for key in sorted(data):
                yield from identities(data[key])
    elif isinstance(data, (list, tuple)):
        for item in data:
            yield from identities(item)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(data: Any) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
