"""A theorem's words from its text file: formulas between dollars, computed values put in.

Beside each ``.v`` of the package lies a ``.toml`` of the same name with the arguments of the
:class:`Claim` that are text; ``<<a>>`` stands for a value that is computed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from gradflow.cells.cell import Cell
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.typeset import PROSE, Letters
from gradflow.proofs.coq.files import Build
from gradflow.proofs.coq.scripts import Premise, Theorem
from gradflow.proofs.measuring.margin import Measure

_MARK = re.compile(r"<<(\w+)>>")


@cache
def texts(name: str) -> Mapping[str, Any]:
    """Return what a text file of the package says."""
    path = files("gradflow.proofs").joinpath(f"coq/theorems/{name}.toml")
    return tomllib.loads(path.read_text("utf-8"))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text in one line, each ``<<a>>`` replaced by its value. Raises ``KeyError``."""
    lines = text.strip().splitlines()
    return _MARK.sub(lambda mark: values[mark[1]], " ".join(line.strip() for line in lines))


def told(said: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return texts as arguments of a :class:`Claim`, values put in; the rest is for Coq."""
    found: dict[str, Any] = {
        key: filled(said[key], values)
        for key in ("name", "title", "words", "formula", "witness", "false", "scope")
        if key in said
    }
    if "sources" in said:
        found["sources"] = tuple(said["sources"])
    for key in ("proof", "display"):
        if key in said:
            found[key] = tuple(filled(line, values) for line in said[key])
    return found


def theorem_of(name: str) -> Theorem:
    """Return the theorem that lies in the package under ``name``: premises, proposition, proof."""
    said = texts(name)
    path = files("gradflow.proofs").joinpath(f"coq/theorems/{name}.v")
    return Theorem(
        name=said["theorem"],
        premises=tuple(
            Premise(coq=g.get("binds") or g["coq"], words=g.get("words", ""), binds="binds" in g)
            for g in said["given"]
        ),
        conclusion=said["conclusion"].strip(),
        proof=path.read_text("utf-8"),
        definitions=said.get("definitions", ""),
        tangent=said.get("tangent", False),
    )


def assumed(
    premises: Iterable[Premise], letters: Letters, values: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, ...]:
    """Return in words what premises assume, a sentence each; none twice."""
    found = []
    for premise in premises:
        if premise.words:
            found.append(filled(premise.words, values))
        found += [phrase(kind, about, letters, values) for kind, about in premise.about]
    return tuple(dict.fromkeys(line for line in found if line))


def phrase(kind: str, about: Any, letters: Letters, values: Mapping[str, str]) -> str:
    """Return the sentence for one kind of assumption about a map, a part or an expression."""
    if kind in ("norm", "slope"):
        norm = ("norm", about)
        shown = {"name": letters.name(norm), "variable": letters.variable(norm)}
    elif isinstance(about, str):
        shown = {"name": letters.part(about)}
    else:
        shown = {"name": letters.entry(about)}
        if kind in letters.kinds:
            shown["variable"] = letters.extreme(kind, about)
    return filled(texts("any_cell")["phrases"][kind], {**values, **shown})


def stated(
    cell: Cell,
    name: str,
    evidence: Sequence[Mapping[str, Any]],
    build: Build,
    measure: Measure,
    **values: str,
) -> Claim:
    """Return the claim whose words and Coq text lie in the package under ``name``.

    Parameters
    ----------
    cell
        The cell it is about.
    name
        The two files: ``name.toml`` has words and premises, ``name.v`` the proof.
    evidence
        What certifies it without Coq.
    build
        What makes the Coq files.
    measure
        What the theorem says on a run of the cell.
    values
        LaTeX of what is computed.
    """
    script = build(cell, texts(name).get("title", texts(name)["name"]), theorem_of(name))
    return Claim(
        cell=cell.name,
        hypotheses=assumed(script.premises, Letters(cell, {}, PROSE), values),
        evidence=tuple(evidence),
        script=script,
        measure=measure,
        **told(texts(name), values),
    )
