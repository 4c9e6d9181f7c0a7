"""The Clockwork RNN: idle rows are identity rows, and few factors act on a slow module."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.coq.files import extended_upper, own_file


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
            ("every unit has period p; see clockwork.modules for several",),
            "the other factors are the identity, and floor(T/p) of the steps 1..T are multiples "
            "of p",
            (step,),
            extended_upper(cell, "clockwork_few"),
            "few",
            witness="p = 2, T = 3: one factor acts",
        ),
        Claim(
            "clockwork.modules",
            "clockwork",
            "in a network of several periods the product is block triangular: modules slower "
            "than p "
            "do not see the module of period p, and on that module floor(T/p) of T steps act, each "
            "with its own block of W_H",
            r"\|P_{pp}(T, 0)\|_2 \le \|W_{H,pp}\|_2^{\lfloor T/p \rfloor}, \qquad P_{qp} = 0 "
            r"\text{ for } q > p",
            (
                "a unit reads its own module and slower ones: W_H[i, j] = 0 unless T_i <= T_j",
                "unit i ticks at the multiples of its period T_i",
            ),
            "a gradient that is 0 on all slower modules stays so, by the mask; on the module "
            "itself each step is the identity or diag(tanh') W_pp",
            (step,),
            own_file(cell, "clockwork_modules", "modules"),
            "modules",
            witness="W_H = 0 and periods 1 and 2",
            scope="the spectrum of a full period is the union of the modules' own, as for any "
            "block "
            "triangular matrix; that step is not in the Coq file",
        ),
    ]
