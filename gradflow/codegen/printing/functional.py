"""Source for arrays of any library: the text of ``source.py`` with nothing written in place.

Every function takes ``xp`` first, the operations of the arrays' library, and names on its first
line the functions it uses; the lines below it read as in NumPy's source.
"""

from __future__ import annotations

import re

from gradflow.cells.cell import Cell
from gradflow.codegen.lowering.routine import Gradient, Matvec, Routine
from gradflow.codegen.printing.expressions import RUNTIME_NAMES
from gradflow.codegen.printing.vectorised import RoutineText

_OWN = RUNTIME_NAMES - {"np", "out", "keep", "gradients", "slice"}


def functional_text(cell: Cell, routine: Routine) -> str:
    """Print a routine over arrays of any library."""
    return FunctionalText(cell, routine).text()


class FunctionalText(RoutineText):
    """Prints one routine of a cell as a Python function without side effects."""

    def __init__(self, cell: Cell, routine: Routine) -> None:
        """Choose a name for the operations that hides none of the cell's."""
        super().__init__(cell, routine)
        self.xp = self.name.fresh("xp")

    def arguments(self) -> list[str]:
        """Return the argument names in order, the operations first."""
        return [self.xp, *super().arguments()]

    def text(self) -> str:
        """Return the whole function."""
        return self._bound(super().text())

    def maps_text(self) -> str:
        """Return the text of a function ``maps`` of all arguments: filled maps by name, or ""."""
        text = super().maps_text()
        return self._bound(text) if text else ""

    def _bound(self, text: str) -> str:
        """Name the operations used on a line after the docstring, and no NumPy but for errstate."""
        head, documentation, body = text.split('"""')
        body = re.sub(r"\bnp\.", f"{self.xp}.", body)
        used = [n for n in sorted(_OWN) if re.search(rf"\b{n}\b", body)]
        values = ", ".join(f"{self.xp}.{n}" for n in used)
        line = f"\n    {', '.join(used)} = {values}" if used else ""
        documentation = documentation.replace(", overwritten", ": the shape to return")
        return f'{head}"""{documentation}"""{line}{body}'

    def _docstring(self) -> list[str]:
        first, blank, *rows = super()._docstring()
        operations = f"{self.xp} : gradflow.codegen.frameworks.operations.Operations of the arrays"
        return [first, blank, operations, *rows]

    def _matvec(self, statement: Matvec) -> str:
        text = super()._matvec(statement)
        operand = self.name(statement.operand.name)
        return text.replace(
            f"{operand}.sum(-1, keepdims=True)", f"{self.xp}.total_units({operand})"
        )

    def _gradient(self, statement: Gradient) -> list[str]:
        (line,) = super()._gradient(statement)
        target, again, value = line.partition(" += ")
        return [f"{target} = {target} + {value}" if again else line]
