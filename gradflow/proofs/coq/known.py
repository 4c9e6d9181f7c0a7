"""What the Coq library knows of functions: the range of their values, and where they bend."""

from __future__ import annotations

import sympy as sp

from gradflow.cells.language.functions import floor, relu, step
from gradflow.cells.language.nodes import choose
from gradflow.cells.language.program import Elementwise
from gradflow.cells.language.syntax import TIME
from gradflow.proofs.coq.terms import CoqTerms
from gradflow.proofs.coq.written import written

_RANGES = {
    "sigmoid": ("sigmoid_range", "0 < {} < 1"),
    "tanh": ("tanh_range", "-1 < {} < 1"),
    "step": ("step_range", "0 <= {} <= 1"),
    "relu": ("relu_range", "0 <= {}"),
    "exp": ("exp_pos", "0 < {}"),
    "softplus": ("softplus_range", "0 < {}"),
    "cosh": ("cosh_pos", "0 < {}"),
    "sin": ("sin_range", "-1 <= {} <= 1"),
    "cos": ("cos_range", "-1 <= {} <= 1"),
}
"""The lemma about a function's values, and what it says."""


def known_range(terms: CoqTerms, definition: sp.Basic, body: str, space: str) -> str:
    """Return a tactic that puts the range of a call at unit ``i`` among the hypotheses.

    ``body`` is the value as the file names it. ``""`` where nothing is known.
    """
    if isinstance(definition, choose):
        inner = [terms.scalar(c.args[0], "s", space) for c in _calls(definition, step)]
        cases = "".join(
            f"destruct (step_cases {a}) as [E{k}|E{k}]; rewrite E{k}; " for k, a in enumerate(inner)
        )
        return f"assert (0 <= {body} <= 1 /\\ {body} * {body} = {body}) by ({cases}lra)."
    kind = type(definition).__name__
    if kind in ("Abs", "sign"):
        calls = [(type(c).__name__, c.args[0]) for c in _calls(definition, relu, step)]
        return " ".join(
            f"pose proof ({name}_range {terms.scalar(a, 's', space)})." for name, a in calls
        )
    if kind not in _RANGES:
        return ""
    lemma, says = _RANGES[kind]
    at = terms.scalar(definition.args[0], "s", space)
    found = f"pose proof ({lemma} {at} : {says.format(body)})."
    if kind == "step":
        found += f" pose proof (step_square {at} : {body} * {body} = {body})."
    return found


def _calls(definition: sp.Basic, *functions: type[sp.Basic]) -> list[sp.Basic]:
    """Return the calls of some functions in a definition as it is written out, in order."""
    return sorted(written(definition).atoms(*functions), key=str)


def kinks(terms: CoqTerms) -> list[tuple[str, tuple[str, sp.Expr]]]:
    """Return where a step has a derivative: conditions in Coq, and what each is about."""
    found: dict[tuple[str, sp.Expr], str] = {}
    for statement in terms.statements:
        if isinstance(statement, Elementwise) and statement.target in terms.moving:
            space = terms.cell.spaces[statement.target.name]
            size = terms.size(space)
            for node in sorted(written(statement.expression).atoms(*BENDING), key=str):
                if not node.free_symbols - {TIME} or not _bends(node, terms):
                    continue
                kind, inner = _kind(node), node.args[0]
                if kind == "tangent":
                    kind, inner = "division", sp.cos(inner)
                if kind in ("kink", "jump") and inner.could_extract_minus_sign():
                    inner = -inner
                if kind != "jump" or ("kink", inner) not in found:
                    condition = _SMOOTH[kind].format(terms.scalar(inner, "s", space))
                    found[kind, inner] = f"(forall i, (i < {size})%nat -> {condition})"
    return [(coq, about) for about, coq in found.items()]


_JUMPS = {"relu": "kink", "step": "jump", "floor": "whole", "log": "log", "tan": "tangent"}
BENDING = (relu, step, floor, sp.log, sp.tan, sp.Pow)
_SMOOTH = {
    "kink": "{} <> 0",
    "jump": "{} <> 0",
    "division": "{} <> 0",
    "whole": "floor {0} <> {0}",
    "log": "0 < {}",
    "root": "0 < {}",
}
"""What is assumed where a function has no derivative everywhere, by kind."""


def _kind(node: sp.Basic) -> str:
    if isinstance(node, sp.Pow):
        return "division" if node.exp.is_Integer else "root"
    return _JUMPS[type(node).__name__]


def _bends(node: sp.Basic, terms: CoqTerms) -> bool:
    """Whether a call needs an assumption: a jump of what the state does not reach needs none."""
    if isinstance(node, sp.Pow):
        return not (node.exp.is_Integer and node.exp > 0)
    return isinstance(node, sp.log) or bool(node.free_symbols & terms.moving)
