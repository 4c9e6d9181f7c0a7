"""The toy of the lecture: powers of one number, between certified decimals."""

from __future__ import annotations

from fractions import Fraction

from gradflow.cells.cell import Cell
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim

STEPS = 1000
DIGITS = 12


def claims(cell: Cell) -> list[Claim]:
    """Return certified decimals of ``w^1000`` and its derivative at 1.01 and 0.99."""
    return [
        _power(Fraction(hundredths, 100), derivative)
        for hundredths in (101, 99)
        for derivative in (False, True)
    ]


def _power(w: Fraction, derivative: bool) -> Claim:
    exponent, factor = (STEPS - 1, STEPS) if derivative else (STEPS, 1)
    found = evidence.power(w, exponent, factor, DIGITS)
    low, high = (Fraction(int(found[k]), 10**DIGITS) for k in ("low", "high"))
    shown = f"{float(w):.2f}"
    what = f"d/dw w^{STEPS} = {STEPS} w^{exponent}" if derivative else f"w^{STEPS}"
    kind = "derivative" if derivative else "power"
    left = f"{STEPS} \\cdot " if derivative else ""
    theorem = f"""(* {what} at w = {shown} *)
Require Import Reals Lra Lia GradFlow.
Open Scope R_scope.
Theorem between : IZR {found["low"]} / IZR {10**DIGITS}
  <= IZR {factor} * (IZR {w.numerator} / IZR {w.denominator}) ^ {exponent}
  <= IZR {found["high"]} / IZR {10**DIGITS}.
Proof. apply power_between; [reflexivity | reflexivity | |]; vm_compute; discriminate. Qed.
"""
    return Claim(
        f"scalar.{kind}_{w.numerator}",
        "scalar",
        f"{what} at w = {shown} lies between {decimal(low)} and {decimal(high)}",
        rf"{decimal(low)} \le {left}{shown}^{{{exponent}}} \le {decimal(high)}",
        (),
        "whole numbers: both sides times a power of 100 are integers, and they are compared",
        (found,),
        theorem,
        "between",
        witness=f"w = {shown}",
    )


def decimal(value: Fraction) -> str:
    """Return a fraction over a power of ten as decimals, exactly."""
    whole, rest = divmod(value.numerator * 10**DIGITS // value.denominator, 10**DIGITS)
    return f"{whole}.{rest:0{DIGITS}d}"
