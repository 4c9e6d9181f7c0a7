"""Where values stand in the environment of the checker, and lines as its operations."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gradflow.errors import UsageError
from gradflow.proofs.certified.gradient.certified import CertifiedGradient
from gradflow.proofs.certified.program.straight import Line, Piece


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A network as the checker runs it.

    Parameters
    ----------
    gradient
        What is to be proved.
    units
        Entries of every vector.
    places
        Of each state part, its distance from the newest vector between two steps.
    start
        The parts (or ``""`` for a vector of zeros) in the first environment, newest first.
    """

    gradient: CertifiedGradient
    units: int
    places: dict[str, int]
    start: tuple[str, ...]

    @property
    def parts(self) -> list[str]:
        """State parts in order."""
        return list(self.gradient.line.before)

    def operations(self) -> list[str]:
        """Return the operations of step ``t`` as terms of Coq."""
        found = []
        before = {v: self.places[p] for p, v in self.gradient.line.before.items()}
        first = len(before)
        for k, line in enumerate(self.gradient.line.lines):
            places = [before[v] + k if v in before else k - 1 - (v - first) for v in line.operands]
            found.append(self._operation(line, places))
        return found

    def _operation(self, line: Line, places: list[int]) -> str:
        at = " ".join(map(str, places))
        match line.kind:
            case "affine":
                return f"OAff z_{line.matrix} {self.constant(line)} {at}"
            case "constant":
                return f"OAff (zeros n) {self.constant(line)} 0"
            case "scale":
                return f"ONeg {at}"
        return f"{_OPERATIONS[line.kind]} {at}"

    def constant(self, line: Line) -> str:
        """Return the constant part of a line, of scale 2q."""
        pieces = [_piece(p, self.gradient) for p in line.pieces]
        if line.shift or not pieces:
            pieces.append(f"(kall n ({self.shift(line.shift)}))")
        text = pieces[0]
        for piece in pieces[1:]:
            text = f"(kadd {text} {piece})"
        return text

    def shift(self, number: Fraction) -> int:
        """Return a fraction as a whole number of scale 2q."""
        return int(number * (1 << (2 * self.gradient.numbers.q)))


_OPERATIONS = {"add": "OAdd", "mul": "OMul", "sigmoid": "OSig", "tanh": "OTan"}
_LOSSES = {"cross-entropy": "LX", "logistic": "LLog", "squared": "LSq", "linear": "LLin"}


def layout(gradient: CertifiedGradient) -> Layout:
    """Return how the checker runs a network.

    Raises ``UsageError`` for one that it has no rule for.
    """
    line, given = gradient.line, gradient.given
    sizes = set(line.sizes)
    if len(sizes) != 1:
        raise _refused("vectors of several sizes")
    for one in line.lines:
        known = one.kind in (*_OPERATIONS, "affine", "constant")
        if not known and not (one.kind == "scale" and _one_minus(one)):
            raise _refused(f"the operation {one.kind}")
    if any("." in name for name in given.start):
        raise _refused("stacked layers; declare them as one cell")
    if gradient.loss.every_step:
        raise _refused("a loss of every step")
    if gradient.scored.kind != "cross-entropy" and len(gradient.scored.bias) != 1:
        raise _refused(f"a {gradient.scored.kind} loss of several scores")
    if gradient.scored.part != next(iter(line.before)):
        raise _refused("a loss of another part than the first")
    count, last = len(line.before), len(line.sizes) - 1
    places = {p: last - v for p, v in line.after.items()}
    if any(v < count for v in line.after.values()) or len(set(places.values())) < count:
        raise _refused("a state part that is copied")
    if places[gradient.scored.part] != 0:
        raise _refused("a step that ends with another part than the one that is read")
    start = [""] * (max(places.values()) + 1)
    for part, place in places.items():
        start[place] = part
    return Layout(gradient=gradient, units=sizes.pop(), places=places, start=tuple(start))


def _one_minus(line: Line) -> bool:
    return [int(x) if x.denominator == 1 else None for x in line.numbers] == [-1, 1]


def _refused(what: str) -> UsageError:
    return UsageError(
        f"certify: {what} has no rule in Coq yet; the level stays CERTIFIED, so use that."
    )


def _piece(piece: Piece, gradient: CertifiedGradient) -> str:
    given = piece.vector in gradient.numbers.inputs
    vector = f"(nth t z_{piece.vector} [])" if given else f"z_{piece.vector}"
    return f"(kmat z_{piece.matrix} {vector})" if piece.matrix else f"(kvec q {vector})"


def whole(number: int) -> str:
    """Return a whole number as a term."""
    return f"({number})" if number < 0 else str(number)


def row(numbers: tuple[int, ...]) -> str:
    """Return a list of whole numbers."""
    return "[" + ";".join(map(whole, numbers)) + "]"


def rows(matrix: tuple[tuple[int, ...], ...]) -> str:
    """Return a list of lists."""
    return "[" + ";\n ".join(map(row, matrix)) + "]"
