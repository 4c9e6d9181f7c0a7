"""The literature behind a theorem, as BibTeX."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from gradflow import __version__
from gradflow.proofs.claims.claim import Claim

_CELLS = "cells"
_SELF = "gradflow"


@cache
def literature() -> Mapping[str, Any]:
    """Return the sources by key, each with its type and fields; the table ``cells`` names some."""
    return tomllib.loads(files("gradflow.proofs").joinpath("cards/sources.toml").read_text("utf-8"))


def sources_of(claim: Claim) -> tuple[str, ...]:
    """Return the keys of a claim's literature, those of its cell where it has none of its own.

    The last is gradflow itself, whose statement and proof it is.
    """
    return (*(claim.sources or literature()[_CELLS].get(claim.cell, ())), _SELF)


def bibtex(claim: Claim) -> str:
    """Return BibTeX entries for what a claim comes from."""
    return "\n\n".join(_entry(key) for key in sources_of(claim))


def _entry(key: str) -> str:
    fields = dict(_own() if key == _SELF else literature()[key])
    kind = fields.pop("type")
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items()]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"


def _own() -> dict[str, str]:
    return {
        "type": "misc",
        "author": "{The gradflow authors}",
        "title": "gradflow: does the gradient survive?",
        "note": f"Software, version {__version__}",
    }
