"""Routines as plain loops over arrays (rows, units), Jacobian blocks four steps at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.names import Names
from gradflow.cells.language.program import Map
from gradflow.cells.language.syntax import symbol
from gradflow.codegen.lowering.routine import Fill, Let, Matvec, Routine, Statement, reads
from gradflow.codegen.printing.definitions import indented
from gradflow.codegen.printing.loops.matrix import Block, matrix_lines
from gradflow.codegen.printing.loops.scalar import LoopText
from gradflow.codegen.printing.loops.words import size_name, spaces_of
from gradflow.jacobians.terms import Term


def maps_of(statements: Iterable[Statement]) -> dict[str, Map]:
    """Return the linear maps with stored entries that statements apply, by name."""
    found: dict[str, Map] = {}
    for statement in statements:
        if isinstance(statement, Matvec):
            found[statement.linear_map.name] = statement.linear_map
        if isinstance(statement, Fill):
            found |= {m.name: m for term in statement.terms for m in term.maps}
    return {n: m for n, m in found.items() if m.stored}


def names_read(statements: Iterable[Statement]) -> set[str]:
    """Return the names of all symbols that statements read."""
    return {s.name for statement in statements for s in reads(statement)}


def weights(cell: Cell, statements: Sequence[Statement]) -> list[str]:
    """Return the names of the parameters, constants and maps a kernel takes, in order."""
    used, maps = names_read(statements), maps_of(statements)
    vectors = [n for n in (*cell.parameters, *cell.constant_names) if n in used and n not in maps]
    return [*vectors, *maps]


def inputs(cell: Cell, statements: Sequence[Statement]) -> list[str]:
    """Return the names of the inputs a kernel takes."""
    used = names_read(statements)
    return [n for n in cell.input_names if n in used]


def arguments(cell: Cell, statements: Sequence[Statement]) -> list[str]:
    """Return the names a routine takes: state parts, then what its statements read, then maps."""
    time = ["t"] if "t" in names_read(statements) else []
    return [*cell.states, *inputs(cell, statements), *time, *weights(cell, statements)]


def size_names(cell: Cell) -> list[str]:
    """Return the names of the arguments that hold sizes."""
    return [size_name(space) for space in spaces_of(cell)]


def kernel_lines(head: str, summary: str, body: Iterable[str]) -> list[str]:
    """Return the lines of a compiled function."""
    return ["@jit", head, *indented([f'"""{summary}"""', *body])]


def loop_lines(cell: Cell, routine: Routine) -> list[str]:
    """Return a routine as a function of its :func:`arguments`, extra arrays, ``out`` and sizes."""
    statements, blocks, spaces = _with_diagonals_named(cell, routine)
    text = LoopText(cell, spaces)
    names = [text.name(n) for n in arguments(cell, routine.statements)]
    names += [text.name(s.name) for s, _ in routine.extra]
    names += ["out"] if routine.matrix else []
    wanted = {d for block in blocks for d in block.symbols} | set(routine.returns)
    body = [f"N = {text.name(cell.states[0])}.shape[0]", *text.block(statements, wanted)]
    if routine.matrix:
        body += matrix_lines(text, routine.matrix, blocks)
    else:
        body.append(f"return {', '.join(text.name(s.name) for s in routine.returns)},")
    head = f"def {routine.name}({', '.join([*names, *size_names(cell)])}):"
    return kernel_lines(head, routine.summary, body)


def _with_diagonals_named(
    cell: Cell, routine: Routine
) -> tuple[list[Statement], list[Block], dict[str, str]]:
    """Return the statements with every diagonal computed beforehand, the blocks, all spaces."""
    spaces = dict(routine.spaces)
    statements: list[Statement] = [s for s in routine.statements if not isinstance(s, Fill)]
    names = Names([*spaces, *cell.linear_maps])
    made: dict[tuple[sp.Expr, str], sp.Symbol] = {}
    targets = {s.target for s in statements if isinstance(s, Let)}

    def named(expression: sp.Expr, space: str, always: bool = False) -> sp.Symbol | None:
        if expression == 1 and not always:
            return None
        if expression in targets and spaces[expression.name] == space:
            return expression
        if (expression, space) not in made:
            name = names.fresh(f"d{len(made)}v")
            spaces[name] = space
            made[expression, space] = symbol(name)
            statements.append(Let(symbol(name), expression, space))
        return made[expression, space]

    blocks = []
    for fill in (s for s in routine.statements if isinstance(s, Fill)):
        terms, outers = [], []
        for term in (t for t in fill.terms if t.maps):
            if _is_outer(term):
                ends = (term.diagonals[0], fill.out), (term.diagonals[2], fill.wrt)
                sides = tuple(named(d, cell.spaces[part]) for d, part in ends)
                outers.append((term.maps[1], sides))
                continue
            along = [*(m.out for m in term.maps), term.maps[-1].into]
            diagonals = [named(d, s) for d, s in zip(term.diagonals, along, strict=True)]
            terms.append((term.maps, tuple(diagonals)))
        whole = sp.Add(*(t.diagonals[0] for t in fill.terms if not t.maps))
        diagonal = None if whole == 0 else named(whole, cell.spaces[fill.out], always=True)
        blocks.append(
            Block(
                out=fill.out,
                wrt=fill.wrt,
                diagonal=diagonal,
                terms=tuple(terms),
                outers=tuple(outers),
            )
        )
    return statements, blocks, spaces


def _is_outer(term: Term) -> bool:
    """Whether a term is a column times a row, ``diag(u) 1 1^T diag(r)``."""
    kinds = [m.kind for m in term.maps]
    return kinds in (["spread", "sum"], ["spread", "mean"]) and term.diagonals[1] == 1
