"""The declaration of a recurrent cell, ``s_t = F(s_{t-1}, x_t; theta)``, checked when made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import sympy as sp

from gradflow.cells.declaration import read_declaration, read_names
from gradflow.cells.language.algebra import check_expression, to_sympy
from gradflow.cells.language.checks import check_names
from gradflow.cells.language.program import Map, Product, Statement, build_program
from gradflow.cells.language.spaces import ONE, Spaces, infer_spaces
from gradflow.cells.language.syntax import Line, parse_equations, symbol
from gradflow.cells.typeset import equation_latex
from gradflow.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_INIT_WORDS = ("inputs", "rng", "recurrent", "input_maps", "forget_bias", "chrono", "cell")


@dataclass(frozen=True, eq=False)
class Cell:
    r"""A recurrent cell, declared as the equations a paper prints.

    Parameters
    ----------
    name
        Short name: the word by which the command line and the registry know the cell.
    equations
        One ``name = expression`` a line, each for one unit. ``h`` is a part of the previous state,
        ``h_next`` its new value; every other target is a named intermediate that later equations
        may use. The language is that of :mod:`gradflow.cells.language.syntax`; ``docs/declare.md``
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
    defaults: Mapping[str, Any] = field(default_factory=dict)
    forget_bias: str = ""
    input_bias: str = ""
    title: str = ""
    reference: str = ""
    lines: tuple[Line, ...] = field(init=False, repr=False)
    states: tuple[str, ...] = field(init=False, repr=False)
    input_names: tuple[str, ...] = field(init=False, repr=False)
    parameters: tuple[str, ...] = field(init=False, repr=False)
    constant_names: tuple[str, ...] = field(init=False, repr=False)
    output_names: tuple[str, ...] = field(init=False, repr=False)
    linear_maps: Mapping[str, Map] = field(init=False, repr=False)
    spaces: Mapping[str, str] = field(init=False, repr=False)
    program: tuple[Statement, ...] = field(init=False, repr=False)
    _nodes: dict[int, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read, check and lower the declaration."""
        place = f"cell {self.name!r}"
        declared = read_declaration(self)
        outputs = tuple(read_names(self.outputs, f"{place}, outputs", (0,)))
        lines = parse_equations(self.equations, self.name)
        for line in lines:
            check_expression(line.tree, line.place)
        check_names(self.name, lines, declared, outputs)
        states = declared.of("state part")
        new_values = {f"{part}_next": declared.vectors[part] for part in states}
        inferred = infer_spaces(lines, {**declared.vectors, **new_values}, declared.maps, self.name)
        masks, entries = declared.masks, declared.entries
        linear_maps = {
            n: Map(
                name=n,
                out=inferred.maps[n][0],
                into=inferred.maps[n][1],
                kind=declared.map_kind(n),
                mask=masks.get(n),
                entries=entries.get(n),
            )
            for n in declared.maps
        }
        nodes = inferred.nodes
        expressions = [(line.target, to_sympy(line.tree, line.place, nodes)) for line in lines]
        program, spaces = build_program(expressions, linear_maps, inferred.vectors)
        derived: dict[str, Any] = {
            "lines": lines,
            "states": states,
            "input_names": declared.of("input"),
            "parameters": declared.of("map", "vector", "scalar"),
            "constant_names": declared.of("constant"),
            "output_names": outputs,
            "linear_maps": linear_maps,
            "spaces": spaces,
            "program": program,
            "_nodes": nodes,
        }
        for key, value in derived.items():
            object.__setattr__(self, key, value)
        self._check_roles(inferred)

    def _check_roles(self, inferred: Spaces) -> None:
        known = (*self.parameters, *self.constant_names)
        roles = [(self.forget_bias, "forget_bias"), (self.input_bias, "input_bias")]
        for name, what in [*(r for r in roles if r[0]), *((n, "defaults") for n in self.defaults)]:
            if name not in known:
                raise UsageError(
                    f"cell {self.name!r}, {what}: {name!r} is no parameter or constant; there are "
                    f"{', '.join(known) or 'none'}."
                )
        counted = {s for n in (*self.states, *self.input_names, *known) for s in self.shape_of(n)}
        for size in self.sizes:
            if size not in counted:
                raise UsageError(
                    f"cell {self.name!r}: no state part, input or parameter has size {size!r}, so "
                    "its number of units is not known; use a size of one of them."
                )
        clash = [n for n in known if n in self.sizes]
        clash += [n for n in (*known, *self.sizes) if n in _INIT_WORDS]
        if clash:
            raise UsageError(
                f"cell {self.name!r}: {clash[0]!r} names both a parameter or size and another "
                "argument of init(), which takes all of them by name; rename it."
            )
        for linear_map in self.linear_maps.values():
            for vector, side in _sides(linear_map):
                space = linear_map.out if side == "row" else linear_map.into
                if vector != "index" and inferred.vectors[vector] not in (space, ONE):
                    raise UsageError(
                        f"cell {self.name!r}, map {linear_map.name!r}: {side}({vector}) has size "
                        f"{inferred.vectors[vector]!r} where {space!r} is needed; use a constant "
                        f"of size {space!r}."
                    )

    def __eq__(self, other: object) -> bool:
        """Compare the whole declaration, default values included."""
        if not isinstance(other, Cell):
            return NotImplemented
        return self._comparable() == other._comparable()

    def __hash__(self) -> int:
        """Hash on the name and the equations; equality compares the whole declaration."""
        return hash((self.name, self.equations))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the declaration and check it again on loading."""
        return _rebuild, (self._declaration(),)

    def _declaration(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def _comparable(self) -> dict[str, Any]:
        # two arrays do not compare to one truth value; their lists do
        defaults = {k: getattr(v, "tolist", lambda v=v: v)() for k, v in self.defaults.items()}
        return {**self._declaration(), "defaults": defaults}

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

    @property
    def moving(self) -> frozenset[str]:
        """Names that carry the time index ``t``: inputs and everything an equation defines."""
        return frozenset((*self.input_names, *(line.target for line in self.lines)))

    def equation_rows(self) -> tuple[tuple[str, str], ...]:
        """Return left and right-hand sides of the equations in LaTeX."""
        states, moving = self.states, self.moving
        return tuple(equation_latex(line, states, moving, self._nodes) for line in self.lines)

    def latex(self) -> str:
        """Return the equations as one aligned LaTeX display, in the author's order."""
        rows = [f"{left} &= {right}" for left, right in self.equation_rows()]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def init(
        self, *, rng: int | np.random.Generator | None = None, **choices: Any
    ) -> dict[str, NDArray[np.float64]]:
        """Draw parameters; see :func:`gradflow.cells.parameters.initialize` for the choices."""
        from gradflow.cells.parameters import initialize

        return initialize(self, rng=rng, **choices)


def _rebuild(declaration: dict[str, Any]) -> Cell:
    return Cell(**declaration)


def _sides(linear_map: Map) -> Iterator[tuple[str, str]]:
    for rule in (linear_map.mask, linear_map.entries):
        for node in sp.preorder_traversal(rule) if rule is not None else ():
            if isinstance(node, sp.Function) and type(node).__name__ in ("row", "column"):
                yield node.args[0].name, type(node).__name__
