"""The theorems of each cell: the general ones for any declaration, and what a library cell adds."""

from __future__ import annotations

import importlib

from gradflow import cells
from gradflow.cells.cell import Cell
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.theorems.general import general

OWN = ("rnn", "irnn", "lstm", "gru", "scrn", "clockwork", "scalar")
"""Library cells with theorems of their own, one file each."""


def theorems(cell: Cell) -> tuple[Claim, ...]:
    """Return every claim about a cell, without running Coq.

    The theorems of a library cell are added only to that very declaration: another cell that
    happens to share its name gets the general ones.
    """
    found = list(general(cell))
    if cell.name in OWN and cell == cells.get(cell.name):
        module = importlib.import_module(f"gradflow.proofs.theorems.{cell.name}")
        found += module.claims(cell)
    return tuple(found)
