"""Words that the text of a proof may not contain, checked before Coq sees it.

What a proof states need not be judged here: Coq compares its theorem with a statement of gradflow's
own. These rules keep a proof from reaching outside its folder while it is compiled (``Load``,
``Redirect``, ``Extraction``, plugins), and from leaving options, checks switched off or other names
to the file that judges it.
"""

from __future__ import annotations

import re

_FORBIDDEN = re.compile(
    r"\b(Admitted|admit|Admit|give_up|Axioms?|Parameters?|Conjectures?|Abort|Undo|Load|Declare|Add|"
    r"Cd|Pwd|Drop|Redirect|Extraction|Extract|Separate|Recursive|Primitive|Register|bypass_check|"
    r"Guard|Positivity|Universes?|Polymorphic|Fail|Time|Timeout|native_compute|Print|Debug|"
    r"Obligations?|Program|Unshelve|exact_no_check|vm_cast_no_check|change_no_check|Notation|"
    r"Infix|Ltac2?|From|Export|Module|Global|export|global|Coercion|Canonical|Hint|Strategy|"
    r"Import(?! Reals Lra Lia GradFlow\.))\b"
)
_REQUIRE = "Require Import Reals Lra Lia GradFlow."
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


_COMPUTED = frozenset({"vm_cast_no_check", "Ltac"})
_MACHINE = "Require Import NumGrad63.\n"
_NUMERIC = """Require Import Reals Lra Lia GradFlow.
Require Import ZArith List NumGrad.
Import ListNotations.
Open Scope R_scope.

{machine}Require Import Statement.
"""


def on_machine_integers(proof: str) -> bool:
    """Whether a proof about given numbers computes on the 63-bit integers of Coq's kernel."""
    return _NUMERIC.format(machine=_MACHINE) in proof


def forbidden(proof: str, theorem: str, *, numeric: bool = False) -> str:
    """Return the first thing that a proof may not contain, ``""`` if there is none.

    A ``numeric`` proof, of a statement about given numbers, may let the kernel compute
    (``vm_cast_no_check``, which is checked at its end) and begins with its own imports.

    Comments and strings are searched too: a proof has no business with these words anywhere.
    """
    if not _NAME.fullmatch(theorem):
        return theorem[:40] or "no theorem"
    if numeric:
        begin = _NUMERIC.format(machine=_MACHINE if on_machine_integers(proof) else "")
        proof = proof.replace(begin, _REQUIRE + "\n", 1)
    found = next(
        (m for m in _FORBIDDEN.finditer(proof) if not (numeric and m[0] in _COMPUTED)), None
    )
    if found:
        return found[0]
    return "" if proof.count("Require") == 1 and _REQUIRE in proof else "Require"
