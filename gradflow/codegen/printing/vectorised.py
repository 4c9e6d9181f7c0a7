"""Readable Python source for routines over arrays with any leading axes.

The text uses bare names (``tanh``, ``sigmoid``) for functions of one unit and one word for array
handling, so one printer serves every arithmetic; what differs is a ``Dialect``. Where that has
operations they are the first argument, and the functions used are named on the first line.
"""

from __future__ import annotations

import sympy as sp
from sympy.logic.boolalg import Boolean

from gradflow.cells.cell import Cell
from gradflow.cells.language.nodes import choose
from gradflow.cells.language.program import Map
from gradflow.cells.language.spaces import ONE
from gradflow.codegen.lowering.routine import Fill, Gradient, Let, Matvec, Routine
from gradflow.codegen.printing.definitions import QUIET, indented, operations_line
from gradflow.codegen.printing.dialect import ARRAYS, Dialect
from gradflow.codegen.printing.expressions import ArrayPrinter, array_names
from gradflow.jacobians.terms import Term


def routine_lines(cell: Cell, routine: Routine, dialect: Dialect = ARRAYS) -> list[str]:
    """Return the lines of a function that runs a routine."""
    return _Writer(cell, routine, dialect).function()


def maps_lines(cell: Cell, routine: Routine, dialect: Dialect = ARRAYS) -> list[str]:
    """Return the lines of a function ``maps`` of all arguments: filled maps by name, or none."""
    return _Writer(cell, routine, dialect).maps_function()


class _Writer:
    """Prints one routine of a cell as a Python function."""

    def __init__(self, cell: Cell, routine: Routine, dialect: Dialect) -> None:
        """Choose names that hide none of the runtime's."""
        self.cell = cell
        self.routine = routine
        self.dialect = dialect
        self.name = array_names({*routine.spaces, *cell.linear_maps})
        masked = (m.name for m in cell.linear_maps.values() if m.mask is not None)
        self._masks = {n: self.name.fresh(f"{n}_mask") for n in masked}
        self.operations = self.name.fresh(dialect.operations) if dialect.operations else ""
        self._library = self.operations or "np"
        self._printer = ArrayPrinter(self.name.written, self._library)
        self._call = self._printer.call

    def arguments(self) -> list[str]:
        """Return the argument names in order, the operations first."""
        cell = self.cell
        names = [*cell.states, *cell.input_names, "t", *cell.parameters, *cell.constant_names]
        names += [s.name for s, _ in self.routine.extra]
        return [*([self.operations] if self.operations else []), *map(self.name, names)]

    def size(self, space: str) -> str:
        """Return source text for the number of units of a space."""
        if space == ONE:
            return "1"
        cell = self.cell
        for name in (*cell.states, *cell.input_names, *cell.parameters, *cell.constant_names):
            if space in cell.shape_of(name):
                axis = cell.shape_of(name).index(space) - len(cell.shape_of(name))
                return f"{self.name(name)}.shape[{axis}]"
        raise AssertionError(f"no array of space {space}")

    def function(self) -> list[str]:
        """Return the whole function."""
        arguments = self.arguments()
        gradient = self.routine.name == "parameter_vjp"
        arguments += ["out"] if self.routine.matrix else []
        arguments += ["keep"] if gradient else []
        body = self._maps() + (["gradients = {}"] if gradient else [])
        for statement in self.routine.statements:
            body += self._statement(statement)
        if self.routine.matrix:
            body += self._fill_blocks([s for s in self.routine.statements if isinstance(s, Fill)])
        elif gradient:
            body.append("return gradients")
        else:
            names = [self.name(s.name) for s in self.routine.returns]
            body.append(f"return {', '.join(names)}," if names else "return ()")
        bound = operations_line(self.operations, self._printer)
        return [
            *([QUIET] if self._branches() else []),
            f"def {self.routine.name}({', '.join(arguments)}):",
            *indented([*self._docstring(), *bound, *body]),
        ]

    def _branches(self) -> bool:
        """Whether some value is chosen by a condition, so that others are computed in vain."""
        rules = [m.entries for m in self.cell.linear_maps.values() if m.entries is not None]
        return any(e.has(choose) for e in [*self.routine.expressions, *rules])

    def _docstring(self) -> list[str]:
        cell, rows = self.cell, []
        if self.operations:
            rows.append(
                f"{self.operations} : gradflow.codegen.frameworks.operations.Operations of the "
                "arrays"
            )
        for name in (*cell.states, *cell.input_names):
            rows.append(f"{self.name(name)} : (..., {cell.spaces[name]})")
        rows.append("t : (..., 1), the step number, 1 for the first")
        for name in (*cell.parameters, *cell.constant_names):
            shape = cell.shape_of(name)
            rows.append(f"{self.name(name)} : ({', '.join(shape)}{',' * (len(shape) == 1)})")
        for symbol, space in self.routine.extra:
            rows.append(f"{self.name(symbol.name)} : (..., {space})")
        if self.routine.matrix:
            heights, widths = self.routine.matrix
            axes = f"{' + '.join(heights)}, {' + '.join(widths)}"
            rows.append(f"out : (..., {axes}){self.dialect.out}")
        if self.routine.name == "parameter_vjp":
            rows.append("keep : whether gradients keep the leading axes or are summed over them")
        return [f'"""{self.routine.summary}', "", *rows, '"""']

    def _applied(self) -> set[str]:
        """Return the names of the maps the routine needs."""
        maps = {s.linear_map.name for s in self.routine.statements if isinstance(s, Matvec)}
        for statement in self.routine.statements:
            if isinstance(statement, Fill):
                maps |= {m.name for t in statement.terms for m in t.maps}
            if isinstance(statement, Gradient):
                maps.add(statement.parameter)
        combined = [self.cell.linear_maps[n] for n in maps & self.cell.linear_maps.keys()]
        return maps | {base.name for m in combined for base in m.bases}

    def _maps(self) -> list[str]:
        """Return lines that set masked entries to zero and build fixed maps."""
        lines = []
        maps = self._applied()
        for linear_map in self.cell.linear_maps.values():
            if linear_map.name not in maps:
                continue
            name = self.name(linear_map.name)
            if linear_map.mask is not None:
                mask = self._entries(linear_map, linear_map.mask)
                flag = self._masks[linear_map.name]
                lines.append(f"{flag} = {mask}")
                lines.append(f"{name} = {self._call('where', flag, name, '0')}")
            if linear_map.entries is not None:
                shape = f"({self.size(linear_map.out)}, {self.size(linear_map.into)})"
                entries = self._entries(linear_map, linear_map.entries)
                lines.append(f"{name} = {self._library}.broadcast_to({entries}, {shape})")
            if linear_map.summands:
                lines.append(f"{name} = {self._sum(linear_map)}")
        return lines

    def _sum(self, linear_map: Map) -> str:
        """Return the text of a map made of others."""
        text = ""
        for summand in linear_map.summands:
            factor = abs(summand.factor)
            matrix = f"{self.name(summand.linear_map.name)}{'.T' * summand.transposed}"
            scaled = matrix if factor == 1 else f"{self._printer.doprint(factor)} * {matrix}"
            sign = "-" if summand.factor < 0 else "+" if text else ""
            text += f" {sign} {scaled}" if text else f"{sign}{scaled}"
        return text

    def maps_function(self) -> list[str]:
        """Return the function that fills masked, fixed and combined maps, or nothing."""
        lines = self._maps()
        if not lines:
            return []
        filled = [
            m
            for m in self.cell.linear_maps.values()
            if m.mask is not None or m.entries is not None or m.summands
        ]
        pairs = (f"{m.name!r}: {self.name(m.name)}" for m in filled if m.name in self._applied())
        words = '"""Masked and fixed maps by name, zero where a mask allows no entry."""'
        bound = operations_line(self.operations, self._printer)
        body = [words, *bound, *lines, f"return {{{', '.join(pairs)}}}"]
        return [QUIET, f"def maps({', '.join(self.arguments())}):", *indented(body)]

    def _entries(self, linear_map: Map, rule: sp.Basic) -> str:
        """Return the text of a rule in row and column over the entries of a map."""
        names = {}
        for node in sorted(rule.atoms(sp.Function), key=str):
            kind = type(node).__name__
            if kind not in ("row", "column"):
                continue
            vector = node.args[0].name
            space = linear_map.out if kind == "row" else linear_map.into
            index = vector == "index"
            values = self._call("index", self.size(space)) if index else self.name(vector)
            axis = "[:, None]" if kind == "row" else "[None, :]"
            names[node] = sp.Symbol(f"{values}{axis}")
        return str(self._printer.doprint(rule.xreplace(names)))

    def _statement(self, statement: object) -> list[str]:
        match statement:
            case Let(target=target, expression=expression, space=space):
                return [f"{self.name(target.name)} = {self._let(expression, space)}"]
            case Matvec():
                return [self._matvec(statement)]
            case Fill():
                return []
            case Gradient():
                return self._gradient(statement)
        raise AssertionError(statement)

    def _let(self, expression: sp.Expr, space: str) -> str:
        text = str(self._printer.doprint(expression))
        if isinstance(expression, Boolean) and not expression.is_Symbol:
            return text
        spaces = {self.routine.spaces[s.name] for s in expression.free_symbols}
        if space != ONE and spaces <= {ONE}:
            return self._call("spread", text, self.size(space))
        return text if expression.free_symbols else self._call("spread", text, "1")

    def _matvec(self, statement: Matvec) -> str:
        target, operand = self.name(statement.target.name), self.name(statement.operand.name)
        linear_map = statement.linear_map
        name = self.name(linear_map.name)
        kind = linear_map.kind
        if linear_map.stored:
            matrix = name if statement.transposed else f"{name}.T"
            return f"{target} = {self.dialect.product(operand, matrix)}"
        if kind == "largest":
            return f"{target} = {self.dialect.largest(self._library, operand)}"
        narrow = (kind == "spread") == statement.transposed
        if narrow:
            scale = f" / {self.size(linear_map.into)}" if kind == "mean" else ""
            return f"{target} = {self.dialect.total(self._library, operand)}{scale}"
        wide = linear_map.out if kind == "spread" else linear_map.into
        size = self.size(wide)
        scale = f" / {size}" if kind == "mean" else ""
        return f"{target} = {self._call('spread', operand, size)}{scale}"

    def _matrix(self, linear_map: Map) -> str:
        if linear_map.stored:
            return self.name(linear_map.name)
        shape = f"({self.size(linear_map.out)}, {self.size(linear_map.into)})"
        ones = self._call("ones", shape)
        scale = f" / {self.size(linear_map.into)}" if linear_map.kind == "mean" else ""
        return f"({ones}{scale})" if scale else ones

    def _diagonal(self, expression: sp.Expr) -> str:
        return "None" if expression == 1 else str(self._printer.doprint(expression))

    def _fill_blocks(self, fills: list[Fill]) -> list[str]:
        """Return one call that writes every block that is not zero."""
        assert self.routine.matrix is not None
        heights, widths = self.routine.matrix
        lines = []
        for fill in fills:
            diagonal = [t.diagonals[0] for t in fill.terms if not t.maps]
            value = str(self._printer.doprint(sp.Add(*diagonal))) if diagonal else "None"
            terms = [self._term(t) for t in fill.terms if t.maps]
            if diagonal or terms:
                place = f"{self._slice(heights, fill.out)}, {self._slice(widths, fill.wrt)}"
                start = f"    ({place}, {value}, ["
                if len(start) + sum(map(len, terms)) > 88:
                    lines += [start, *(f"        {term}," for term in terms), "    ]),"]
                else:
                    lines.append(f"{start}{', '.join(terms)}]),")
        self._printer.called.add("fill_blocks")
        return ["return fill_blocks(", "    out,", *lines, ")"]

    def _term(self, term: Term) -> str:
        """Return the text of a term: diagonal, matrix, diagonal, ... with ``None`` for 1."""
        parts = [self._diagonal(term.diagonals[0])]
        for linear_map, right in zip(term.maps, term.diagonals[1:], strict=True):
            parts += [self._matrix(linear_map), self._diagonal(right)]
        if term.diagonals[-1] == 1:
            parts.pop()
        return f"({', '.join(parts)})"

    def _slice(self, parts: tuple[str, ...], part: str) -> str:
        if len(parts) == 1:
            return "slice(None)"
        sizes = [f"{self.name(p)}.shape[-1]" for p in parts]
        position = parts.index(part)
        start, stop = " + ".join(sizes[:position]), " + ".join(sizes[: position + 1])
        return f"slice({start or 0}, {stop})"

    def _gradient(self, statement: Gradient) -> list[str]:
        parameter = statement.parameter
        adjoint = self.name(statement.adjoint.name)
        if statement.operand is None:
            value = self._call("total", adjoint, "keep")
        else:
            value = self._call("outer", adjoint, self.name(statement.operand.name), "keep")
        linear_map = self.cell.linear_maps.get(parameter)
        if linear_map is not None and linear_map.mask is not None:
            value = self._call("where", self._masks[parameter], value, "0")
        earlier = self.routine.statements[: self.routine.statements.index(statement)]
        again = any(isinstance(s, Gradient) and s.parameter == parameter for s in earlier)
        target = f"gradients[{parameter!r}]"
        return [self.dialect.added(target, value) if again else f"{target} = {value}"]
