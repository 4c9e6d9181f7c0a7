"""The second half of a Coq file: gate bounds from identities, and a row of the Jacobian at a time.

Each lemma is an application of one rule of GradFlow.v; inequalities between numbers are closed by
linear arithmetic over the products that the identity names.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy as sp

from gradflow.cells.language.nodes import choose
from gradflow.cells.language.program import Elementwise, Map
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import symbol
from gradflow.jacobians.terms import Term
from gradflow.proofs.algebra.identity import Identity
from gradflow.proofs.algebra.polynomial import Polynomial, Variable, constant, product
from gradflow.proofs.bounding.certificates import DiagonalBound
from gradflow.proofs.bounding.facts import Facts
from gradflow.proofs.bounding.gates import bound_diagonal
from gradflow.proofs.bounding.step import map_norm
from gradflow.proofs.coq.known import known_range
from gradflow.proofs.coq.scripts import Premise
from gradflow.proofs.coq.terms import CoqTerms, NotExportedError, number, polynomial


@dataclass(frozen=True)
class RowBound:
    """The bounds of the diagonals of a term, and of the whole."""

    diagonals: tuple[DiagonalBound, ...]
    bound: Polynomial


@dataclass(kw_only=True)
class StepLemmas:
    """Collects the lemmas about one step for one file.

    ``constants`` maps each variable of a bound to its Coq name, ``conditions`` are the assumptions
    about a step (by name), ``maps`` the maps whose norms stand in bounds, ``expressions``
    what the names of values stand for, ``lemmas`` the text so far.
    """

    terms: CoqTerms
    facts: Facts
    expressions: dict[str, sp.Expr] = field(default_factory=dict)
    constants: dict[Variable, str] = field(default_factory=dict)
    conditions: dict[str, Premise] = field(default_factory=dict)
    boxes: list[str] = field(default_factory=list)
    lemmas: list[str] = field(default_factory=list)
    maps: dict[str, list[Map]] = field(default_factory=dict)
    _known: dict[object, str] = field(default_factory=dict)

    def name(self, v: Variable) -> str:
        """Return the Coq term of a variable of a bound."""
        kind, text = v
        if kind == "slack":
            return f"(1 - {self.name(('least', text))})"
        if v not in self.constants:
            count = sum(k[0] == kind for k in self.constants)
            self.constants[v] = f"k_{text}" if kind == "norm" else f"{kind[0]}_{count}"
            if kind in ("sup", "least"):
                self._condition(v)
        return self.constants[v]

    def held(self, name: str, linear_map: Map) -> str:
        """Return the hypothesis that a constant bounds a map; a mean has one for each size."""
        if linear_map.stored:
            return f"{name}_ub"
        return f"{name}_ub_{linear_map.out}_{linear_map.into}"

    def poly(self, p: Polynomial) -> str:
        """Return a bound as a Coq term."""
        return polynomial(p, self.name)

    def _size(self, expression: sp.Expr) -> tuple[str, str]:
        spaces = {self.terms.cell.spaces[s.name] for s in expression.free_symbols} - {ONE}
        space = spaces.pop() if spaces else ONE
        return space, self.terms.size(space)

    def _condition(self, v: Variable) -> None:
        expression = self.expressions[v[1]]
        space, size = self._size(expression)
        body = self.terms.scalar(expression, "s", space)
        text = (
            f"{self.constants[v]} <= {body}"
            if v[0] == "least"
            else f"Rabs {body} <= {self.constants[v]}"
        )
        self.conditions[f"C_{self.constants[v]}"] = Premise(
            coq=f"forall i : nat, {self._unit(expression, size)}{text}",
            about=((v[0], expression),),
        )

    def _unit(self, expression: sp.Expr, size: str) -> str:
        """Return the premise that ``i`` is a unit; a given number holds for all of them."""
        given = (*self.terms.cell.parameters, *self.terms.cell.constant_names)
        one = all(
            s.name in given and self.terms.cell.spaces[s.name] == ONE
            for s in expression.free_symbols
        )
        return "" if one else f"(i < {size})%nat -> "

    def at(self, v: Variable, space: str) -> str:
        """Return the condition on a supremum, at unit ``i`` of a space."""
        expression = self.expressions[v[1]]
        index, unit = self._index(expression, space)
        return f"(C_{self.name(v)} {index} {unit if self._unit(expression, '') else ''})"

    def _index(self, expression: sp.Expr, space: str) -> tuple[str, str]:
        """Return the unit of an expression inside a lemma about a space, and that it is one."""
        alone = self._size(expression)[0] == ONE and space != ONE
        return ("0%nat", "Nat.lt_0_1") if alone else ("i", "Hi")

    def _range(self, v: Variable, space: str) -> str:
        """Return a tactic that puts the range of a value at unit ``i`` among the hypotheses."""
        expression = self.expressions[v[1]]
        index, unit = self._index(expression, space)
        body = self.terms.scalar(expression, "s", space)
        stops = []
        if ("least", v[1]) in self.constants:
            stops.append(f"pose proof {self.at(('least', v[1]), space)}.")
        if expression.is_Symbol and expression in self.terms.parts:
            if expression.name in self.facts.within_one:
                if expression.name not in self.boxes:
                    self.boxes.append(expression.name)
                return f"pose proof (Hbox_{expression} {index} {unit})."
            return self._open(v, body, space)
        definition = expression
        if expression.is_Symbol:
            if expression in self.terms.given:
                return self._given(expression, body, space)
            definition = self.facts.equations.get(expression, expression)
        found = known_range(self.terms, definition, body, space)
        if found:
            return " ".join([*stops, found])
        if self.facts.kind(expression) == "open":
            return self._open(v, body, space)
        raise NotExportedError(f"the range of {v[1]}")

    def _open(self, v: Variable, body: str, space: str) -> str:
        held = self.at(("sup", v[1]), space)
        return f"pose proof (abs_range _ _ {held}); pose proof (Rabs_pos {body})."

    def _given(self, name: sp.Symbol, body: str, space: str) -> str:
        statement = self.terms.given[name]
        if not (isinstance(statement, Elementwise) and isinstance(statement.expression, choose)):
            raise NotExportedError(f"the range of {name}")
        size = self._size(name)[1]
        index, unit = self._index(name, space)
        self.conditions[f"C_{name}"] = Premise(
            coq=f"forall i, (i < {size})%nat -> u_{name} t i = 0 \\/ u_{name} t i = 1",
            about=(("clock", name),),
        )
        return (
            f"assert (0 <= {body} <= 1 /\\ {body} * {body} = {body}) "
            f"by (destruct (C_{name} {index} {unit}) as [E|E]; rewrite E; lra)."
        )

    def identity(self, identity: Identity) -> str:
        """State an identity as a lemma about real numbers; return the lemma's name."""
        if identity in self._known:
            return self._known[identity]
        names = self._places(identity)
        show = {v: f"y{k}" for k, v in enumerate(names)}.__getitem__
        held = [f"0 <= {polynomial(h, show)}" for h in identity.hypotheses]
        sign = "" if identity.sign > 0 else "- "
        left = sign + "(" + " * ".join(polynomial(f, show) for f in identity.factors) + ")"
        goal = f"{left} <= {polynomial(identity.bound, show)}"
        asserts = []
        for summand in identity.summands:
            factors = [polynomial(identity.hypotheses[k], show) for k in summand.hypotheses]
            factors += [f"({polynomial(q, show)} ^ 2)" for q in summand.squares]
            asserts.append(
                f"assert (0 <= {' * '.join([number(summand.coefficient), *factors])}) by nonneg."
            )
        lemma = f"id_{len(self._known)}"
        self._known[identity] = lemma
        quantified = f"forall {' '.join(f'y{k}' for k in range(len(names)))} : R, " if names else ""
        proof = identity.proof().replace("(*", "( *").replace("*)", "* )")
        self.lemmas.append(
            f"(* {proof} *)\nLemma {lemma} : {quantified}{' -> '.join([*held, goal])}.\n"
            f"Proof. intros. {' '.join(asserts)} lra. Qed."
        )
        return lemma

    def _places(self, identity: Identity) -> list[Variable]:
        polynomials = [*identity.hypotheses, identity.bound, *identity.factors]
        return sorted({v for p in polynomials for v in p.variables})

    def applied(self, identity: Identity, space: str) -> str:
        """Return a tactic that proves the instance of an identity at unit ``i``."""
        lemma = self.identity(identity)
        arguments = []
        for v in self._places(identity):
            if v[0] == "value":
                arguments.append(self.terms.scalar(self.expressions[v[1]], "s", space))
            else:
                arguments.append(self.name(v))
        return f"apply ({' '.join([lemma, *arguments])}); lra"

    def ranges(self, identities: list[Identity], space: str) -> str:
        """Return the tactics that bring in the ranges of all values of some identities."""
        values = {
            v for i in identities for h in i.hypotheses for v in h.variables if v[0] == "value"
        }
        for v in sorted({v for i in identities for v in self._places(i)}):
            if v[0] != "value":
                self.name(v)
        return " ".join(self._range(v, space) for v in sorted(values))

    def diagonal(self, bound: DiagonalBound, expression: sp.Expr, space: str) -> str:
        """Prove ``Rabs d <= bound`` for a diagonal at every unit; return the lemma's name."""
        key = (expression, space)
        if key in self._known:
            return self._known[key]
        self.expressions |= bound.expressions
        size, body = self.terms.size(space), self.terms.scalar(expression, "s", space)
        identities = [i for pair in bound.groups for i in pair]
        poses = self.ranges(identities, space)
        factors = [
            (number(bound.coefficient), constant(abs(bound.coefficient)), "apply abs_both; lra")
        ]
        for upper, lower in bound.groups:
            text = "(" + " * ".join(self.value(f, space) for f in upper.factors) + ")"
            proof = f"apply abs_both; [{self.applied(upper, space)} | {self.applied(lower, space)}]"
            factors.append((text, upper.bound, proof))
        for height in bound.suprema:
            (v,) = height.variables
            inner = self.terms.scalar(self.expressions[v[1]], "s", space)
            factors.append((inner, height, f"exact {self.at(v, space)}"))
        whole = " * ".join(f for f, _, _ in factors)
        limit = " * ".join(self.poly(b) for _, b, _ in factors)
        tactic = factors[0][2]
        for _, _, proof in factors[1:]:
            tactic = f"apply abs_mul; [{tactic} | {proof}]"
        lemma = f"b_{sum(n.startswith('b_') for n in self._known.values())}"
        self._known[key] = lemma
        inline = self.composites(*(s.name for s in expression.free_symbols))
        unfold = f"unfold {inline}; " if inline else ""
        stated = self.poly(product(b for _, b, _ in factors))
        self.lemmas.append(
            f"Lemma {lemma} : forall i, (i < {size})%nat -> Rabs {body} <= {stated}.\n"
            f"Proof. intros i Hi. {poses}\n  replace ({body}) with ({whole}) by ({unfold}equal).\n"
            f"  apply Rle_trans with ({limit}); [{tactic} | apply Req_le; field]. Qed."
        )
        return lemma

    def value(self, p: Polynomial, space: str) -> str:
        """Return a polynomial in the values of a step at unit ``i``."""
        return polynomial(p, lambda v: self.terms.scalar(self.expressions[v[1]], "s", space))

    def composites(self, *names: str) -> str:
        """Return the definitions to unfold for names (or new parts) that are polynomials."""
        found: dict[str, None] = {}
        stack = [symbol(f"{n}_next" if n in self.terms.cell.states else n) for n in names]
        while stack:
            name = stack.pop()
            expression = self.facts.equations.get(name)
            stated = any(name == s.target for s in self.terms.statements)
            if expression is None or not stated or f"v_{name}" in found:
                continue
            if not self.facts.known(name.name):
                found[f"v_{name}"] = None
                stack += sorted(expression.free_symbols, key=str)
        return ", ".join(found)

    def summands(self, part: str) -> list[tuple[str, Term, RowBound]]:
        """Return the terms of a part's row: source part, term and its bound."""
        tangents = self.terms.tangents.get(symbol(f"{part}_next"), {})
        found = []
        for source, several in tangents.items():
            for term in several:
                diagonals = tuple(bound_diagonal(self.facts, d) for d in term.diagonals)
                for diagonal in diagonals:
                    self.expressions |= diagonal.expressions
                whole = product([*(d.bound for d in diagonals), *map(map_norm, term.maps)])
                found.append((source.name, term, RowBound(diagonals, whole)))
        return found

    def norm(self, part: str, vector: str) -> str:
        """Return the norm of a part of a state."""
        size = self.terms.size(self.terms.cell.spaces[part])
        return f"nrm {size} ({vector} {self.terms.parts[symbol(part)]}%nat)"
