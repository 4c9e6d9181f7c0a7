"""A theorem's words from its text file: formulas between dollars, computed values put in.

Beside each ``.v`` of the package lies a ``.toml`` of the same name with the arguments of the
:class:`Claim` that are text; ``<<a>>`` stands for a value that is computed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from gradflow.cells.cell import Cell
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.coq.files import Build, theorem_text

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
    """Return texts as arguments of a :class:`Claim`, values put in; ``title`` is for Coq alone."""
    found: dict[str, Any] = {
        key: filled(text, values)
        for key, text in said.items()
        if key not in ("title", "hypotheses", "proof")
    }
    if "hypotheses" in said:
        found["hypotheses"] = tuple(filled(h, values) for h in said["hypotheses"])
    if "proof" in said:
        found["proof"] = tuple(filled(line, values) for line in said["proof"])
    return found


def stated(
    cell: Cell,
    name: str,
    evidence: Sequence[Mapping[str, Any]],
    build: Build,
    **values: str,
) -> Claim:
    """Return the claim whose words and Coq text lie in the package under ``name``.

    Parameters
    ----------
    cell
        The cell it is about.
    name
        The two files: ``name.toml`` and ``name.v``.
    evidence
        What certifies it without Coq.
    build
        What makes the whole Coq file.
    values
        LaTeX of what is computed.
    """
    said = texts(name)
    coq = build(cell, said.get("title", ""), theorem_text(name))
    return Claim(cell=cell.name, evidence=tuple(evidence), coq=coq, **told(said, values))
