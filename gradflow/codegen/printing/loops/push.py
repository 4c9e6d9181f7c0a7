"""States and tangent vectors pushed forward together, as one compiled loop over time.

What needs no other step is done for many steps at once, what a step's state gives for all tangent
vectors once, and every product with one operand as one product with a stack of matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.spaces import ONE
from gradflow.codegen.lowering.recurrence import Push
from gradflow.codegen.lowering.routine import Let, Matvec, Statement, reads
from gradflow.codegen.printing.loops.routines import inputs as inputs_of
from gradflow.codegen.printing.loops.routines import kernel_lines, size_names
from gradflow.codegen.printing.loops.routines import weights as weights_of
from gradflow.codegen.printing.loops.scalar import LoopText, is_condition, scheduled
from gradflow.codegen.printing.loops.words import offsets
from gradflow.codegen.printing.loops.writer import CHUNK, Writer

Stacks = list[tuple[str, ...]]


class PushText(Writer):
    """Prints the loop.

    Attributes
    ----------
    stacks
        Names of the maps, stacked and transposed, that the kernel takes after the weights.
    """

    def __init__(self, cell: Cell, push: Push, *, known: bool) -> None:
        """Take what to push; with ``known`` the states are there and only read."""
        super().__init__(cell, push.ahead if known else push.states)
        self._push, self._known = push, known
        self.stacks: Stacks = []
        states = [] if known else list(push.states.each.statements)
        self._state = _Stage(cell, self.recurrence.each.spaces, "B", "o0", self.stacks)
        self._frame = _Stage(cell, self.recurrence.each.spaces, "rows", "o1", self.stacks)
        self._state.entry |= self.one.entry
        moving = {s.name for s in push.ahead.carried} | _made(push.ahead.each.statements)
        along = set() if known else {*cell.states} | _made(states)
        fixed = {*cell.parameters, *cell.constant_names}
        for n, space in self.recurrence.each.spaces.items():
            if n not in moving | fixed:
                row = "g" if n in along else "base + g"
                self._frame.entry[n] = f"{self.part(n)}[{row}, {'0' if space == ONE else 'a'}]"
        returns = self.recurrence.each.returns
        self._state_lines = self._state.step(states, {*returns}, {*returns[: len(cell.states)]})
        self._frame.borrow(self._state)
        last = {*push.ahead.each.returns}
        self._frame_lines = self._frame.step(push.ahead.each.statements, last, last)

    def statements(self) -> list[Statement]:
        """Return every statement of the kernel."""
        return [*self.recurrence.before.statements, *self._each()]

    def unstacked(self) -> list[Statement]:
        """Return the statements whose maps the kernel takes as they are."""
        return [
            *self.recurrence.before.statements,
            *(s for s in self._each() if not _is_stored(s)),
        ]

    def _each(self) -> list[Statement]:
        states = [] if self._known else self._push.states.each.statements
        return [*states, *self._push.ahead.each.statements]

    def lines(self, name: str) -> list[str]:
        """Return the kernel's source."""
        cell, ahead = self.cell, self._push.ahead
        part = offsets(cell.states, cell)
        place = {p: f"{part[p]} : {part[p]} + {self.size(p)}" for p in cell.states}
        pairs = list(zip(ahead.carried, cell.states, strict=True))
        lines = ["B = states.shape[0]", "rows = frame.shape[0]", "columns = rows // B"]
        lines += [self._frame.allocate(c) for c in ahead.carried]
        lines += [f"{self.name(c)}[:, :] = frame[:, {place[p]}]" for c, p in pairs]
        if not self._known:
            lines += [self._state.allocate(c) for c in self.recurrence.carried]
            lines += [f"{self.part(p)}[:, :] = states[:, begin, {place[p]}]" for p in cell.states]
        lines += [*self._state.once, *self._frame.once]
        lines += [
            f"for start in range(begin, end, {CHUNK} // B + 1):",
            f"    count = min({CHUNK} // B + 1, end - start)",
            *("    " + line for line in self.gather(cell.states if self._known else ())),
            *("    " + line for line in self.before()),
            "    for k in range(count):",
            "        base = k * B",
            *("        " + line for line in [*self._state_lines, *self._frame_lines]),
        ]
        body = [] if self._known else self._taken_over(part)
        for (c, p), new in zip(pairs, ahead.each.returns, strict=True):
            value = self._frame.entry[new.name]
            body += ["for s in range(rows):", "    g = s // columns"]
            body += [f"    for a in range({self.size(p)}):"]
            body += [f"        {self.name(c)}[s, a] = {value}"]
        body += self._sizes()
        lines += ["        " + line for line in body]
        lines += [f"frame[:, {place[p]}] = {self.name(c)}" for c, p in pairs]
        return self._function(name, lines)

    def _taken_over(self, part: dict[str, str]) -> list[str]:
        """Return lines that hand the new state on, and store it."""
        lines = []
        for p, new in zip(self.cell.states, self.recurrence.each.returns, strict=False):
            lines += [
                "for s in range(B):",
                f"    for a in range({self.size(p)}):",
                f"        {self.part(p)}[s, a] = {self._state.entry[new.name]}",
                f"        states[s, start + k + 1, {part[p]} + a] = {self.part(p)}[s, a]",
            ]
        return lines

    def _sizes(self) -> list[str]:
        """Return lines that note every frame's norm, and rescale it where its square is far off."""
        own = [self.name(c) for c in self._push.ahead.carried]
        sums = " + ".join(f"square_sum({c}, low, high)" for c in own)
        return [
            "for s in range(B):",
            "    low, high = s * columns, (s + 1) * columns",
            f"    square = {sums}",
            "    if not 1e-120 < square < 1e120:",
            "        peak = 0.0",
            "        for a in range(low, high):",
            *(f"            peak = max(peak, largest({c}[a]))" for c in own),
            "        if 0.0 < peak < np.inf:",
            "            power = exponent_of(peak)",
            "            exponent[s] += power",
            "            for a in range(low, high):",
            *(f"                scaled({c}[a], -power)" for c in own),
            f"            square = {sums}",
            "    whole = -np.inf if square == 0.0 else 0.5 * log(square)",
            "    log_size[s, start + k - begin] = whole + exponent[s] * 0.6931471805599453",
        ]

    def _function(self, name: str, lines: Sequence[str]) -> list[str]:
        names = ["states", "first_step", "begin", "end", "frame", "log_size", "exponent"]
        names += [f"{self.part(n)}_in" for n in inputs_of(self.cell, self.statements())]
        names += [self.part(n) for n in weights_of(self.cell, self.unstacked())]
        names += [f"m{i}" for i in range(len(self.stacks))]
        head = ", ".join([*names, *size_names(self.cell)])
        summary = "Tangent vectors, and states that are not known, some steps forward."
        return kernel_lines(f"def {name}({head}):", summary, lines)


def _made(statements: Sequence[Statement]) -> set[str]:
    return {s.target.name for s in statements if isinstance(s, (Let, Matvec))}


def _is_stored(statement: Statement) -> bool:
    return isinstance(statement, Matvec) and statement.linear_map.stored


@dataclass(frozen=True)
class _Segment:
    """Where the result of a product lies in a row of a stack's: ``name = array[row, place]``."""

    name: str
    array: str
    place: str

    def cut(self, row: str) -> str:
        """Return the line that gives the segment of a row its name."""
        return f"{self.name} = {self.array}[{row}, {self.place}]"


class _Stage(LoopText):
    """Prints what runs at every step over some rows.

    Attributes
    ----------
    once
        Lines that allocate, run before the loop.
    """

    def __init__(
        self, cell: Cell, spaces: dict[str, str], rows: str, prefix: str, stacks: Stacks
    ) -> None:
        super().__init__(cell, spaces, rows)
        self.once: list[str] = []
        self._prefix, self._stacks = prefix, stacks
        # symbols in a row of a stack's product, borrowed ones in the row ``g``
        self._segments: dict[str, _Segment] = {}
        self._borrowed: dict[str, _Segment] | None = None

    def borrow(self, other: _Stage) -> None:
        """Read what another stage computed, one row of it for some rows of this one."""
        self._borrowed = dict(other._segments)
        self.entry |= {n: other.entry[n] for n in self._borrowed}

    def heads(self, lets: Sequence[Let]) -> list[str]:
        """Return lines that cut a row of each stack read into segments.

        A segment's units count from 0, so that a compiler sees that no index is negative.
        """
        used = {s.name for let in lets for s in reads(let)}
        borrowed = self._borrowed or {}
        return [
            *(["g = s // columns"] if self._borrowed is not None else []),
            *(segment.cut("g") for n, segment in borrowed.items() if n in used),
            *(segment.cut("s") for n, segment in self._segments.items() if n in used),
        ]

    def step(
        self, statements: Sequence[Statement], wanted: set[sp.Symbol], alone: set[sp.Symbol]
    ) -> list[str]:
        """Return the lines of a step; ``wanted`` symbols get arrays, of their own if ``alone``."""
        order = scheduled(statements)
        products = self._products(order, alone)
        lines: list[str] = []
        place = 0
        while place < len(order):
            statement = order[place]
            stop = place + 1
            if isinstance(statement, Matvec):
                if statement.target in products:
                    lines += products[statement.target]
                else:
                    self.once.append(self.allocate(statement.target))
                    lines += self.product(statement, True)
            elif isinstance(statement, Let):
                while stop < len(order) and _alike(order[stop], statement):
                    stop += 1
                lets = [s for s in order[place:stop] if isinstance(s, Let)]
                later = {x for s in order[stop:] for x in reads(s)} | wanted
                stored = [let for let in lets if let.target in later]
                self.once += [self.allocate(let.target, is_condition(let)) for let in stored]
                before, body = self.elementwise(lets, {let.target for let in stored})
                self.once += before
                lines += body
            place = stop
        return lines

    def _products(
        self, order: Sequence[Statement], alone: set[sp.Symbol]
    ) -> dict[sp.Symbol, list[str]]:
        """Return the lines of each stored map's product: all of a stack at its first."""
        # an operand must be an array of its own
        alone = alone | {s.operand for s in order if isinstance(s, Matvec)}
        groups: dict[tuple[sp.Symbol, sp.Symbol | None], list[Matvec]] = {}
        for s in order:
            if isinstance(s, Matvec) and _is_stored(s):
                key = s.operand, s.target if s.target in alone else None
                groups.setdefault(key, []).append(s)
        found: dict[sp.Symbol, list[str]] = {}
        for number, ((operand, own), members) in enumerate(groups.items()):
            names = tuple(sorted(s.linear_map.name for s in members))
            if names not in self._stacks:
                self._stacks.append(names)
            matrix = f"m{self._stacks.index(names)}"
            out = self.name(own.name) if own is not None else f"{self._prefix}_{number}"
            self.once.append(f"{out} = np.empty(({self.rows}, {matrix}.shape[1]))")
            if own is None:
                self._cut(members, names, out)
            found |= {s.target: [] for s in members}
            found[members[0].target] = [f"rows_times({self.name(operand.name)}, {matrix}, {out})"]
        return found

    def _cut(self, members: Sequence[Matvec], names: Sequence[str], out: str) -> None:
        """Note where in a row of ``out`` the products of a stack lie."""
        sizes = {s.linear_map.name: self.size(s.linear_map.out) for s in members}
        for s in members:
            place = names.index(s.linear_map.name)
            low = " + ".join(sizes[n] for n in names[:place]) or "0"
            segment = f"{out}_{place}"
            text = f"{low} : {low} + {sizes[s.linear_map.name]}"
            self._segments[s.target.name] = _Segment(segment, out, text)
            self.entry[s.target.name] = f"{segment}[{'0' if s.linear_map.out == ONE else 'a'}]"


def _alike(statement: Statement, first: Let) -> bool:
    return isinstance(statement, Let) and statement.space == first.space
