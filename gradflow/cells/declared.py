"""What a declaration means: read, checked, and lowered to a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from gradflow.cells.declaration import Declaration
from gradflow.cells.language.algebra import check_expression, to_sympy
from gradflow.cells.language.checks import check_names
from gradflow.cells.language.defined import (
    Call,
    Definition,
    Definitions,
    expand,
    known_definitions,
    read_definitions,
)
from gradflow.cells.language.functions import FUNCTIONS
from gradflow.cells.language.lists import NameLists, read_lists
from gradflow.cells.language.maps import Parts
from gradflow.cells.language.names import Names
from gradflow.cells.language.program import (
    Map,
    Product,
    Statement,
    build_program,
    named_maps,
)
from gradflow.cells.language.spaces import ONE, infer_spaces
from gradflow.cells.language.syntax import PI, Line, functions_in, parse_equations, symbol
from gradflow.errors import UsageError

_INIT_WORDS = ("inputs", "rng", "recurrent", "input_maps", "forget_bias", "chrono", "cell")


@dataclass(frozen=True, kw_only=True)
class Declared:
    """The meaning of one declaration.

    Parameters
    ----------
    lines
        The equations as written, in the author's order.
    expanded
        The same without calls of defined functions, whose values have equations of their own.
    states, input_names, parameters, constant_names, output_names
        Names by what they are, in the order of declaration; parameters are the trained ones.
    linear_maps
        Every named linear map with its sizes, mask and rule, then those made of them by sums.
    spaces
        The space of every vector, those of the program included.
    program
        The equations as elementwise statements and products.
    nodes
        The space of each node of the syntax trees of ``lines``, by ``id``.
    definitions, calls
        The functions that the declaration defines, and every call that mixes units.
    """

    lines: tuple[Line, ...]
    expanded: tuple[Line, ...]
    states: tuple[str, ...]
    input_names: tuple[str, ...]
    parameters: tuple[str, ...]
    constant_names: tuple[str, ...]
    output_names: tuple[str, ...]
    linear_maps: Mapping[str, Map]
    spaces: Mapping[str, str]
    program: tuple[Statement, ...]
    nodes: Mapping[int, str]
    definitions: tuple[Definition, ...] = ()
    calls: tuple[Call, ...] = ()

    @cached_property
    def sizes(self) -> tuple[str, ...]:
        """Names of the sizes a user chooses, states first; ``one`` is not among them."""
        named = [self.spaces[n] for n in (*self.states, *self.input_names)]
        named += [s for m in self.linear_maps.values() for s in (m.out, m.into)]
        return tuple(dict.fromkeys(s for s in [*named, *self.spaces.values()] if s != ONE))

    @cached_property
    def moving(self) -> frozenset[str]:
        """Names that carry the time index ``t``: inputs and everything an equation defines."""
        return frozenset((*self.input_names, *(line.target for line in self.lines)))

    def shape_of(self, name: str) -> tuple[str, ...]:
        """Return the spaces of the axes of a parameter, constant, state part or input."""
        if name in self.linear_maps:
            return self.linear_maps[name].out, self.linear_maps[name].into
        return (self.spaces[name],)

    def recurrent_maps(self) -> tuple[str, ...]:
        """Return the maps that act on something that depends on the previous state."""
        depends = {symbol(s) for s in self.states}
        found: dict[str, None] = {}
        for statement in self.program:
            if isinstance(statement, Product):
                if statement.operand in depends:
                    depends.add(statement.target)
                    found |= dict.fromkeys(m.name for m in statement.linear_map.bases)
            elif statement.expression.free_symbols & depends:
                depends.add(statement.target)
        return tuple(n for n in found if n in self.linear_maps)


def read(declaration: Declaration) -> Declared:
    """Read, check and lower a declaration. Raises ``UsageError`` where it is wrong."""
    names = read_lists(declaration)
    lines = parse_equations(declaration.equations, declaration.name)
    own = read_definitions(declaration.define, f"{declaration.place}, define")
    functions = _functions(own, names, lines)
    # what is outside the language is said before names and sizes, which the SymPy form needs
    for line in lines:
        check_expression(line.tree, line.place, names.maps, functions)
    check_names(declaration.name, lines, names)
    taken = [*names.kinds, *(line.target for line in lines)]
    expanded = expand(lines, functions, [*taken, *(f"{n}_next" for n in names.kinds)])
    states = names.of("state part")
    new_values = {f"{part}_next": names.vectors[part] for part in states}
    vectors = {**names.vectors, **new_values}
    inferred = infer_spaces(expanded.lines, vectors, names.maps, declaration.name)
    nodes = dict(inferred.nodes)
    nodes |= {id(old): nodes[id(new)] for old, new in expanded.same if id(new) in nodes}
    linear_maps = {}
    for name in names.maps:
        out, into = inferred.maps[name]
        linear_maps[name] = Map(
            name=name,
            out=out,
            into=into,
            kind=names.map_kind(name),
            mask=names.masks.get(name),
            entries=names.entries.get(name),
        )
    sums: dict[str, Parts] = {}
    expressions = [
        (line.target, to_sympy(line.tree, line.place, nodes, names.maps, sums, PI not in taken))
        for line in expanded.lines
    ]
    free = Names([*names.kinds, *inferred.vectors])
    combined = named_maps(sums.values(), linear_maps, free)
    program, spaces = build_program(expressions, linear_maps | combined, inferred.vectors)
    linear_maps |= {m.name: m for m in combined.values()}
    declared = Declared(
        lines=lines,
        expanded=expanded.lines,
        states=states,
        input_names=names.of("input"),
        parameters=names.of("map", "vector", "scalar"),
        constant_names=names.of("constant"),
        output_names=names.outputs,
        linear_maps=linear_maps,
        spaces=spaces,
        program=program,
        nodes=nodes,
        definitions=tuple(own.values()),
        calls=expanded.calls,
    )
    _check_roles(declaration, declared)
    _check_rules(declaration, declared)
    return declared


def _functions(own: Definitions, names: NameLists, lines: tuple[Line, ...]) -> Definitions:
    """Return all functions a cell may call, its own ones checked. Raises ``UsageError``."""
    functions = known_definitions()
    targets = dict.fromkeys((line.target for line in lines), "an equation")
    for key, definition in own.items():
        what = names.kinds.get(definition.name) or targets.get(definition.name)
        if what or definition.name in FUNCTIONS:
            raise UsageError(
                f"{definition.place}: the name is that of {what or 'a word of the language'} too; "
                "use another name."
            )
        check_expression(definition.tree, definition.place, (), functions)
        functions[key] = definition
    trees = [line.tree for line in lines] + [d.tree for d in own.values()]
    called = {word for tree in trees for word in functions_in(tree)}
    for definition in own.values():
        if definition.name not in called:
            raise UsageError(f"{definition.place}: no equation calls it; remove it.")
    return functions


def _check_roles(declaration: Declaration, declared: Declared) -> None:
    """Check what names of parameters and sizes are used for: biases, defaults, ``init``."""
    known = (*declared.parameters, *declared.constant_names)
    roles = [(declaration.forget_bias, "forget_bias"), (declaration.input_bias, "input_bias")]
    defaults = [(name, "defaults") for name in declaration.defaults]
    for name, what in [*(r for r in roles if r[0]), *defaults]:
        if name not in known:
            raise UsageError(
                f"{declaration.place}, {what}: {name!r} is no parameter or constant; there are "
                f"{', '.join(known) or 'none'}."
            )
    named = (*declared.states, *declared.input_names, *known)
    counted = {size for name in named for size in declared.shape_of(name)}
    for size in declared.sizes:
        if size not in counted:
            raise UsageError(
                f"{declaration.place}: no state part, input or parameter has size {size!r}, so "
                "its number of units is not known; use a size of one of them."
            )
    clash = [n for n in known if n in declared.sizes]
    clash += [n for n in (*known, *declared.sizes) if n in _INIT_WORDS]
    if clash:
        raise UsageError(
            f"{declaration.place}: {clash[0]!r} names both a parameter or size and another "
            "argument of init(), which takes all of them by name; rename it."
        )


def _check_rules(declaration: Declaration, declared: Declared) -> None:
    """Check that the vectors in masks and rules of fixed maps have the size of their side."""
    for linear_map in declared.linear_maps.values():
        for vector, side in _sides(linear_map):
            space = linear_map.out if side == "row" else linear_map.into
            if vector != "index" and declared.spaces[vector] not in (space, ONE):
                raise UsageError(
                    f"{declaration.place}, map {linear_map.name!r}: {side}({vector}) has size "
                    f"{declared.spaces[vector]!r} where {space!r} is needed; use a constant "
                    f"of size {space!r}."
                )


def _sides(linear_map: Map) -> Iterator[tuple[str, str]]:
    for rule in (linear_map.mask, linear_map.entries):
        for node in sp.preorder_traversal(rule) if rule is not None else ():
            if isinstance(node, sp.Function) and type(node).__name__ in ("row", "column"):
                yield node.args[0].name, type(node).__name__
