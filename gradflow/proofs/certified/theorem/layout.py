"""Where values stand in the environment of the checker, and lines as its operations."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gradflow.cells.cell import Cell
from gradflow.errors import UsageError
from gradflow.proofs.certified.gradient.certified import CertifiedGradient
from gradflow.proofs.certified.program.straight import Line, Piece
from gradflow.proofs.coq.recurrence import equations, variables
from gradflow.proofs.coq.terms import CoqTerms


@dataclass(frozen=True)
class Table:
    """An array as the checker holds it: a matrix, or a vector as a matrix of one column."""

    name: str
    rows: int
    columns: int
    vector: bool = False


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A network as the checker runs it.

    Parameters
    ----------
    gradient
        What is to be proved.
    cell
        The cell it is a run of.
    units
        Entries of every vector of the checker; shorter ones are followed by entries without use.
    tables
        The arrays by which there is a gradient, in order.
    kinds
        Of every variable of the equations, its type in Coq.
    """

    gradient: CertifiedGradient
    cell: Cell
    units: int
    tables: tuple[Table, ...]
    kinds: dict[str, str]

    @property
    def parts(self) -> list[str]:
        """State parts in order."""
        return list(self.gradient.line.before)

    @property
    def sizes(self) -> list[int]:
        """Entries of every state part."""
        return [self.gradient.line.sizes[v] for v in self.gradient.line.before.values()]

    @property
    def read(self) -> int:
        """The number of the part that the loss reads."""
        return self.parts.index(self.gradient.scored.part)

    def table(self, name: str) -> int:
        """Return the number of an array, -1 for one that stays as it is."""
        return next((k for k, t in enumerate(self.tables) if t.name == name), -1)

    def operations(self) -> list[str]:
        """Return the operations of step ``t`` as terms of Coq; the last ones copy the new state."""
        line = self.gradient.line
        count = len(line.before)
        found: list[str] = []

        def place(value: int) -> int:
            return value + len(found) if value < count else len(found) - 1 - (value - count)

        for one in line.lines:
            found.append(self._operation(one, [place(v) for v in one.operands]))
        for part in reversed(self.parts):
            found.append(f"OLin 1 1 0 1 {place(line.after[part])}")
        return found

    def _operation(self, line: Line, places: list[int]) -> str:
        at = " ".join(map(str, places))
        match line.kind:
            case "affine":
                return f"OAff {self.table(line.matrix)} {at} {self._given(line)}"
            case "constant":
                return f"OCst {self._given(line)}"
            case "scale":
                a, b = line.numbers
                return f"OLin {_fraction(a)} {_fraction(b)} {at}"
            case "relu":
                return f"ORel {line.size} {at}"
            case kind if kind in _FUNCTIONS:
                return f"OFun {_FUNCTIONS[kind]} {line.size} {at}"
        return f"{_OPERATIONS[line.kind]} {at}"

    def _given(self, line: Line) -> str:
        """Return what the input and the parameters add: matrices of vectors, and numbers."""
        pieces = [p for p in line.pieces if not self.single(p)]
        numbers = [f"once q z_{p.vector}" for p in line.pieces if self.single(p)]
        if line.shift:
            numbers.append(str(self.shift(line.shift)))
        return f"[{'; '.join(map(self._piece, pieces))}] [{'; '.join(numbers)}]%Z"

    def _piece(self, piece: Piece) -> str:
        given = piece.vector in self.gradient.numbers.inputs
        if not piece.matrix:
            return f"({self.table(piece.vector)}%nat, unit q)"
        vector = f"nth t z_{piece.vector} []" if given else f"z_{piece.vector}"
        return f"({self.table(piece.matrix)}%nat, {vector})"

    def single(self, piece: Piece) -> bool:
        """Whether a piece is one number, added to every entry."""
        return not piece.matrix and self.kinds.get(f"p_{piece.vector}") == "R"

    def shift(self, number: Fraction) -> int:
        """Return a fraction as a whole number of scale 2q."""
        return int(number * (1 << (2 * self.gradient.numbers.q)))


_OPERATIONS = {"add": "OAdd", "mul": "OMul", "sigmoid": "OSig", "tanh": "OTan"}
_FUNCTIONS = {"exp": "FExp", "log": "FLog", "sqrt": "FRoot", "inverse": "FInv"}


def layout(gradient: CertifiedGradient, cell: Cell) -> Layout:
    """Return how the checker runs a network.

    Raises ``UsageError`` for one that it has no rule for.
    """
    line = gradient.line
    terms = CoqTerms(cell)
    kinds = dict(variables(terms))
    equations(terms)
    for one in line.lines:
        if one.kind not in (*_OPERATIONS, *_FUNCTIONS, "affine", "constant", "scale", "relu"):
            raise refused(f"the operation {one.kind}")
    if gradient.found.kinks:
        raise refused(
            "a unit that sits exactly on the kink of relu (in which Abs, Max and Min are written), "
            "where there is no derivative,"
        )
    inputs = gradient.numbers.inputs
    pieces = [p for one in line.lines for p in one.pieces]
    for p in pieces:
        if p.vector in inputs and not p.matrix:
            raise refused(f"the input {p.vector}, read without a matrix,")
        if p.vector not in inputs and p.matrix and kinds.get(f"p_{p.vector}") == "R":
            raise refused(f"the single number {p.vector}, times a matrix,")
    plain = {p.vector for p in pieces if not p.matrix and kinds.get(f"p_{p.vector}") != "R"}
    inner = {p.vector for p in pieces if p.matrix} & plain
    if inner:
        raise refused(f"the vector {min(inner)}, which is added and stands behind a matrix too,")
    used = {one.matrix for one in line.lines if one.matrix} | {p.matrix for p in pieces if p.matrix}
    tables = [
        Table(n, len(v), len(v[0])) for n, v in gradient.numbers.matrices.items() if n in used
    ]
    tables += [
        Table(n, len(v), 1, vector=True) for n, v in gradient.numbers.vectors.items() if n in plain
    ]
    return Layout(
        gradient=gradient,
        cell=cell,
        units=max(line.sizes),
        tables=tuple(tables),
        kinds=kinds,
    )


def refused(what: str) -> UsageError:
    """Return the refusal of what the checker has no rule for."""
    return UsageError(
        f"certify: {what} has no rule in Coq yet; the level stays CERTIFIED, so use that."
    )


def _fraction(number: Fraction) -> str:
    return f"{whole(number.numerator)} {number.denominator}"


def whole(number: int) -> str:
    """Return a whole number as a term."""
    return f"({number})" if number < 0 else str(number)


def row(numbers: tuple[int, ...]) -> str:
    """Return a list of whole numbers."""
    return "[" + ";".join(map(whole, numbers)) + "]"


def rows(matrix: tuple[tuple[int, ...], ...]) -> str:
    """Return a list of lists."""
    return "[" + ";\n ".join(map(row, matrix)) + "]"
