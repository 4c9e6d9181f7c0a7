"""Identities as questions to two independent solvers, each asked in a process that can be killed.

A question asserts the hypotheses and the opposite of the claim; ``unsat`` means the claim holds.
Two solvers that agree corroborate a claim, they do not prove it: their answers carry no proof that
anything here could check.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from importlib.util import find_spec

from gradflow.proofs.algebra.identity import Identity
from gradflow.proofs.algebra.polynomial import Polynomial, Variable, constant
from gradflow.proofs.limits import command_of, environment

SOLVERS = {"z3": "gradflow.proofs.solvers.z3", "cvc5": "gradflow.proofs.solvers.cvc5"}
LIMIT = 20.0
"""Seconds for one file; cvc5 does not keep to a limit of its own, so the process is killed."""
SEPARATOR = "; question"


def question(identity: Identity) -> str:
    """Return an SMT-LIB file that is unsatisfiable exactly if the inequality holds."""
    polynomials = [*identity.hypotheses, identity.gap]
    names = sorted({v for p in polynomials for v in p.variables})
    show = {v: f"y{k}" for k, v in enumerate(names)}
    lines = [f"; {identity.statement()}", "(set-logic QF_NRA)"]
    lines += [f"; y{k} is {v[0]} {v[1]}" for k, v in enumerate(names)]
    lines += [f"(declare-const y{k} Real)" for k in range(len(names))]
    lines += [f"(assert (>= {_term(h, show)} 0.0))" for h in identity.hypotheses]
    lines += [f"(assert (< {_term(identity.gap, show)} 0.0))", "(check-sat)"]
    return "\n".join(lines) + "\n"


def questions(identities: Sequence[Identity]) -> str:
    """Return one file with a question an identity, separated by comment lines."""
    return f"{SEPARATOR}\n".join(question(i) for i in dict.fromkeys(identities))


def corroborate(text: str) -> dict[str, str]:
    """Ask each solver that is installed: ``agrees``, ``disagrees`` or ``no answer``."""
    return {name: _ask(module, text) for name, module in SOLVERS.items() if find_spec(name)}


def _ask(module: str, text: str) -> str:
    try:
        done = subprocess.run(
            command_of(module),
            env=environment(),
            input=text,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return "no answer"
    answers = done.stdout.split()
    if "sat" in answers:
        return "disagrees"
    asked = len(text.split(SEPARATOR))
    return "agrees" if answers == ["unsat"] * asked else "no answer"


def _number(value: Fraction) -> str:
    size = f"(/ {abs(value.numerator)}.0 {value.denominator}.0)"
    return f"(- {size})" if value < 0 else size


def _term(polynomial: Polynomial, show: dict[Variable, str]) -> str:
    parts = []
    for monomial, coefficient in (polynomial + constant(0)).terms:
        factors = [show[v] for v, power in monomial for _ in range(power)]
        parts.append(
            f"(* {' '.join([_number(coefficient), *factors])})" if factors else _number(coefficient)
        )
    if not parts:
        return "0.0"
    return parts[0] if len(parts) == 1 else f"(+ {' '.join(parts)})"
