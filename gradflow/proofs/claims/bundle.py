"""A claim as a folder that others can re-check: the statement, the evidence, Coq, SMT, hashes.

``claim.json`` holds the words, ``cell.json`` the declaration, ``evidence.json`` the exact data,
``Statement.v`` and ``Proof.v`` the Coq files, ``questions.smt2`` the identities for solvers, and
``hashes.json`` the SHA-256 of each with the versions that wrote them. Reading one back needs
neither SymPy nor NumPy.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradflow.errors import GradflowError, InputError
from gradflow.given import instance, path
from gradflow.proofs.algebra.identity import Identity, identity_from_json
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.seal import DECLARED, texts_of
from gradflow.proofs.coq.scripts import Script
from gradflow.proofs.solvers.questions import questions
from gradflow.provenance import versions

MOST_BYTES = 2**25
"""The largest file of a bundle that is read."""

_FILES = (
    "claim.json",
    "cell.json",
    "evidence.json",
    "Statement.v",
    "Proof.v",
    "questions.smt2",
)
_SEVERAL = ("hypotheses", "derivation")
_TEXT = ("name", "cell", "words", "formula", "theorem", "witness", "false", "scope")
_ASIDE = ".part"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A claim read back from a folder, and what is wrong with the folder, if anything."""

    folder: Path
    claim: Claim | None = None
    questions: str = ""
    fault: str = ""
    digest: str = ""


def write(claim: Claim, out: Path) -> Path:
    """Write the bundle of a claim into a folder of its own below ``out``; return that folder.

    The bundle is written aside and renamed, so that an interruption leaves the one that was there.

    Raises ``InputError`` if it cannot be written.
    """
    instance(claim, "write: claim", Claim, "gradflow.prove")
    out = path(out, "write: out")
    folder = out / claim.name
    texts = {
        "claim.json": _json(texts_of(claim)),
        "cell.json": _json(dict(claim.declaration)),
        "evidence.json": _json(list(claim.evidence)),
    }
    if claim.script:
        texts |= {"Statement.v": claim.script.statement, "Proof.v": claim.script.proof}
    if asked := questions(list(identities(list(claim.evidence)))):
        texts["questions.smt2"] = asked
    hashes = {name: _digest(text.encode()) for name, text in texts.items()}
    texts["hashes.json"] = _json(
        {"files": hashes, "versions": versions(("sympy", "scipy", "numpy"))}
    )
    aside, old = (out / f".{secrets.token_hex(8)}{_ASIDE}" for _ in range(2))
    try:
        aside.mkdir(parents=True)
        for name, text in texts.items():
            (aside / name).write_text(text, "utf-8")
        try:
            if folder.exists():
                folder.rename(old)
            aside.rename(folder)
        finally:
            if old.exists() and not folder.exists():
                old.rename(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); choose --out.") from None
    finally:
        for left in (aside, old):
            shutil.rmtree(left, ignore_errors=True)
    return folder


def read(folder: Path) -> Bundle:
    """Read a bundle. What is wrong with it stands in ``fault``; nothing is raised."""
    try:
        texts = {name: text for name in _FILES if (text := _read(folder / name)) is not None}
        listed = _read(folder / "hashes.json")
        if listed is None:
            return Bundle(folder=folder, fault="hashes.json is missing")
        hashes = json.loads(listed)["files"]
        if set(hashes) != set(texts):
            odd = ", ".join(sorted(set(hashes) ^ set(texts)))[:200]
            return Bundle(folder=folder, fault=f"files and hashes differ in {odd}")
        for name, text in texts.items():
            if _digest(text.encode("utf-8")) != hashes[name]:
                return Bundle(
                    folder=folder, fault=f"{name} is not the file that was written (hash)"
                )
        claim = _claim(texts)
        asked = texts.get("questions.smt2", "")
        fault = "" if asked == questions(list(identities(list(claim.evidence)))) else _OTHER
        return Bundle(
            folder=folder,
            claim=claim,
            questions=asked,
            fault=fault,
            digest=_digest(listed.encode("utf-8"))[:16],
        )
    except GradflowError as error:
        return Bundle(folder=folder, fault=str(error)[:300])
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        OSError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        why = f"cannot be read ({type(error).__name__}: {str(error)[:200]})"
        return Bundle(folder=folder, fault=why)


_OTHER = "questions.smt2 does not ask about the identities of evidence.json"


def _read(path: Path) -> str | None:
    """Return the text of a file, ``None`` where there is no ordinary file of that name."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path.name} has more than {MOST_BYTES} bytes")
    return content.decode("utf-8")


def _claim(texts: dict[str, str]) -> Claim:
    """Return the claim of a bundle. Raises ``KeyError``, ``TypeError`` or ``ValueError``."""
    said = json.loads(texts["claim.json"])
    declared = json.loads(texts["cell.json"])
    given = json.loads(texts["evidence.json"])
    if set(said) != {*_TEXT, *_SEVERAL} or not set(declared) <= set(DECLARED):
        raise ValueError("claim.json and cell.json have other entries than gradflow writes")
    if not all(isinstance(said[key], str) for key in _TEXT):
        raise TypeError("a text of claim.json is no text")
    several = {key: said[key] for key in _SEVERAL}
    if not all(
        isinstance(v, list) and all(isinstance(x, str) for x in v) for v in several.values()
    ):
        raise TypeError("the hypotheses and the derivation are lists of texts")
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise TypeError("evidence.json is a list of records")
    files = [name for name in ("Statement.v", "Proof.v") if name in texts]
    if len(files) == 1 or bool(files) != bool(said["theorem"]):
        raise ValueError("a theorem of Coq is two files, Statement.v and Proof.v, and a name")
    script = None
    if files:
        script = Script(
            theorem=said["theorem"], statement=texts["Statement.v"], proof=texts["Proof.v"]
        )
    return Claim(
        **{key: said[key] for key in _TEXT if key != "theorem"},
        hypotheses=tuple(several["hypotheses"]),
        proof=tuple(several["derivation"]),
        evidence=tuple(given),
        script=script,
        declaration=declared,
    )


def folders(root: Path) -> list[Path]:
    """Return every bundle in a folder, the folder itself included, sorted."""
    root = path(root, "verify: root")
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; pass what `gradflow prove --out` wrote.")
    marks = ("claim.json", "hashes.json")
    places = {p.parent for name in marks for p in root.rglob(name)}
    found = sorted(p for p in places if p.suffix != _ASIDE)
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
