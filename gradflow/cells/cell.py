"""The declaration of a recurrent cell, ``s_t = F(s_{t-1}, x_t; theta)``, checked when made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import sympy as sp

from gradflow.cells.declaration import check_names, read_names
from gradflow.cells.language import (
    Line,
    names_in,
    parse_entries,
    parse_equations,
    symbol,
    to_sympy,
)
from gradflow.cells.program import Map, Product, Statement, build_program
from gradflow.cells.spaces import ONE, Spaces, infer_spaces
from gradflow.cells.typeset import equation_latex
from gradflow.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Cell:
    r"""A recurrent cell, declared as the equations a paper prints.

    Parameters
    ----------
    name
        Short name: the word by which the command line and the registry know the cell.
    equations
        One ``name = expression`` a line, each for one unit. ``h`` is a part of the previous state,
        ``h_next`` its new value; every other target is a named intermediate that later equations
        may use. The language is that of :mod:`gradflow.cells.language`; ``docs/declare.md``
        teaches it.
    state
        Names of the state parts in the order in which the whole state is flattened, each with its
        size in brackets where it is not ``hidden``: ``"h s[context]"``.
    inputs
        Names of the inputs, size ``input`` unless written.
    maps, vectors, scalars
        Names of the trained parameters. ``maps`` mix units (``W @ v``), ``vectors`` have one entry
        a unit, ``scalars`` one in all. Sizes follow from the equations; ``"W[context,input]"``
        states them.
    constants
        Names of values that are given and not trained: vectors, scalars (``"alpha[one]"``) and
        maps (``"D[hidden,input]"``, two sizes).
    masks
        For a trained map, the condition under which an entry may be non-zero, in ``row(v)`` and
        ``column(v)`` of vectors: ``{"W_H": "row(period) <= column(period)"}``.
    fixed
        Maps whose entries follow from a rule: ``{"S": "1 if row(index) == column(index) + 1
        else 0"}``, where ``index`` counts units from 0.
    outputs
        Names of equations that are outputs without being state.
    defaults
        What ``init`` uses for a parameter or constant where the caller says nothing: an
        initializer, a number or an array.
    forget_bias, input_bias
        Names of the bias that opens the way from state to state and of the one that lets new
        input in, where the cell has them; ``init(forget_bias=..., chrono=...)`` sets them.
    title, reference
        Full name; paper and equation numbers.

    Raises
    ------
    UsageError
        If a symbol is not declared or not used, sizes differ, a state part has no equation or
        equations form a cycle: which cell, which equation, what was found, what is allowed.
    """

    name: str
    equations: str
    state: str
    inputs: str = ""
    maps: str = ""
    vectors: str = ""
    scalars: str = ""
    constants: str = ""
    masks: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    outputs: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict, compare=False)
    forget_bias: str = ""
    input_bias: str = ""
    title: str = ""
    reference: str = ""
    lines: tuple[Line, ...] = field(init=False, repr=False, compare=False)
    states: tuple[str, ...] = field(init=False, repr=False, compare=False)
    input_names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    parameters: tuple[str, ...] = field(init=False, repr=False, compare=False)
    constant_names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    output_names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    linear_maps: Mapping[str, Map] = field(init=False, repr=False, compare=False)
    spaces: Mapping[str, str] = field(init=False, repr=False, compare=False)
    program: tuple[Statement, ...] = field(init=False, repr=False, compare=False)
    _nodes: dict[int, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Read, check and lower the declaration."""
        place = f"cell {self.name!r}"
        declared: dict[str, str] = {}
        vectors: dict[str, str | None] = {}
        maps: dict[str, tuple[str | None, str | None]] = {}
        kinds: dict[str, str] = {}
        read: dict[str, list[str]] = {}

        def declare(text: str, kind: str, most: int, default: str | None = None) -> None:
            names = read_names(text, f"{place}, {kind}", most)
            read[kind] = list(names)
            for name, spaces in names.items():
                if name in declared:
                    raise UsageError(
                        f"{place}: {name!r} is declared as {declared[name]} and as {kind}; "
                        "keep one."
                    )
                declared[name] = kind
                if kind in ("map", "fixed map") or len(spaces) == 2:
                    out, into = spaces if len(spaces) == 2 else (None, None)
                    maps[name] = (out, into)
                    kinds[name] = {"map": "learned", "constant": "constant"}.get(kind, "fixed")
                else:
                    vectors[name] = spaces[0] if spaces else default

        declare(self.state, "state", 1, "hidden")
        declare(self.inputs, "input", 1, "input")
        declare(self.maps, "map", 2)
        declare(self.vectors, "vector", 1)
        declare(self.scalars, "scalar", 1, ONE)
        declare(self.constants, "constant", 2)
        declare(" ".join(self.fixed), "fixed map", 2)
        declare_outputs = list(read_names(self.outputs, f"{place}, outputs", 0))
        if not read["state"]:
            raise UsageError(f"{place}: has no state part; declare one, for instance state='h'.")

        lines = parse_equations(self.equations, self.name)
        rules = {n: parse_entries(r, f"{place}, mask of {n!r}") for n, r in self.masks.items()}
        entries = {
            n.split("[")[0]: parse_entries(r, f"{place}, fixed map {n!r}")
            for n, r in self.fixed.items()
        }
        for name in self.masks:
            if kinds.get(name) != "learned":
                raise UsageError(f"{place}: mask for {name!r}, which is not a trained map.")
        elsewhere = {n for rule in (*rules.values(), *entries.values()) for n in names_in(rule)}
        unknown = elsewhere - vectors.keys() - {"index"}
        if unknown:
            raise UsageError(
                f"{place}: a mask or fixed map uses {sorted(unknown)[0]!r}, which is no declared "
                "vector; allowed are row(v) and column(v) of vectors and of index."
            )
        check_names(
            self.name, lines, read["state"], declared, list(maps), declare_outputs, elsewhere
        )
        new_values = {f"{part}_next": vectors[part] for part in read["state"]}
        inferred = infer_spaces(lines, {**vectors, **new_values}, maps, self.name)
        linear_maps = {
            name: Map(
                name,
                *inferred.maps[name],
                kinds[name],
                to_sympy(rules[name], place) if name in rules else None,
                to_sympy(entries[name], place) if name in entries else None,
            )
            for name in maps
        }
        program, spaces = build_program(
            [(line.target, to_sympy(line.tree, line.place)) for line in lines],
            linear_maps,
            inferred.vectors,
        )
        trained = [*read["map"], *read["vector"], *read["scalar"]]
        derived: dict[str, Any] = {
            "lines": lines,
            "states": tuple(read["state"]),
            "input_names": tuple(read["input"]),
            "parameters": tuple(trained),
            "constant_names": tuple(read["constant"]),
            "output_names": tuple(declare_outputs),
            "linear_maps": linear_maps,
            "spaces": spaces,
            "program": program,
            "_nodes": inferred.nodes,
        }
        for key, value in derived.items():
            object.__setattr__(self, key, value)
        self._check_roles(inferred)

    def _check_roles(self, inferred: Spaces) -> None:
        known = (*self.parameters, *self.constant_names)
        for what, name in (("forget_bias", self.forget_bias), ("input_bias", self.input_bias)):
            if name and name not in known:
                raise UsageError(f"cell {self.name!r}: {what} {name!r} is not a parameter.")
        for name in self.defaults:
            if name not in known:
                raise UsageError(f"cell {self.name!r}: default for {name!r}, not a parameter.")
        for linear_map in self.linear_maps.values():
            for vector, side in _sides(linear_map):
                space = linear_map.out if side == "row" else linear_map.into
                if vector != "index" and inferred.vectors[vector] not in (space, ONE):
                    raise UsageError(
                        f"cell {self.name!r}: {side}({vector}) of the map {linear_map.name!r} has "
                        f"size {inferred.vectors[vector]!r} where {space!r} is needed."
                    )

    def __hash__(self) -> int:
        """Hash on the name and the equations; equality compares the whole declaration."""
        return hash((self.name, self.equations))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the declaration and check it again on loading."""
        return _rebuild, ({f.name: getattr(self, f.name) for f in fields(self) if f.init},)

    @property
    def sizes(self) -> tuple[str, ...]:
        """Names of the sizes a user chooses, states first; ``one`` is not among them."""
        named = [self.spaces[n] for n in (*self.states, *self.input_names)]
        named += [s for m in self.linear_maps.values() for s in (m.out, m.into)]
        return tuple(dict.fromkeys(s for s in [*named, *self.spaces.values()] if s != ONE))

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
                    found.setdefault(statement.linear_map.name)
            elif statement.expression.free_symbols & depends:
                depends.add(statement.target)
        return tuple(n for n in found if n in self.linear_maps)

    def equation_rows(self) -> tuple[tuple[str, str], ...]:
        """Return left and right-hand sides of the equations in LaTeX."""
        moving = frozenset((*self.input_names, *(line.target for line in self.lines)))
        return tuple(equation_latex(line, self.states, moving, self._nodes) for line in self.lines)

    def latex(self) -> str:
        """Return the equations as one aligned LaTeX display, in the author's order."""
        rows = [f"{left} &= {right}" for left, right in self.equation_rows()]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def init(
        self, *, rng: int | np.random.Generator | None = None, **choices: Any
    ) -> dict[str, NDArray[np.float64]]:
        """Draw parameters; see :func:`gradflow.cells.initialize.initialize` for the choices."""
        from gradflow.cells.initialize import initialize

        return initialize(self, rng=rng, **choices)


def _rebuild(declaration: dict[str, Any]) -> Cell:
    return Cell(**declaration)


def _sides(linear_map: Map) -> Iterator[tuple[str, str]]:
    for rule in (linear_map.mask, linear_map.entries):
        for node in sp.preorder_traversal(rule) if rule is not None else ():
            if isinstance(node, sp.Function) and type(node).__name__ in ("row", "column"):
                yield node.args[0].name, type(node).__name__
