r"""A cell's next state written in normal variables and its own previous state.

Fields :math:`W v`, normal biases and inputs are independent normal variables, of a variance that
is a mean over units; everything between is written out. What is left are the next state, the
operand of every field and the terms of the Jacobian, in these variables and the previous state.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from gradflow.cells.language.nodes import choose
from gradflow.cells.language.program import Product
from gradflow.cells.language.syntax import symbol
from gradflow.ensembles.closed.notclosed import NotClosedError
from gradflow.ensembles.laws import Laws
from gradflow.jacobians import Term, jacobian
from gradflow.jacobians.slopes import slopes_of

Diagonals = tuple[sp.Expr, ...]
Chain = tuple[Diagonals, tuple[str, ...]]
"""Diagonals ``d0, ..., dk`` and the names of the random maps between them."""


@dataclass(frozen=True)
class Source:
    """Where a normal variable comes from: a ``field`` of a map, a ``bias`` or an ``input``."""

    kind: str
    name: str
    variance: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Equations:
    """One step of a cell in normal variables.

    Attributes
    ----------
    states
        Symbols of the previous state.
    next
        The new state, by part.
    sources
        Where each elementary normal variable comes from.
    operands
        What the map of a field acts on, by field, in the order of the program.
    means
        What each mean over units is of, by the symbol that stands for it.
    terms
        The Jacobian's terms by pair of parts, with a multiple of the identity taken apart.
    variables
        The normal variables that expressions are written in, each a sum of elementary ones.
    sigmas
        ``sigma`` by map.
    """

    states: tuple[sp.Symbol, ...]
    next: Mapping[sp.Symbol, sp.Expr]
    sources: Mapping[sp.Symbol, Source]
    operands: Mapping[sp.Symbol, sp.Expr]
    means: Mapping[sp.Symbol, sp.Expr]
    terms: Mapping[tuple[sp.Symbol, sp.Symbol], tuple[Chain, ...]]
    variables: Mapping[sp.Symbol, Mapping[sp.Symbol, sp.Expr]]
    sigmas: Mapping[str, float]


def equations(laws: Laws) -> Equations:
    """Write out one step. Raises ``NotClosedError`` for time, masks, fixed and combined maps."""
    cell = laws.cell
    states = tuple(symbol(s) for s in cell.states)
    sources: dict[sp.Symbol, Source] = {}
    operands: dict[sp.Symbol, sp.Expr] = {}
    means: dict[sp.Symbol, sp.Expr] = {}
    env: dict[sp.Basic, sp.Expr] = {}
    for name, law in laws.vectors.items():
        if law.rule is not None:
            raise NotClosedError(f"{name} is drawn by {law.rule}")
        env[symbol(name)] = _number(law.mean)
        if law.variance:
            made = _normal("B", name)
            sources[made] = Source("bias", name, law.variance)
            env[symbol(name)] += made
    for name, input_law in laws.inputs.items():
        if input_law.memory or input_law.symbols:
            raise NotClosedError(f"{name} is not white")
        made = _normal("X", name)
        if input_law.variance:
            sources[made] = Source("input", name, input_law.variance)
        env[symbol(name)] = made if input_law.variance else sp.S.Zero
    for statement in (*cell.program, *slopes_of(cell).statements):
        if not isinstance(statement, Product):
            expression = statement.expression.xreplace(env)
            if symbol("t") in expression.free_symbols or expression.has(choose):
                raise NotClosedError(f"{statement.target} depends on time or on a condition")
            env[statement.target] = expression
            continue
        m, operand = statement.linear_map, env.get(statement.operand, statement.operand)
        if m.kind == "mean":
            made = sp.Symbol(f"M_{statement.target.name}", real=True)
            means[made], env[statement.target] = operand, made
        elif m.kind == "spread":
            env[statement.target] = operand
        elif m.name not in laws.maps or m.mask is not None or m.entries is not None or m.summands:
            raise NotClosedError(f"the map {m.name} is {m.kind} or has a mask")
        else:
            map_law = laws.maps[m.name]
            env[statement.target] = _number(map_law.shift) * operand
            if map_law.sigma and operand != 0:
                made = _normal("F", statement.target.name)
                sources[made], operands[made] = Source("field", m.name), operand
                env[statement.target] += made
    following = {s: sp.sympify(env[symbol(f"{s.name}_next")]) for s in states}
    terms = _terms(laws, states, env)
    drawn = {
        "states": states,
        "sources": sources,
        "sigmas": {name: law.sigma for name, law in laws.maps.items()},
    }
    return _merged(drawn, following, operands, means, terms)


def _number(value: float) -> sp.Expr:
    return sp.Float(value, 30) if value else sp.S.Zero


def _normal(kind: str, name: str) -> sp.Symbol:
    return sp.Symbol(f"{kind}_{name}", real=True)


def _terms(
    laws: Laws, states: tuple[sp.Symbol, ...], env: Mapping[sp.Basic, sp.Expr]
) -> dict[tuple[sp.Symbol, sp.Symbol], tuple[Chain, ...]]:
    step = jacobian(laws.cell)
    found = {}
    for a, b in itertools.product(states, states):
        chains: list[Chain] = []
        for term in step[a.name, b.name].terms:
            chains += chains_of(laws, term, env)
        found[a, b] = tuple(chains)
    return found


def chains_of(laws: Laws, term: Term, env: Mapping[sp.Basic, sp.Expr]) -> list[Chain]:
    """Return a term for each choice, map by map, of the multiple of the identity or the rest.

    Diagonals are written out by ``env``; a term that is no part of the bulk gives none.
    """
    # a mean over units is of rank one
    if any(m.slope is None and m.kind in ("mean", "spread") for m in term.maps):
        return []
    first, *others = [sp.sympify(d).xreplace(env) for d in term.diagonals]
    maps = term.maps
    chains = []
    choices = [(False,) if m.slope else (False, True) for m in maps]
    for picked in itertools.product(*choices):
        diagonals, names = [first], []
        for random, m, d in zip(picked, maps, others, strict=True):
            if random:
                names.append(m.name)
                diagonals.append(d)
                continue
            # of a call that mixes units the diagonal alone is left: the rest is of rank one
            own = m.slope.diagonal.xreplace(env) if m.slope else _number(laws.maps[m.name].shift)
            diagonals[-1] = diagonals[-1] * own * d
        if all(laws.maps[n].sigma for n in names) and all(d != 0 for d in diagonals):
            chains.append((tuple(diagonals), tuple(names)))
    return chains


def _merged(drawn, following, operands, means, terms) -> Equations:  # type: ignore[no-untyped-def]
    """Write each sum of normal variables that occurs only as that sum as one variable."""
    sources = drawn["sources"]
    every = [*following.values(), *operands.values(), *means.values()]
    every += [d for chains in terms.values() for ds, _ in chains for d in ds]
    sums = _sums(every, set(sources))
    owners: dict[sp.Symbol, set[object]] = {}
    for form in sums:
        for g, _ in form:
            owners.setdefault(g, set()).add(form)
    variables: dict[sp.Symbol, dict[sp.Symbol, sp.Expr]] = {}
    replaced: dict[sp.Symbol, sp.Expr] = {}
    for form in sums:
        mine = [(g, c) for g, c in form if owners[g] == {form}]
        if len(mine) > 1:
            y = sp.Symbol(f"Y_{len(variables)}", real=True)
            variables[y] = dict(mine)
            (g0, c0), *rest = mine
            replaced[g0] = (y - sum(c * g for g, c in rest)) / c0
    known = {g for v in variables.values() for g in v}
    variables |= {g: {g: sp.S.One} for g in sources if g not in known}

    def redone(e: sp.Expr) -> sp.Expr:
        e = sp.sympify(e)
        return _expanded(e.subs(replaced, simultaneous=True)) if replaced else e

    return Equations(
        **drawn,
        next={k: redone(e) for k, e in following.items()},
        operands={k: redone(e) for k, e in operands.items()},
        means={k: redone(e) for k, e in means.items()},
        terms={
            k: tuple((tuple(redone(d) for d in ds), names) for ds, names in chains)
            for k, chains in terms.items()
        },
        variables=variables,
    )


def _sums(
    every: list[sp.Expr], normals: set[sp.Symbol]
) -> dict[tuple[tuple[sp.Symbol, sp.Expr], ...], None]:
    """Return the linear forms in normal variables that expressions are made of, in order."""
    sums: dict[tuple[tuple[sp.Symbol, sp.Expr], ...], None] = {}

    def visit(e: sp.Expr) -> None:
        if e in normals:
            sums[(e, sp.S.One),] = None
        elif e.is_Add:
            found = [(g, e.coeff(g)) for g in sorted(e.free_symbols & normals, key=str)]
            linear = [(g, c) for g, c in found if c.is_number and not (e - c * g).has(g)]
            if linear:
                sums[tuple(linear)] = None
            inner = {g for g, _ in linear}
            for a in e.args:
                alone = a.free_symbols <= inner and len(a.free_symbols) == 1
                if not (alone and a.is_polynomial(*a.free_symbols)):
                    visit(a)
        else:
            for a in e.args:
                visit(a)

    for e in every:
        visit(sp.sympify(e))
    return sums


def _expanded(e: sp.Expr) -> sp.Expr:
    """Expand sums and arguments, so that variables which cancel are gone."""
    return e.replace(
        lambda x: isinstance(x, sp.Function) or x.is_Add,
        lambda x: x.func(*map(sp.expand, x.args)) if isinstance(x, sp.Function) else sp.expand(x),
    )
