"""The toy of the lecture: powers of one number, between certified decimals."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

from gradflow.cells.cell import Cell
from gradflow.cells.library.scalar import scalar
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.claims.stating import texts, told
from gradflow.proofs.coq.files import alone
from gradflow.proofs.coq.scripts import Theorem
from gradflow.proofs.measuring.scalar import power
from gradflow.proofs.theorems import TheoremSet

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
    latex = rf"\mathrm{{d}}/\mathrm{{d}}w\, w^{{{STEPS}}} = {STEPS}\, w^{{{exponent}}}"
    latex = latex if derivative else f"w^{{{STEPS}}}"
    theorem = Theorem(
        name="between",
        premises=(),
        conclusion=f"""IZR {found["low"]} / IZR {10**DIGITS}
  <= IZR {factor} * (IZR {w.numerator} / IZR {w.denominator}) ^ {exponent}
  <= IZR {found["high"]} / IZR {10**DIGITS}""",
        proof="Proof. apply power_between; [reflexivity | reflexivity | |]; vm_compute; "
        "discriminate. Qed.",
    )
    values = {
        "kind": f"{kind}_{w.numerator}",
        "what": latex,
        "w": shown,
        "exponent": str(exponent),
        "left": f"{STEPS} \\cdot " if derivative else "",
        "low": decimal(low),
        "high": decimal(high),
    }
    said = told(texts("scalar_power"), values)
    script = alone(scalar, f"{what} at w = {shown}", theorem)
    on_a_run = partial(power, w=float(w), steps=STEPS, high=float(high), derivative=derivative)
    return Claim(cell=scalar.name, evidence=(found,), script=script, measure=on_a_run, **said)


def decimal(value: Fraction) -> str:
    """Return a fraction over a power of ten as decimals, exactly."""
    whole, rest = divmod(value.numerator * 10**DIGITS // value.denominator, 10**DIGITS)
    return f"{whole}.{rest:0{DIGITS}d}"


THEOREMS = TheoremSet(scalar, claims)
