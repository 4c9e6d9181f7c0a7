"""What a claim states, with one digest: words, hypotheses, the Coq statement, the cell.

Everything a reader may take from a claim is sealed, and nothing else: a certificate or a proof may
differ and still show the same statement. The digests of the library's claims ship with the package,
so that a bundle about a library cell is known without SymPy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from gradflow.proofs.claims.claim import Claim

DECLARED = (
    "name",
    "equations",
    "state",
    "inputs",
    "maps",
    "vectors",
    "scalars",
    "constants",
    "masks",
    "fixed",
    "outputs",
)
"""What determines the equations of a cell; its defaults and its title do not."""

_SHOWN = frozenset({"summands", "proof", "witness", "factor", "factor_shift"})
_TABLE = "claims/seals.json"


def plain_declaration(declaration: Any) -> dict[str, Any]:
    """Return what determines the equations of a :class:`Declaration`, as plain data."""
    plain: dict[str, Any] = {key: getattr(declaration, key) for key in DECLARED}
    return plain | {key: dict(plain[key]) for key in ("masks", "fixed")}


def stated_by(evidence: Any) -> Any:
    """Return evidence without the certificates: what it states, and not why that holds."""
    if isinstance(evidence, Mapping):
        return {k: stated_by(v) for k, v in evidence.items() if k not in _SHOWN}
    if isinstance(evidence, (list, tuple)):
        return [stated_by(item) for item in evidence]
    return evidence


def texts_of(claim: Claim) -> dict[str, Any]:
    """Return everything that a claim says, in the signs of a keyboard."""
    said = claim.plain()
    return {
        "name": said.name,
        "cell": said.cell,
        "words": said.words,
        "formula": said.formula,
        "hypotheses": list(said.hypotheses),
        "derivation": list(said.proof),
        "witness": said.witness,
        "false": said.false,
        "scope": said.scope,
        "theorem": said.script.theorem if said.script else "",
    }


def stated(claim: Claim) -> dict[str, Any]:
    """Return all that is sealed: texts, the cell, the Coq statement, what the evidence states."""
    return {
        **texts_of(claim),
        "declaration": dict(claim.declaration),
        "statement": claim.script.statement if claim.script else "",
        "evidence": stated_by(claim.evidence),
    }


def digest(data: Any) -> str:
    """Return the SHA-256 of plain data, or of a text."""
    text = data if isinstance(data, str) else json.dumps(data, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def seal(claim: Claim) -> str:
    """Return the digest of all that a claim states."""
    return digest(stated(claim))


def step_seal(declaration: Mapping[str, Any], derivation: Any, assumes: Any) -> str:
    """Return the digest of the bounds of a step of a cell, with what they assume of a run."""
    return digest([dict(declaration), stated_by(derivation), list(assumes)])


@cache
def shipped() -> Mapping[str, Mapping[str, str]]:
    """Return the digests that ship with the package, by the name of the claim.

    ``seal`` is that of the statement, ``proof`` that of ``Proof.v``, ``step`` (for ``upper``) that
    of the bounds of a step, on which a claim about given weights rests.
    """
    text = files("gradflow.proofs").joinpath(_TABLE).read_text("utf-8")
    table: dict[str, dict[str, str]] = json.loads(text)
    return table


def entry(claim: Claim) -> dict[str, str]:
    """Return what the table says of a claim."""
    found = {"seal": seal(claim), "proof": digest(claim.script.proof if claim.script else "")}
    if claim.name == f"{claim.cell}.upper":
        derivation = claim.evidence[0]["derivation"]
        found["step"] = step_seal(claim.declaration, derivation, claim.assumes)
    return found
