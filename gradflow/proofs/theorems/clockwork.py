"""The Clockwork RNN: idle rows are identity rows, and few factors act on a slow module."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.proofs import evidence
from gradflow.proofs.bounding import bounds
from gradflow.proofs.claims import Claim
from gradflow.proofs.coq_theorems import extended_upper, own_file


def claims(cell: Cell) -> list[Claim]:
    """Return the theorems about the Clockwork RNN."""
    step = evidence.step(bounds(cell))
    return [
        Claim(
            "clockwork.idle",
            "clockwork",
            "the row of an idle unit is a row of the identity: its gradient passes the step "
            "unchanged, so only the steps at which a module ticks act on it",
            r"t \bmod T_i \ne 0 \;\Rightarrow\; (J_t)_{ij} = \delta_{ij}",
            ("unit i does not tick at step t",),
            "dh'/dh = diag(1 - active) + diag(active (1 - a^2)) W_H with active_i = 0",
            (step,),
            own_file(cell, "clockwork_idle", "idle rows"),
            "idle",
            witness="period 2 at step 1",
        ),
        Claim(
            "clockwork.few",
            "clockwork",
            "in a module of period p, read by itself, floor(T/p) of T steps act: |P(T, 0)| <= "
            "|W_H|^floor(T/p), with W_H the module's own block",
            r"\|P(T, 0)\|_2 \le \|W_H\|_2^{\lfloor T/p \rfloor}",
            ("every unit has period p (a network of several periods: each module's own block)",),
            "the other factors are the identity, and floor(T/p) of the steps 1..T are multiples "
            "of p",
            (step,),
            extended_upper(cell, "clockwork_few"),
            "few",
            witness="p = 2, T = 3: one factor acts",
            scope="the Coq file is about a network with one period; that the modules of a network "
            "with several make the product block triangular, so that the spectrum of a full period "
            "is the union of the modules' own, is not in it",
        ),
    ]
