"""Scalar-loop source for routines: what a compiler fuses into single passes over memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sympy as sp
from sympy.logic.boolalg import Boolean

from gradflow.cells.cell import Cell
from gradflow.cells.language.elementwise import ElementwiseFunction
from gradflow.cells.language.spaces import ONE
from gradflow.codegen.lowering.routine import Let, Matvec, Statement, reads
from gradflow.codegen.printing.definitions import definition
from gradflow.codegen.printing.expressions import ArrayPrinter
from gradflow.codegen.printing.loops.words import loop_names, size_name


class LoopPrinter(ArrayPrinter):
    """Python text of a scalar expression over plain numbers."""

    def _print_Integer(self, expr: sp.Integer) -> str:
        return f"{float(expr.p)!r}"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return f"{float(sp.Float(expr, 17))!r}"

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        if expr.exp.is_Integer and 0 < abs(expr.exp) <= 8:
            power = f"({self._print(expr.base)})**{abs(int(expr.exp))}"
            return f"({power})" if expr.exp > 0 else f"(1.0 / {power})"
        return str(super()._print_Pow(expr, rational))

    def _print_Not(self, expr: sp.Not) -> str:
        return f"(not {self._print(expr.args[0])})"


def scalar_definition(function: ElementwiseFunction) -> list[str]:
    """Return the lines of a function of numbers that is computed as it is defined."""
    arguments, expression = definition(function)
    return [
        "@inline",
        f"def {function.code}({', '.join(arguments)}):",
        f"    return {LoopPrinter({}).doprint(expression)}",
    ]


def scheduled(statements: Sequence[Statement]) -> list[Statement]:
    """Return statements in an order that keeps the elementwise ones of one space together.

    Every statement still follows those it reads.
    """
    made = {s.target for s in statements if isinstance(s, (Let, Matvec))}
    ready = {symbol for s in statements for symbol in reads(s) if symbol not in made}
    waiting, order = list(statements), []
    space: str | None = None

    def take(wanted: str | None) -> bool:
        for statement in waiting:
            kind = statement.space if isinstance(statement, Let) else None
            if kind == wanted and reads(statement) <= ready:
                waiting.remove(statement)
                order.append(statement)
                if isinstance(statement, (Let, Matvec)):
                    ready.add(statement.target)
                return True
        return False

    while waiting:
        while take(None):
            pass
        spaces = [s.space for s in waiting if isinstance(s, Let) and reads(s) <= ready]
        if not spaces:
            continue
        space = space if space in spaces else spaces[0]
        while take(space):
            pass
    return order


class LoopText:
    """Prints statements as loops over rows ``s`` and units ``a`` of arrays (rows, units)."""

    def __init__(self, cell: Cell, spaces: dict[str, str], rows: str = "N") -> None:
        """Choose names; ``rows`` is the text for the number of rows."""
        self.cell = cell
        self.spaces = spaces
        self.rows = rows
        self.name = loop_names(cell, [*spaces, *cell.linear_maps])
        fixed = {*cell.parameters, *cell.constant_names}
        self.entry: dict[str, str] = {}
        for name, space in spaces.items():
            unit = "0" if space == ONE else "a"
            index = unit if name in fixed else f"s, {unit}"
            self.entry[name] = f"{self.name(name)}[{index}]"

    def size(self, space: str) -> str:
        """Return source text for the number of units of a space."""
        return "1" if space == ONE else size_name(space)

    def scalar(
        self, expression: sp.Basic, local: Iterable[str] = (), waiting: Iterable[str] = ()
    ) -> str:
        """Return the text of an expression at unit ``a`` of row ``s``.

        ``local`` symbols are plain numbers, ``waiting`` ones arrays of one row.
        """
        names = self.entry | {name: f"{self.name(name)}_row[a]" for name in waiting}
        names |= {name: f"{self.name(name)}_" for name in local}
        return str(LoopPrinter(names).doprint(expression))

    def elementwise(
        self, lets: Sequence[Let], stored: set[sp.Symbol]
    ) -> tuple[list[str], list[str]]:
        """Return one pass over the rows for statements of one space, after what it allocates.

        ``stored`` symbols get whole arrays.

        A row is done in several short loops, since a compiler vectorizes a loop only as long as it
        can check that the few arrays it touches do not overlap; between them values wait in
        arrays of one row.
        """
        size = self.size(lets[0].space)
        before, body = [], []
        waiting: set[str] = set()
        for piece, rest in _pieces(lets, stored):
            local: list[str] = []
            after = {x for let in rest for x in reads(let)}
            body.append(f"for a in range({size}):")
            for let in piece:
                name = self.name(let.target.name)
                text = self.scalar(let.expression, local=local, waiting=waiting)
                body.append(f"    {name}_ = {text}")
                if let.target in stored:
                    body.append(f"    {self.entry[let.target.name]} = {name}_")
                elif let.target in after:
                    dtype = ", dtype=np.bool_" if is_condition(let) else ""
                    before.append(f"{name}_row = np.empty({size}{dtype})")
                    body.append(f"    {name}_row[a] = {name}_")
                local.append(let.target.name)
            waiting |= {let.target.name for let in piece if let.target not in stored}
        inner = [*self.heads(lets), *body]
        return before, [f"for s in range({self.rows}):", *("    " + line for line in inner)]

    def heads(self, lets: Sequence[Let]) -> list[str]:
        """Return lines that stand before the units of a row: none, unless a kind has some."""
        return []

    def allocate(self, symbol: sp.Symbol, boolean: bool = False) -> str:
        """Return the line that makes the array of a symbol."""
        size = self.size(self.spaces[symbol.name])
        if boolean:
            return f"{self.name(symbol.name)} = np.empty(({self.rows}, {size}), dtype=np.bool_)"
        return f"{self.name(symbol.name)} = empty_rows({self.rows}, {size})"

    def product(self, statement: Matvec, in_time: bool) -> list[str]:
        """Return the lines of a matrix product over all rows; ``in_time`` they are few."""
        target, operand = self.name(statement.target.name), self.name(statement.operand.name)
        linear_map = statement.linear_map
        if linear_map.stored:
            name = self.name(linear_map.name)
            if in_time:
                matrix = name if statement.transposed else f"{name}_T"
                return [f"rows_times({operand}, {matrix}, {target})"]
            return [f"times({operand}, {name}{'' if statement.transposed else '.T'}, {target})"]
        if linear_map.kind == "largest":
            return [f"row_largest({operand}, {target})"]
        narrow = (linear_map.kind == "spread") == statement.transposed
        wide = linear_map.out if linear_map.kind == "spread" else linear_map.into
        count = self.size(wide) if linear_map.kind == "mean" else "1"
        return [f"{'row_sums' if narrow else 'spread_out'}({operand}, {count}, {target})"]

    def block(
        self,
        statements: Sequence[Statement],
        wanted: set[sp.Symbol],
        in_time: bool = False,
    ) -> list[str]:
        """Return the lines of statements; symbols that are ``wanted`` later get arrays.

        ``in_time`` the arrays are there, and transposed maps too, since the lines run every step.
        """
        lines: list[str] = []
        order = scheduled(statements)
        place = 0
        while place < len(order):
            statement = order[place]
            if isinstance(statement, Matvec):
                lines += [] if in_time else [self.allocate(statement.target)]
                lines += self.product(statement, in_time)
                place += 1
                continue
            assert isinstance(statement, Let)
            stop = place
            lets = []
            while stop < len(order):
                following = order[stop]
                if not isinstance(following, Let) or following.space != statement.space:
                    break
                lets.append(following)
                stop += 1
            later = {x for s in order[stop:] for x in reads(s)} | wanted
            stored = {let.target for let in lets} & later
            if not in_time:
                lines += [
                    self.allocate(let.target, is_condition(let))
                    for let in lets
                    if let.target in stored
                ]
            if in_time:
                stored = {let.target for let in lets}
            for part in self.elementwise(lets, stored):
                lines += part
            place = stop
        return lines


def is_condition(let: Let) -> bool:
    """Whether the values of a statement are true or false."""
    return isinstance(let.expression, Boolean) and not let.expression.is_Symbol


# Pairs of arrays that may overlap grow with the square of this; beyond it loops stay scalar.
_ARRAYS_A_LOOP = 7


def _pieces(lets: Sequence[Let], stored: set[sp.Symbol]) -> Iterator[tuple[list[Let], list[Let]]]:
    """Yield runs of statements that touch few arrays, each with all the statements after it."""
    start = 0
    while start < len(lets):
        stop = start + 1
        while stop < len(lets) and _touched(lets, start, stop + 1, stored) <= _ARRAYS_A_LOOP:
            stop += 1
        yield list(lets[start:stop]), list(lets[stop:])
        start = stop


def _touched(lets: Sequence[Let], start: int, stop: int, stored: set[sp.Symbol]) -> int:
    made = {let.target for let in lets[start:stop]}
    read = {x for let in lets[start:stop] for x in reads(let)} - made
    later = {x for let in lets[stop:] for x in reads(let)} | stored
    return len(read) + len(made & later)
