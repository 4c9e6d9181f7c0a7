"""Whether a claim read from a folder is the one that gradflow itself makes under that name.

A library cell is known by digests that ship with the package. For any other cell the claim is made
again from the declaration, which needs SymPy. What is neither is ``foreign``: it may be true, and
gradflow does not vouch for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from gradflow.errors import GradflowError
from gradflow.proofs.claims.claim import DERIVED, Claim
from gradflow.proofs.claims.seal import digest, entry, seal, shipped, stated, step_seal
from gradflow.proofs.claims.weighing import weighted_texts, weights_texts
from gradflow.prose import ascii_text


@dataclass(frozen=True)
class Origin:
    """Why a claim is foreign (``""`` if it is not), and whether its proof is gradflow's own too."""

    foreign: str
    own_proof: bool = False


def origin(claim: Claim, known: Mapping[str, str]) -> Origin:
    """Compare a claim with what gradflow states.

    Parameters
    ----------
    claim
        As read from a bundle.
    known
        Seals of claims that the caller vouches for, by name.
    """
    proof = digest(claim.script.proof if claim.script else "")
    own = seal(claim)
    if known.get(claim.name) == own:
        return Origin("")
    if claim.name in (f"{claim.cell}.weights", f"{claim.cell}.diagonal"):
        return Origin(_weights(claim))
    if claim.basis == DERIVED:
        return _derived(claim, proof)
    if claim.name == f"{claim.cell}.gradient":
        return _gradient(claim, proof)
    listed = shipped().get(claim.name, {})
    if listed.get("seal") == own:
        return Origin("", listed["proof"] == proof)
    if find_spec("sympy") is None:
        return Origin("not a statement about a library cell; other cells need SymPy to be compared")
    found = _again(claim)
    if isinstance(found, str):
        return Origin(found)
    odd = _difference(stated(claim), stated(found))
    if odd:
        return Origin(f"gradflow's own {claim.name} has another {odd}")
    return Origin("", found.script is not None and digest(found.script.proof) == proof)


def _weights(claim: Claim) -> str:
    """Return why a claim about given weights is foreign.

    Its words are made of its data alone, and the bounds of a step that it uses must be those of the
    declared cell.
    """
    kind, texts = (
        ("weights", weights_texts)
        if claim.name == f"{claim.cell}.weights"
        else ("weighted", weighted_texts)
    )
    if len(claim.evidence) != 1 or claim.evidence[0].get("kind") != kind or claim.script:
        return "a claim about given weights rests on one piece of evidence of that kind"
    (data,) = claim.evidence
    for field, text in texts(data).items():
        several = not isinstance(text, str)
        wanted = tuple(map(ascii_text, text)) if several else text
        if getattr(claim, field) != (wanted if several or field == "formula" else ascii_text(text)):
            return f"the {field} is not what the evidence shows"
    if claim.declaration.get("name") != claim.cell:
        return "the declared cell has another name"
    own = step_seal(claim.declaration, data["derivation"], data["assumes"])
    if shipped().get(f"{claim.cell}.upper", {}).get("step") == own:
        return ""
    if find_spec("sympy") is None:
        return "not about a library cell; other cells need SymPy to be compared"
    cell = _declared(claim.declaration)
    if isinstance(cell, str):
        return cell
    from gradflow.proofs.theorems.any_cell import automatic

    bound = next((c for c in automatic(cell)[0] if c.name == f"{cell.name}.upper"), None)
    if bound is None:
        return "gradflow states no bound of the declared cell"
    again = step_seal(claim.declaration, bound.evidence[0]["derivation"], bound.assumes)
    return "" if again == own else "the bounds of a step are not those of the declared cell"


def _gradient(claim: Claim, proof: str) -> Origin:
    """Compare a claim about the gradient of one network, made again from its numbers."""
    if find_spec("sympy") is None:
        return Origin("the gradient of one network needs SymPy to be compared with its cell")
    cell = _declared(claim.declaration)
    if isinstance(cell, str):
        return Origin(cell)
    if len(claim.evidence) != 1 or claim.evidence[0].get("kind") != "gradient":
        return Origin("a claim about a gradient rests on one piece of evidence of that kind")
    from gradflow.proofs.certified.theorem.claim import gradient_again

    found = gradient_again(cell, claim.evidence[0], claim.script)
    made, read = stated(found), stated(claim) | {"scope": ""}
    odd = _difference(read, made | {"scope": ""})
    if odd:
        return Origin(f"gradflow's own {claim.name} has another {odd}")
    return Origin("", found.script is not None and digest(found.script.proof) == proof)


def _derived(claim: Claim, proof: str) -> Origin:
    """Compare a claim about random networks, made again from the declaration and their laws."""
    if find_spec("sympy") is None:
        return Origin("a statement about random networks needs SymPy to be made again")
    cell = _declared(claim.declaration)
    if isinstance(cell, str):
        return Origin(cell)
    from gradflow.proofs.wide.carousel_floor import derived
    from gradflow.proofs.wide.plain_laws import arguments

    try:
        made = derived(cell, **arguments(claim.evidence[0]))
    except (GradflowError, LookupError, TypeError, ValueError) as error:
        return Origin(f"the laws of the weights are refused: {str(error)[:200]}")
    found = {one.name: one for statement in made for one in statement.claims()}
    if claim.name not in found:
        return Origin(f"gradflow derives no {claim.name[:80]!r} for the declared cell")
    own = found[claim.name]
    if odd := _difference(stated(claim), stated(own)):
        return Origin(f"gradflow's own {claim.name} has another {odd}")
    return Origin("", own.script is not None and digest(own.script.proof) == proof)


def _again(claim: Claim) -> Claim | str:
    """Make a claim again from its declaration; return why there is none as text."""
    cell = _declared(claim.declaration)
    if isinstance(cell, str):
        return cell
    found = _claims_of(cell)
    if claim.name not in found:
        return f"gradflow states no {claim.name[:80]!r} about the declared cell"
    return found[claim.name]


@lru_cache(maxsize=8)
def _claims_of(cell: Any) -> Mapping[str, Claim]:
    """Return every claim about a cell by name; bundles of one cell come one after the other."""
    from gradflow.proofs.theorems import theorems

    return {claim.name: claim for claim in theorems(cell)}


def _declared(declaration: Mapping[str, Any]) -> Any:
    """Return the declared cell, the library's own where it is one; why there is none as text."""
    from gradflow.cells import LIBRARY, Cell, get
    from gradflow.proofs.claims.seal import plain_declaration

    name = declaration.get("name")
    if name in LIBRARY and plain_declaration(get(name).declaration) == declaration:
        return get(name)
    try:
        cell = Cell(**declaration)
        if plain_declaration(cell.declaration) != declaration:
            return "the declaration is not written as gradflow writes it"
        return cell
    except (GradflowError, TypeError, AttributeError, ValueError) as error:
        return f"the declaration is refused: {str(error)[:200]}"


def _difference(read: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    """Return the first entry in which two sealed claims differ, ``""`` if there is none."""
    return next((key for key in made if digest(read[key]) != digest(made[key])), "")


def table() -> str:
    """Return the text of the table of digests for the cells of the library."""
    from gradflow.cells import LIBRARY, get
    from gradflow.proofs.theorems import theorems

    found = {claim.name: entry(claim) for name in LIBRARY for claim in theorems(get(name))}
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    print(table(), end="")
