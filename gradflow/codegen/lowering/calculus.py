"""From a cell to routines: the step, its Jacobian, its products with vectors, its gradients.

Forward and reverse differentiation run over the straight-line program of the cell with the scalar
partial derivatives that the ``jacobians`` floor derives; whole Jacobians come from the normal form.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.names import Names
from gradflow.cells.language.program import Elementwise, Product, spread
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import TIME, symbol
from gradflow.codegen.lowering.ranks import WithoutSlopes
from gradflow.codegen.lowering.routine import (
    Fill,
    Gradient,
    Let,
    Matvec,
    Routine,
    Statement,
    common_space,
    live,
    share,
)
from gradflow.codegen.lowering.slopes import with_slopes
from gradflow.jacobians.partials import partial
from gradflow.jacobians.slopes import slopes_of
from gradflow.jacobians.step import jacobian
from gradflow.jacobians.terms import Term, collect


class _Symbols:
    """Fresh symbols that collide with no name of the cell, and the space of each symbol."""

    def __init__(self, cell: Cell) -> None:
        self.spaces = {**cell.spaces, **slopes_of(cell).spaces, "t": ONE}
        self.names = Names([*self.spaces, *cell.linear_maps, *cell.parameters])

    def fresh(self, name: str, space: str) -> sp.Symbol:
        name = self.names.fresh(name)
        self.spaces[name] = space
        return symbol(name)

    def numbered(self, stem: str, space: str) -> sp.Symbol:
        """Return a fresh symbol whose name is a stem and a number."""
        name = next(self.names.numbered(stem))
        self.spaces[name] = space
        return symbol(name)


def primal(cell: Cell) -> list[Let | Matvec]:
    """Return the statements of one step of the cell, as declared."""
    return _lowered(cell.program, cell.spaces)


def _lowered(
    program: Iterable[Elementwise | Product], spaces: Mapping[str, str]
) -> list[Let | Matvec]:
    return [
        Let(s.target, s.expression, spaces[s.target.name])
        if isinstance(s, Elementwise)
        else Matvec(s.target, s.linear_map, s.operand)
        for s in program
    ]


def _with_slopes(cell: Cell, names: _Symbols) -> list[Statement]:
    """Return the statements of a step, and what the derivatives of its calls compute beside."""
    return [*primal(cell), *_lowered(slopes_of(cell).statements, names.spaces)]


def _new(cell: Cell) -> tuple[sp.Symbol, ...]:
    return tuple(symbol(f"{name}_next") for name in cell.states)


def _finish(
    name: str,
    summary: str,
    statements: list[Statement],
    names: _Symbols,
    returns: Sequence[sp.Symbol] = (),
    extra: Sequence[sp.Symbol] = (),
    matrix: tuple[tuple[str, ...], tuple[str, ...]] | None = None,
) -> Routine:
    """Let slopes keep their digits, drop what is not needed and share subexpressions."""
    spaces = dict(names.spaces)
    if name != "step":
        statements = with_slopes(statements)
    kept = tuple(share(live(statements, set(returns)), spaces, names.names))
    pairs = tuple((s, spaces[s.name]) for s in extra)
    return Routine(
        name=name,
        summary=summary,
        statements=kept,
        returns=tuple(returns),
        extra=pairs,
        matrix=matrix,
        spaces=spaces,
    )


def lower_step(cell: Cell) -> Routine:
    """Return ``s_t = F(s_{t-1}, x_t)`` and the outputs that are not state."""
    returns = (*_new(cell), *map(symbol, cell.output_names))
    return _finish(
        "step", "One step: the new state parts.", list(primal(cell)), _Symbols(cell), returns
    )


def lower_values(cell: Cell, expressions: Iterable[sp.Expr]) -> Routine:
    """Return scalar expressions in the names of a cell, during one step."""
    names = _Symbols(cell)
    statements = _with_slopes(cell, names)
    returns = []
    for expression in expressions:
        space = common_space(expression, names.spaces)
        returns.append(names.fresh("value", space))
        statements.append(Let(returns[-1], expression, space))
    return _finish("values", "Values inside one step.", statements, names, returns)


def lower_jvp(cell: Cell) -> Routine:
    """Return ``J_t v`` for a change ``v`` of the previous state (forward differentiation)."""
    names = _Symbols(cell)
    statements: list[Statement] = list(primal(cell))
    tangents = {symbol(n): names.fresh(f"d_{n}", cell.spaces[n]) for n in cell.states}
    extra = tuple(tangents.values())
    for statement in cell.program:
        target = statement.target
        if isinstance(statement, Product):
            if statement.operand in tangents and statement.linear_map.linear:
                tangents[target] = names.fresh(f"d_{target.name}", cell.spaces[target.name])
                statements.append(
                    Matvec(tangents[target], statement.linear_map, tangents[statement.operand])
                )
            continue
        used = sorted(statement.expression.free_symbols - {TIME}, key=str)
        change = sp.Add(*(partial(statement, v) * tangents[v] for v in used if v in tangents))
        if change != 0:
            tangents[target] = names.fresh(f"d_{target.name}", cell.spaces[target.name])
            statements.append(Let(tangents[target], change, cell.spaces[target.name]))
    returns = _zeros(tangents, _new(cell), cell, names, statements)
    summary = "Product J v of the step Jacobian with a change of the previous state."
    return _finish("jvp", summary, statements, names, returns, extra)


def _zeros(
    found: dict[sp.Symbol, sp.Symbol],
    wanted: Iterable[sp.Symbol],
    cell: Cell,
    names: _Symbols,
    statements: list[Statement],
) -> list[sp.Symbol]:
    """Look up the wanted derivatives, with a zero for those that vanish."""
    result = []
    for key in wanted:
        if key not in found:
            found[key] = names.fresh(f"zero_{key.name}", cell.spaces[key.name])
            statements.append(Let(found[key], sp.S.Zero, cell.spaces[key.name]))
        result.append(found[key])
    return result


def _reverse(
    cell: Cell, names: _Symbols, statements: list[Statement]
) -> tuple[dict[sp.Symbol, sp.Symbol], tuple[sp.Symbol, ...]]:
    """Append the reverse sweep; return the adjoint of every symbol reached, and the seeds."""
    seeds = {
        new: names.fresh(f"u_{new.name.removesuffix('_next')}", cell.spaces[new.name])
        for new in _new(cell)
    }
    incoming: dict[sp.Symbol, list[sp.Expr]] = {new: [seed] for new, seed in seeds.items()}
    adjoints: dict[sp.Symbol, sp.Symbol] = {}
    made: dict[tuple[sp.Expr, str], sp.Symbol] = {}

    def settle(target: sp.Symbol) -> sp.Symbol:
        parts = incoming[target]
        if len(parts) == 1 and parts[0].is_Symbol:
            return parts[0]
        space, value = names.spaces[target.name], sp.Add(*parts)
        if (value, space) not in made:
            made[value, space] = names.fresh(f"a_{target.name}", space)
            statements.append(Let(made[value, space], value, space))
        return made[value, space]

    for statement in reversed(cell.program):
        target = statement.target
        if target not in incoming or not _is_linear(statement):
            continue
        adjoints[target] = settle(target)
        if isinstance(statement, Product):
            operand = statement.operand
            back = names.fresh(f"b_{target.name}", names.spaces[operand.name])
            statements.append(Matvec(back, statement.linear_map, adjoints[target], True))
            incoming.setdefault(operand, []).append(back)
            continue
        for variable in sorted(statement.expression.free_symbols - {TIME}, key=str):
            flow = partial(statement, variable) * adjoints[target]
            if flow == 0:
                continue
            space, whole = names.spaces[variable.name], names.spaces[target.name]
            if space == ONE and whole != ONE:
                each = names.fresh(f"e_{variable.name}", whole)
                total = names.fresh(f"s_{variable.name}", ONE)
                statements.append(Let(each, flow, whole))
                statements.append(Matvec(total, spread(whole), each, True))
                flow = total
            incoming.setdefault(variable, []).append(flow)
    for leaf in [key for key in incoming if key not in adjoints]:
        adjoints[leaf] = settle(leaf)
    return adjoints, tuple(seeds.values())


def _is_linear(statement: Elementwise | Product) -> bool:
    return isinstance(statement, Elementwise) or statement.linear_map.linear


def lower_vjp(cell: Cell) -> Routine:
    """Return ``J_t^T u`` for a covector ``u`` on the new state (reverse differentiation)."""
    names = _Symbols(cell)
    statements: list[Statement] = list(primal(cell))
    adjoints, seeds = _reverse(cell, names, statements)
    returns = _zeros(adjoints, [symbol(n) for n in cell.states], cell, names, statements)
    summary = "Product J^T u of the transposed step Jacobian with a covector on the new state."
    return _finish("vjp", summary, statements, names, returns, seeds)


def lower_full_vjp(cell: Cell) -> Routine:
    """Return ``J_t^T u`` and ``(ds_t/dx_t)^T u`` for a covector ``u``, of one reverse sweep."""
    names = _Symbols(cell)
    statements: list[Statement] = list(primal(cell))
    adjoints, seeds = _reverse(cell, names, statements)
    wanted = [symbol(n) for n in (*cell.states, *cell.input_names)]
    returns = _zeros(adjoints, wanted, cell, names, statements)
    summary = "Gradients by the old state and by the inputs, of a covector on the new state."
    return _finish("full_vjp", summary, statements, names, returns, seeds)


def lower_parameter_vjp(cell: Cell) -> Routine:
    """Return the immediate parameter gradient ``u d+s_t/dtheta`` of every parameter."""
    names = _Symbols(cell)
    statements: list[Statement] = list(primal(cell))
    adjoints, seeds = _reverse(cell, names, statements)
    for parameter in cell.parameters:
        if parameter not in cell.linear_maps and symbol(parameter) in adjoints:
            statements.append(Gradient(parameter, adjoints[symbol(parameter)], None))
    for statement in cell.program:
        if not isinstance(statement, Product) or statement.target not in adjoints:
            continue
        linear_map, adjoint = statement.linear_map, adjoints[statement.target]
        if linear_map.kind == "learned":
            statements.append(Gradient(linear_map.name, adjoint, statement.operand))
        for part in linear_map.summands:
            if part.linear_map.kind != "learned":
                continue
            scaled = adjoint
            if part.factor != 1:
                scaled = names.fresh(f"f_{part.linear_map.name}", linear_map.out)
                statements.append(Let(scaled, part.factor * adjoint, linear_map.out))
            pair = (statement.operand, scaled) if part.transposed else (scaled, statement.operand)
            statements.append(Gradient(part.linear_map.name, *pair))
    summary = "Immediate gradient u d+s/dtheta by every parameter, earlier states held."
    return _finish("parameter_vjp", summary, statements, names, (), seeds)


def lower_jacobian(
    cell: Cell,
    wrt: Sequence[str] | None = None,
    keep: Container[tuple[str, str, Term]] | None = None,
    name: str = "jacobian",
) -> Routine:
    """Return the matrix ``d s_t / d wrt`` from the normal form.

    ``wrt`` are state parts (all of them by default) or inputs; ``keep`` holds the terms wanted,
    each with its block, so that a Jacobian restricted to one path is a routine of its own.
    """
    derived = jacobian(cell)
    columns = tuple(wrt if wrt is not None else cell.states)
    names = _Symbols(cell)
    statements = _with_slopes(cell, names)
    without = WithoutSlopes(names, statements)
    fills = []
    for out in cell.states:
        for column in columns:
            terms = derived[out, column].terms
            if keep is not None:
                terms = tuple(t for t in terms if (out, column, t) in keep)
            pathless = [Term(t.diagonals, t.maps) for t in terms]
            spaces = cell.spaces[out], cell.spaces[column]
            plain = [p for t in pathless for p in without.terms(t, *spaces)]
            fills.append(Fill(out, column, collect(plain)))
    statements += fills
    summary = f"Matrix of d({', '.join(cell.states)}) new by d({', '.join(columns)})."
    return _finish(name, summary, statements, names, (), (), (cell.states, columns))
