"""What a generated Coq file may say: rules about its text, checked before Coq sees it.

Coq accepts a file that assumes what it should prove, that gives a familiar name another meaning, or
whose premises contradict one another. Files of gradflow do none of that, and anything else is
refused.
"""

from __future__ import annotations

import re

_FORBIDDEN = re.compile(
    r"\b(Admitted|admit|Admit|give_up|Axioms?|Parameters?|Conjectures?|Abort|Undo|Load|Declare|Add|"
    r"Cd|Redirect|Extraction|Primitive|Register|bypass_check|Guard Checking|Positivity|Universe|"
    r"Fail|native_compute|Print|Obligations?|Program|Unshelve|exact_no_check|vm_cast_no_check|"
    r"Notation|Infix|Ltac2?|From|Export|Module|Import(?! Reals Lra Lia GradFlow\.))\b"
)
_DEFINES = re.compile(
    r"\b(?:Definition|Fixpoint|CoFixpoint|Lemma|Theorem|Corollary|Remark|Fact|Proposition|Example|"
    r"Let|Variables?|Hypothes[ie]s|Context|Inductive|CoInductive|Record|Structure|Class|Instance|"
    r"Canonical|Coercion|Function)\s+((?:[A-Za-z_][\w']*\s+)*?[A-Za-z_][\w']*)\s*(?=[:({\[]|$)"
)
_LIBRARY_NAMES = re.compile(r"^(?:Definition|Fixpoint|Lemma|Theorem|Ltac)\s+(\w+)", re.MULTILINE)
_STANDARD = frozenset(
    re.findall(
        r"\w+",
        "R nat Z sqrt exp tanh sinh cosh Rabs Rsqr INR IZR pow Rle Rlt Rge Rgt Rplus Rmult Rminus "
        "Rdiv Rinv Ropp derivable_pt_lim le lt eq and or ex not",
    )
)
_ASSUMES = re.compile(r"\b(Variables?|Hypothes[ie]s|Context|Let)\b([^.]*)\.(?=\s|$)")
_TYPE = r"(?:nat|R|vec|state|R -> state|nat -> vec|nat -> nat -> R)"
_VARIABLES = [
    re.compile(rf"\w+(?: \w+)* : {_TYPE}"),
    re.compile(rf"\(\w+ : {_TYPE}\)(?: \(\w+ : {_TYPE}\))*"),
]
_HYPOTHESES = [
    re.compile(pattern)
    for pattern in (
        r"(\w+)_pos : 0 <= \1",
        r"(k_\w+)_ub : ub \S+ \S+ \(mat \S+ p_\w+\) \1",
        r"(\w+)_range : 0 <= \1 <= 1",
        r"Hs : smooth t \(s r\)",
        r"H_(\d+) : D \S+ \(fun r => s r \1%nat\) r \(ds \1%nat\)",
        r"Hgood : good t s",
        r"Hb : box s",
    )
]
_REQUIRE = "Require Import Reals Lra Lia GradFlow."
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def forbidden(text: str, library: str) -> str:
    """Return the first thing a generated file may not contain, ``""`` if there is none.

    Comments are searched too: a file has no business with these words anywhere.
    """
    found = _FORBIDDEN.search(text)
    if found:
        return found[0]
    if text.count("Require") != 1 or _REQUIRE not in text:
        return "Require"
    # a file that gives a name of the library another meaning states another theorem
    taken = _STANDARD | set(_LIBRARY_NAMES.findall(library))
    own = next((f"a {name} of its own" for name in _defined(text) if name in taken), "")
    return own or _assumed(text)


def _assumed(text: str) -> str:
    """Return the first assumption of a file that is not of the kinds gradflow makes.

    Those hold for every network: a norm has an upper bound, a curve has a derivative. Anything
    else, a contradiction above all, could hide among the premises of a true and empty theorem.
    """
    for word, body in _ASSUMES.findall(without_comments(text)):
        kinds = _VARIABLES if word.startswith("Variable") else _HYPOTHESES
        if not any(kind.fullmatch(" ".join(body.split())) for kind in kinds):
            return f"{word} {' '.join(body.split())}"[:80]
    return ""


def statement(text: str, theorem: str) -> str:
    """Return the statement of a theorem in a file, white space normalised.

    ``""`` if there is none outside comments, or more than one.
    """
    if not _NAME.fullmatch(theorem):
        return ""
    code = without_comments(text)
    found = re.findall(rf"\bTheorem {theorem} :(.*?)\.\s+Proof\b", code, re.DOTALL)
    return " ".join(found[0].split()) if len(found) == 1 else ""


def without_comments(text: str) -> str:
    """Return a Coq file without its comments, which may nest; the rest of an open one goes too."""
    kept, depth = [], 0
    for piece in re.split(r"(\(\*|\*\))", text):
        if piece == "(*":
            depth += 1
        elif piece == "*)" and depth:
            depth -= 1
        elif not depth:
            kept.append(piece)
    return "".join(kept)


def _defined(text: str) -> list[str]:
    """Return the names that the sentences of a file define or assume."""
    code = without_comments(text)
    found = [name for names in _DEFINES.findall(code) for name in names.split()]
    return found + re.findall(r"\bwith\s+([A-Za-z_]\w*)", code)
