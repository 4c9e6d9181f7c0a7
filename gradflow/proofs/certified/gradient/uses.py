"""Gradients by arrays, from the adjoints of the lines in which the arrays stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradflow.proofs.certified.gradient.whole import Scale, Vector, norm, plus, rounded
from gradflow.proofs.certified.program.straight import Line, Numbers

Columns = Mapping[str, Sequence[Sequence[int]]]


class Uses:
    """Gradients by arrays: outer products of adjoints and what they multiply, step by step."""

    def __init__(self, found: Numbers, scale: Scale, steps: int, columns: Columns) -> None:
        """Begin with zeros; ``columns`` are those of the matrices."""
        self.found, self.scale, self.columns = found, scale, columns
        self.count = steps
        self.sums: dict[str, list[Vector]] = {}
        self.steps: dict[str, dict[int, tuple[int, int]]] = {}

    def add(self, kept: Sequence[tuple[Line, Vector]], values: Sequence[Vector], t: int) -> None:
        """Add what the linear lines of step ``t`` give, from their adjoints."""
        here: dict[str, list[tuple[Vector, Vector | Sequence[int]]]] = {}
        for line, a in kept:
            if line.kind == "affine":
                v = values[line.operands[0]]
                here.setdefault(line.matrix, []).append((a, v))
            for piece in line.pieces:
                own = self.found.vectors.get(piece.vector)
                vector = own if own is not None else self.found.inputs[piece.vector][t]
                if piece.matrix:
                    here.setdefault(piece.matrix, []).append((a, vector))
                if own is not None:
                    if piece.matrix:
                        b = self.scale.transposed(self.columns[piece.matrix], a)
                    else:
                        b = a if len(own) == len(a) else [total(a)]
                    here.setdefault(piece.vector, []).append((b, (1 << self.found.q,)))
        for name, pairs in here.items():
            own_sum: list[Vector] = []
            for a, by in pairs:
                rows = self._outer(a, by)
                own_sum = rows if not own_sum else rows_added(own_sum, rows)
            self.steps.setdefault(name, {})[t] = norm([b for row in own_sum for b in row])
            before = self.sums.get(name)
            self.sums[name] = own_sum if before is None else rows_added(before, own_sum)

    def _outer(self, a: Vector, v: Vector | Sequence[int]) -> list[Vector]:
        return [[self._product(b, x) for x in v] for b in a]

    def _product(self, b: tuple[int, int], x: tuple[int, int] | int) -> tuple[int, int]:
        """Return a ball times another one, or times an exact number of scale q."""
        if isinstance(x, tuple):
            return self.scale.times(b, x)
        return rounded(self.found.q, (x * b[0], abs(x) * b[1])) if x else (0, 0)

    def totals(self) -> dict[str, tuple[int, int]]:
        """Return norms of the whole gradients."""
        return {n: norm([b for row in rows for b in row]) for n, rows in self.sums.items()}

    def by_step(self) -> dict[str, list[tuple[int, int]]]:
        """Return norms of what each step gives."""
        steps = range(self.count)
        return {n: [rows.get(t, (0, 0)) for t in steps] for n, rows in self.steps.items()}


def added(a: Vector | None, b: Vector) -> Vector:
    """Return a sum; ``None`` stands for zeros."""
    return b if a is None else [plus(x, y) for x, y in zip(a, b, strict=True)]


def rows_added(a: Sequence[Vector], b: Sequence[Vector]) -> list[Vector]:
    """Return a sum row by row."""
    return [[plus(*pair) for pair in zip(x, y, strict=True)] for x, y in zip(a, b, strict=True)]


def total(v: Vector) -> tuple[int, int]:
    """Return the sum of the entries."""
    return sum(c for c, _ in v), sum(r for _, r in v)
