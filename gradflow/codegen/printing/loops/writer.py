"""What loops over time are printed with: arguments, chunks of steps, steps, tapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.spaces import ONE
from gradflow.codegen.lowering.recurrence import Recurrence
from gradflow.codegen.lowering.routine import Let, Matvec, Statement
from gradflow.codegen.printing.loops.routines import (
    inputs,
    kernel_lines,
    names_read,
    size_names,
    weights,
)
from gradflow.codegen.printing.loops.scalar import LoopText
from gradflow.codegen.printing.loops.words import offsets, starts

# rows (steps times trajectories) of a chunk
CHUNK = 128


@dataclass(frozen=True)
class Tape:
    """Where each symbol that a pullback needs lies in a row of the tape: offset and space."""

    places: tuple[tuple[sp.Symbol, str, str], ...]

    def width(self, sizes: Mapping[str, int]) -> int:
        """Return the length of a row."""
        return sum(1 if space == ONE else sizes[space] for _, _, space in self.places)


def tape_of(recurrence: Recurrence) -> Tape:
    """Return the tape for a pullback."""
    symbols = recurrence.before.returns
    spaces = [recurrence.before.spaces[s.name] for s in symbols]
    return Tape(tuple(zip(symbols, starts(spaces), spaces, strict=True)))


class Writer:
    """The pieces that loops over time share."""

    def __init__(self, cell: Cell, recurrence: Recurrence) -> None:
        self.cell = cell
        self.recurrence = recurrence
        self.elsewhere: set[sp.Symbol] = set()
        self.many = LoopText(cell, recurrence.each.spaces, "N")
        self.one = LoopText(cell, recurrence.each.spaces, "B")
        self.one.name = self.many.name
        moving = {s.name for s in recurrence.carried}
        moving |= {
            s.target.name for s in recurrence.each.statements if isinstance(s, (Let, Matvec))
        }
        fixed = {*cell.parameters, *cell.constant_names}
        for name, space in recurrence.each.spaces.items():
            if name not in moving and name not in fixed:
                unit = "0" if space == ONE else "a"
                self.one.entry[name] = f"{self.many.name(name)}[base + s, {unit}]"

    def name(self, s: sp.Symbol) -> str:
        """Return the Python name of a symbol."""
        return self.many.name(s.name)

    def part(self, name: str) -> str:
        """Return the Python name for a name of the cell."""
        return self.many.name(name)

    def size(self, name: str) -> str:
        """Return the text of the number of units of a name of the cell."""
        return self.many.size(self.cell.spaces[name])

    def statements(self) -> list[Statement]:
        """Return every statement of the kernel."""
        return self.recurrence.statements

    def seed(self) -> list[str]:
        """Return lines that lay ``u`` out by part and note lag 0."""
        part = offsets(self.cell.states, self.cell)
        lines = [
            f"{self.name(c)}[:, :] = u[:, {part[p]} : {part[p]} + {self.size(p)}]"
            for c, p in zip(self.recurrence.carried, self.cell.states, strict=True)
        ]
        return [*lines, "exponent = np.zeros(B)", "for s in range(B):", *self._record("0")]

    def advance(self, lag: str) -> list[str]:
        """Return lines that take the new covectors over and note their lengths."""
        lines = ["for s in range(B):"]
        for c, p, new in zip(
            self.recurrence.carried, self.cell.states, self.recurrence.each.returns, strict=True
        ):
            lines += [
                f"    for a in range({self.size(p)}):",
                f"        {self.name(c)}[s, a] = {self.name(new)}[s, a]",
            ]
        return lines + self._record(lag)

    def _record(self, lag: str) -> list[str]:
        """Return lines for trajectory ``s``: rescale, note lengths, keep the direction if asked."""
        part = offsets(self.cell.states, self.cell)
        own = [f"{self.name(c)}[s]" for c in self.recurrence.carried]
        lines = ["peak = 0.0", *(f"peak = max(peak, largest({c}))" for c in own)]
        lines += ["if peak != 0.0 and not 1e-60 < peak < 1e60:", "    power = exponent_of(peak)"]
        lines += [f"    scaled({c}, -power)" for c in own]
        lines += ["    exponent[s] += power", "shift = exponent[s] * 0.6931471805599453"]
        lines += ["whole = -np.inf"]
        for i, c in enumerate(own):
            lines += [
                f"length = log_length({c})",
                f"log_part[s, {i}, {lag}] = length + shift",
                "whole = log_hypot(whole, length)",
            ]
        lines.append(f"log_norm[s, {lag}] = whole + shift")
        for c, p in zip(own, self.cell.states, strict=True):
            place = f"{part[p]} : {part[p]} + {self.size(p)}"
            lines.append(f"unit_row({c}, whole, rows[s, min({lag}, rows.shape[1] - 1), {place}])")
        return ["    " + line for line in lines]

    def tape_entries(self, tape: Tape, step: str) -> list[str]:
        """Let the tape's symbols be written there; return lines that copy the others."""
        each = self.recurrence.each.statements
        # the operand of a product is an array of its own
        operands = {s.operand for s in each if isinstance(s, Matvec)}
        lets = {s.target for s in each if isinstance(s, Let)} - operands
        copies = []
        for s, offset, space in tape.places:
            unit, size = "0" if space == ONE else "a", self.many.size(space)
            place = f"tape[{step}, s, {offset} + {unit}]"
            if s in lets:
                self.one.entry[s.name] = place
                self.elsewhere.add(s)
            else:
                copies += ["for s in range(B):", f"    for a in range({size}):"]
                copies.append(f"        {place} = {self.one.entry[s.name]}")
        return copies

    def read_tape(self, tape: Tape) -> None:
        """Let the tape's symbols be read there, states and inputs where they are."""
        part = offsets(self.cell.states, self.cell)
        for s, offset, space in tape.places:
            unit = "0" if space == ONE else "a"
            self.one.entry[s.name] = f"tape[k, s, {offset} + {unit}]"
        for p in self.cell.states:
            unit = "0" if self.cell.spaces[p] == ONE else "a"
            self.one.entry[p] = f"states[s, k, {part[p]} + {unit}]"
        for n in self.cell.input_names:
            unit = "0" if self.cell.spaces[n] == ONE else "a"
            self.one.entry[n] = f"{self.part(n)}_in[s, k, {unit}]"

    def once(self) -> list[str]:
        """Return lines run once: sizes, arrays of one step, transposed maps."""
        lines = ["B = states.shape[0]", "T = states.shape[1] - 1"]
        each = self.recurrence.each.statements
        targets = [s.target for s in each if isinstance(s, (Let, Matvec))]
        stored = [*self.recurrence.carried, *targets]
        stored = [s for s in stored if s not in self.elsewhere]
        lines += [self.one.allocate(s) for s in stored]
        for name in dict.fromkeys(
            s.linear_map.name
            for s in each
            if isinstance(s, Matvec) and not s.transposed and s.linear_map.stored
        ):
            own = self.many.name(name)
            lines.append(f"{own}_T = np.ascontiguousarray({own}.T)")
        return lines

    def gather(self, parts: Sequence[str]) -> list[str]:
        """Return lines that lay a chunk's inputs, times and state parts out as rows."""
        lines = ["N = count * B"]
        part = offsets(self.cell.states, self.cell)
        used = names_read(self.statements())
        for p in (p for p in parts if p in used):
            lines += self._rows(p, f"states[s, start + k, {part[p]} + a]", self.size(p))
        for name in inputs(self.cell, self.statements()):
            lines += self._rows(name, f"{self.part(name)}_in[s, start + k, a]", self.size(name))
        if "t" in used:
            lines += self._rows("t", "first_step + start + k", "1")
        return lines

    def _rows(self, name: str, value: str, size: str) -> list[str]:
        own = self.part(name)
        return [
            f"{own} = np.empty((N, {size}))",
            "for k in range(count):",
            "    for s in range(B):",
            f"        for a in range({size}):",
            f"            {own}[k * B + s, a] = {value}",
        ]

    def before(self) -> list[str]:
        """Return the lines of what a chunk of steps does at once."""
        routine = self.recurrence.before
        return self.many.block(routine.statements, set(routine.returns))

    def each(self) -> list[str]:
        """Return the lines of one step."""
        routine = self.recurrence.each
        return self.one.block(routine.statements, set(routine.returns), in_time=True)

    def function(self, name: str, extra: list[str], summary: str, lines: list[str]) -> list[str]:
        """Return the lines of a kernel."""
        names = [f"{self.part(n)}_in" for n in inputs(self.cell, self.statements())]
        names += [self.part(n) for n in weights(self.cell, self.statements())]
        head = ", ".join(["states", "first_step", *extra, *names, *size_names(self.cell)])
        return kernel_lines(f"def {name}({head}):", summary, lines)
