"""Routines as plain loops over arrays (rows, units), Jacobian blocks four steps at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.names import Names
from gradflow.cells.language.program import Map
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import symbol
from gradflow.codegen.lowering.routine import Fill, Let, Matvec, Routine, Statement, reads
from gradflow.codegen.printing.definitions import indented
from gradflow.codegen.printing.loops.scalar import LoopText
from gradflow.codegen.printing.loops.words import size_name, spaces_of
from gradflow.jacobians.terms import Term

# A row of each matrix is loaded once for so many steps of the output.
_GROUP = 4
# Rows that are zeroed, written and corrected while they are in cache.
_BAND = 32


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


def offsets(parts: Sequence[str], cell: Cell) -> dict[str, str]:
    """Return the text of where each part begins in the flat vector of ``parts``."""
    return dict(zip(parts, starts([cell.spaces[part] for part in parts]), strict=True))


def starts(spaces: Sequence[str]) -> list[str]:
    """Return the text of where each of several vectors, side by side, begins."""
    sizes = ["1" if space == ONE else size_name(space) for space in spaces]
    return [" + ".join(sizes[:i]) or "0" for i in range(len(sizes))]


@dataclass(frozen=True)
class _Block:
    """A block of the matrix: its diagonal, and its terms as maps between diagonals (or None).

    ``outers`` are products of a column and a row, and the map whose entries are all alike between.
    """

    out: str
    wrt: str
    diagonal: sp.Symbol | None
    terms: tuple[tuple[tuple[Map, ...], tuple[sp.Symbol | None, ...]], ...]
    outers: tuple[tuple[Map, tuple[sp.Symbol | None, ...]], ...]

    @property
    def symbols(self) -> set[sp.Symbol]:
        """The diagonals the block reads."""
        found = {d for _, diagonals in self.terms for d in diagonals} | {self.diagonal}
        found |= {d for _, diagonals in self.outers for d in diagonals}
        return {d for d in found if d is not None}


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
        body += _matrix_lines(text, routine.matrix, blocks)
    else:
        body.append(f"return {', '.join(text.name(s.name) for s in routine.returns)},")
    head = f"def {routine.name}({', '.join([*names, *size_names(cell)])}):"
    return kernel_lines(head, routine.summary, body)


def _with_diagonals_named(
    cell: Cell, routine: Routine
) -> tuple[list[Statement], list[_Block], dict[str, str]]:
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
        blocks.append(_Block(fill.out, fill.wrt, diagonal, tuple(terms), tuple(outers)))
    return statements, blocks, spaces


def _is_outer(term: Term) -> bool:
    """Whether a term is a column times a row, ``diag(u) 1 1^T diag(r)``."""
    kinds = [m.kind for m in term.maps]
    return kinds in (["spread", "sum"], ["spread", "mean"]) and term.diagonals[1] == 1


def _matrix_lines(
    text: LoopText, matrix: tuple[tuple[str, ...], tuple[str, ...]], blocks: Sequence[_Block]
) -> list[str]:
    """Return the loops over steps, a few at once, and over bands of rows that stay in cache."""
    lines = []
    for steps, count in (
        (f"range(0, N - N % {_GROUP}, {_GROUP})", _GROUP),
        (f"range(N - N % {_GROUP}, N)", 1),
    ):
        lines.append(f"for g in {steps}:")
        for number, block in enumerate(blocks):
            chains = [t for t in block.terms if len(t[0]) > 1]
            for k, (maps, diagonals) in enumerate(chains):
                for i in range(count):
                    target = f"p{number}_{k}_{i}"
                    inner = _chain_lines(text, maps, diagonals, target, f"g + {i}")
                    lines += ["    " + line for line in inner]
        for part, row in offsets(matrix[0], text.cell).items():
            own = [(number, b) for number, b in enumerate(blocks) if b.out == part]
            size = text.size(text.cell.spaces[part])
            lines += [f"    for low in range(0, {size}, {_BAND}):"]
            lines += [f"        high = min(low + {_BAND}, {size})"]
            inner = []
            if not all(block.terms for _, block in own):
                inner.append("for a in range(low, high):")
                inner += [f"    out[g + {i}, {row} + a][:] = 0.0" for i in range(count)]
            for number, block in own:
                inner += _block_lines(text, matrix, block, number, count)
            lines += ["        " + line for line in inner]
    return [*lines, "return out"]


def _block_lines(
    text: LoopText,
    matrix: tuple[tuple[str, ...], tuple[str, ...]],
    block: _Block,
    number: int,
    count: int,
) -> list[str]:
    """Return the lines that write rows ``low`` to ``high`` of one block at ``count`` steps."""
    heights, widths = matrix
    row = offsets(heights, text.cell)[block.out]
    column = offsets(widths, text.cell)[block.wrt]
    columns = text.size(text.cell.spaces[block.wrt])
    single = [t for t in block.terms if len(t[0]) == 1]
    chains = [t for t in block.terms if len(t[0]) > 1]
    heads: list[str] = []
    loads: list[str] = []
    sums: list[list[str]] = [[] for _ in range(count)]
    for k, (maps, diagonals) in enumerate(single):
        if maps[0].stored:
            heads.append(f"m{k} = {text.name(maps[0].name)}[a]")
            loads.append(f"w{k} = m{k}[b]")
        else:
            loads.append(f"w{k} = {_entry(text, maps[0])}")
        for i in range(count):
            parts = [f"w{k}"]
            left, right = diagonals
            if left is not None:
                heads.append(f"l{k}_{i} = {text.name(left.name)}[g + {i}, {_unit(text, left)}]")
                parts.insert(0, f"l{k}_{i}")
            if right is not None:
                parts.append(f"{text.name(right.name)}[g + {i}, {_unit(text, right, 'b')}]")
            sums[i].append(" * ".join(parts))
    for k in range(len(chains)):
        for i in range(count):
            sums[i].append(f"p{number}_{k}_{i}[a, b]")
    lines = []
    if block.terms:
        lines.append("for a in range(low, high):")
        lines += ["    " + line for line in heads]
        lines += [f"    o{i} = out[g + {i}, {row} + a]" for i in range(count)]
        lines.append(f"    for b in range({columns}):")
        lines += ["        " + line for line in loads]
        lines += [f"        o{i}[{column} + b] = {' + '.join(sums[i])}" for i in range(count)]
    lines += _outer_lines(text, block, f"out[s, {row} + a]", column, count)
    if block.diagonal is not None:
        lines.append("for a in range(low, high):")
        name, unit = text.name(block.diagonal.name), _unit(text, block.diagonal)
        for i in range(count):
            lines.append(f"    out[g + {i}, {row} + a, {column} + a] += {name}[g + {i}, {unit}]")
    return lines


def _outer_lines(text: LoopText, block: _Block, place: str, column: str, count: int) -> list[str]:
    """Return the lines that add the products of columns and rows, a step at a time."""
    if not block.outers:
        return []
    lines = [f"for s in range(g, g + {count}):", "    for a in range(low, high):"]
    lines.append(f"        o0 = {place}")
    for k, (reduction, (left, right)) in enumerate(block.outers):
        value = "1.0" if left is None else f"{text.name(left.name)}[s, {_unit(text, left)}]"
        share = "" if reduction.kind == "sum" else f" * {_entry(text, reduction)}"
        row = "" if right is None else f" * {text.name(right.name)}[s, {_unit(text, right, 'b')}]"
        lines += [
            f"        l{k} = {value}{share}",
            f"        for b in range({text.size(text.cell.spaces[block.wrt])}):",
            f"            o0[{column} + b] += l{k}{row}",
        ]
    return lines


def _unit(text: LoopText, diagonal: sp.Symbol, at: str = "a") -> str:
    return "0" if text.spaces[diagonal.name] == ONE else at


def _entry(text: LoopText, linear_map: Map) -> str:
    """Return the text of the entry (a, b) of a map."""
    if linear_map.kind in ("spread", "sum"):
        return "1.0"
    if linear_map.kind == "mean":
        return f"1.0 / {text.size(linear_map.into)}"
    return f"{text.name(linear_map.name)}[a, b]"


def _chain_lines(
    text: LoopText,
    maps: tuple[Map, ...],
    diagonals: tuple[sp.Symbol | None, ...],
    target: str,
    step: str,
) -> list[str]:
    """Return the lines of ``target = diag(d0) U0 diag(d1) U1 ...`` at one step."""
    lines: list[str] = []
    for k, linear_map in enumerate(maps):
        value = _entry(text, linear_map)
        left, right = diagonals[0] if k == 0 else None, diagonals[k + 1]
        if left is not None:
            value = f"{text.name(left.name)}[{step}, {_unit(text, left)}] * {value}"
        if right is not None:
            value = f"{value} * {text.name(right.name)}[{step}, {_unit(text, right, 'b')}]"
        height, width = text.size(linear_map.out), text.size(linear_map.into)
        lines += [
            f"f{k} = np.empty(({height}, {width}))",
            f"for a in range({height}):",
            f"    for b in range({width}):",
            f"        f{k}[a, b] = {value}",
        ]
    sizes = [text.size(m.out) for m in maps] + [text.size(maps[-1].into)]
    from_left, from_right = "f0", f"f{len(maps) - 1}"
    for k in range(1, len(maps)):
        from_left = f"np.dot({from_left}, f{k})"
        from_right = f"np.dot(f{len(maps) - 1 - k}, {from_right})"
    if len(maps) == 2:
        return [*lines, f"{target} = {from_left}"]
    cost_left = " + ".join(f"{sizes[0]} * {i} * {o}" for i, o in pairwise(sizes[1:]))
    cost_right = " + ".join(f"{o} * {i} * {sizes[-1]}" for o, i in pairwise(sizes[:-1]))
    return [
        *lines,
        f"if {cost_left} <= {cost_right}:",
        f"    {target} = {from_left}",
        "else:",
        f"    {target} = {from_right}",
    ]
