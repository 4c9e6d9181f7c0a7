"""The matrix a routine fills: loops over steps, a few at once, and over bands of rows in cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import sympy as sp

from gradflow.cells.language.program import Map
from gradflow.cells.language.spaces import ONE
from gradflow.codegen.printing.loops.scalar import LoopText
from gradflow.codegen.printing.loops.words import offsets

# A row of each matrix is loaded once for so many steps of the output.
_GROUP = 4
# Rows that are zeroed, written and corrected while they are in cache.
_BAND = 32


@dataclass(frozen=True, kw_only=True)
class Block:
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


def matrix_lines(
    text: LoopText, matrix: tuple[tuple[str, ...], tuple[str, ...]], blocks: Sequence[Block]
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
    block: Block,
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


def _outer_lines(text: LoopText, block: Block, place: str, column: str, count: int) -> list[str]:
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
