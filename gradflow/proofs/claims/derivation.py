"""How the bounds of a step follow, a rule a line: prose with the formulas between dollars."""

from __future__ import annotations

from gradflow.jacobians import jacobian
from gradflow.proofs.bounding.norms import BlockBound, StepBound, TermBound
from gradflow.proofs.bounding.step import in_named_maps
from gradflow.proofs.claims.typeset import Letters


def derivation(letters: Letters, step: StepBound) -> list[str]:
    """Return the derivation of all blocks' bounds; ``letters`` are those of its cell."""
    found = []
    for block in step.blocks:
        terms = in_named_maps(jacobian(letters.cell)[block.out, block.wrt].terms)
        for term, shown in zip(block.terms, terms, strict=True):
            found += _term(letters, term, [letters.entry(d) for d in shown.diagonals])
        if block.terms:
            found.append(f"sum       ${block_latex(letters, block)}$")
    return found


def block_latex(letters: Letters, block: BlockBound) -> str:
    """Return the bound of one block."""
    out, wrt = (letters.part(p) for p in (block.out, block.wrt))
    return rf"\|\mathrm{{d}}{out}'/\mathrm{{d}}{wrt}\| \le {letters.polynomial(block.bound)}"


def _term(letters: Letters, term: TermBound, entries: list[str]) -> list[str]:
    found = []
    for diagonal, entry in zip(term.diagonals, entries, strict=True):
        if entry != "1":
            found += [f"identity  ${letters.identity(i)}$" for i in diagonal.identities()]
            found.append(rf"diagonal  $|{entry}| \le {letters.polynomial(diagonal.bound)}$")
    for name in term.maps:
        inner = letters.name(("norm", name))
        norm = letters.variable(("norm", name))
        found.append(rf"map       $\|{inner} v\| \le {norm} \, \|v\|$")
    return [*found, rf"product   $\le {letters.polynomial(term.bound)}$"]
