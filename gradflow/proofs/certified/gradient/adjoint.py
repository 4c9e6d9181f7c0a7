r"""Reverse mode over balls of whole numbers: forwards once, backwards once, O(n^2) a step.

The same operations, in the same order, are those of the checker in Coq.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from gradflow.proofs.certified.gradient import elementary
from gradflow.proofs.certified.gradient.uses import Columns, Uses, added, total
from gradflow.proofs.certified.gradient.whole import (
    Scale,
    UndecidedError,
    Vector,
    minus,
    norm,
    plus,
    product,
    rounded,
)
from gradflow.proofs.certified.program.straight import Line, Numbers, Straight, constants


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A loss in whole numbers: what is read, the head, and the target of each step that counts."""

    kind: str
    part: str
    weight: tuple[tuple[int, ...], ...]
    bias: tuple[int, ...]
    targets: Mapping[int, int | tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Adjoints:
    """Norms from below and above, whole numbers of scale p.

    ``states[k]`` holds those of the gradient by each state part after ``k`` steps, whole and by
    part; ``parameters`` of the whole gradient by each array, ``by_step`` of what each step gives.
    ``kinks`` counts the steps at which a unit is exactly at the kink of a relu, where its slope is
    taken as 0.
    """

    states: list[dict[str, tuple[int, int]]]
    parameters: dict[str, tuple[int, int]]
    by_step: dict[str, list[tuple[int, int]]]
    kinks: int = 0


class LostError(UndecidedError):
    """A state is enclosed no better than by [-1, 1] from the step ``lost`` on.

    Its radius would square from step to step, and the numbers with it.
    """

    def __init__(self, lost: int) -> None:
        """Keep the step."""
        super().__init__(f"step {lost}")
        self.lost = lost


@dataclass(eq=False, kw_only=True)
class _Pass:
    line: Straight
    found: Numbers
    scale: Scale
    steps: int
    loss: Scored
    parameters: bool
    columns: Columns = field(default_factory=dict)
    kinks: set[int] = field(default_factory=set)
    still: dict[tuple[int, tuple[int, ...]], tuple[int, ...]] = field(default_factory=dict)

    def constant(self, k: int, line: Line, t: int) -> tuple[int, ...]:
        """Return the constant part of a line, once for equal inputs."""
        rows = [
            self.found.inputs[p.vector][t] for p in line.pieces if p.vector in self.found.inputs
        ]
        key = (k, tuple(v for row in rows for v in row))
        if key not in self.still:
            self.still[key] = constants(line, self.found, t)
        return self.still[key]

    def step(self, state: Sequence[Vector], t: int) -> list[Vector]:
        """Return the values of every line of step ``t``, counted from 0."""
        values, scale = list(state), self.scale
        for k, line in enumerate(self.line.lines):
            inner = [values[i] for i in line.operands]
            match line.kind:
                case "affine":
                    matrix = self.found.matrices[line.matrix]
                    value = scale.affine(matrix, self.constant(k, line, t), inner[0])
                case "constant":
                    number = self.constant(k, line, t)
                    value = [rounded(scale.q, (z << (scale.p - scale.q), 0)) for z in number]
                case "add":
                    value = [plus(a, b) for a, b in zip(*inner, strict=True)]
                case "mul":
                    value = [scale.times(a, b) for a, b in zip(*inner, strict=True)]
                case "scale":
                    value = _scaled(scale, line.numbers, inner[0])
                case "sum":
                    value = [total(inner[0])]
                case "spread":
                    value = inner[0] * line.size
                case "relu":
                    if any(c + r == 0 for c, r in inner[0]):
                        self.kinks.add(t)
                    value = [b if _positive(b) else (0, 0) for b in inner[0]]
                case name if name in elementary.FUNCTIONS:
                    value = [elementary.value(scale, name, b) for b in inner[0]]
                case _:
                    function = scale.sigmoid if line.kind == "sigmoid" else scale.tanh
                    value = [function(b) for b in inner[0]]
            values.append(value)
        return values

    def backwards(
        self, values: Sequence[Vector], adjoint: dict[int, Vector], t: int
    ) -> list[tuple[Line, Vector]]:
        """Push adjoints from the values back to the state before; keep those of linear lines."""
        scale, kept = self.scale, []
        one = (1 << scale.m, 0)

        def add(i: int, v: Vector) -> None:
            old = adjoint.get(i)
            adjoint[i] = v if old is None else [plus(a, b) for a, b in zip(old, v, strict=True)]

        def times(v: Vector, a: Vector) -> Vector:
            return [product(scale.m, x, b) for x, b in zip(v, a, strict=True)]

        first = len(self.line.before)
        for k in range(len(self.line.lines) - 1, -1, -1):
            line = self.line.lines[k]
            a = adjoint.pop(first + k, None)
            if a is None:
                continue
            y = values[first + k]
            if line.kind in ("affine", "constant"):
                kept.append((line, a))
            match line.kind:
                case "affine":
                    add(line.operands[0], scale.transposed(self.columns[line.matrix], a))
                case "add":
                    add(line.operands[1], a)
                    add(line.operands[0], a)
                case "mul":
                    u, v = (list(map(scale.short, values[i])) for i in line.operands)
                    add(line.operands[1], times(u, a))
                    add(line.operands[0], times(v, a))
                case "scale":
                    add(line.operands[0], _scaled(scale, (line.numbers[0], Fraction(0)), a))
                case "sum":
                    add(line.operands[0], a * len(values[line.operands[0]]))
                case "spread":
                    add(line.operands[0], [total(a)])
                case "relu":
                    inner = values[line.operands[0]]
                    back = [b if _positive(x) else (0, 0) for x, b in zip(inner, a, strict=True)]
                    add(line.operands[0], back)
                case "sigmoid":
                    slopes = []
                    for x in map(scale.short, y):
                        slopes.append(product(scale.m, x, minus(one, x)))
                    add(line.operands[0], times(slopes, a))
                case "tanh":
                    slopes = []
                    for x in map(scale.short, y):
                        slopes.append(minus(one, product(scale.m, x, x)))
                    add(line.operands[0], times(slopes, a))
                case name if name in elementary.FUNCTIONS:
                    pairs = zip(values[line.operands[0]], y, strict=True)
                    slopes = [elementary.slope(scale, name, b, v) for b, v in pairs]
                    add(line.operands[0], times(slopes, a))
        return kept

    def seed(self, h: Vector, t: int) -> Vector:
        """Return the gradient of the loss of step ``t`` (from 1) by the part that is read."""
        scale, loss = self.scale, self.loss
        target = loss.targets[t]
        z = scale.affine(loss.weight, [b << scale.q for b in loss.bias], h)
        if loss.kind == "cross-entropy":
            assert isinstance(target, int)
            d = scale.softmax(z, target)
        elif loss.kind == "linear":
            d = [(scale.one, 0)] * len(z)
        else:
            assert not isinstance(target, int)
            found = z if loss.kind == "squared" else [scale.sigmoid(b) for b in z]
            d = [minus(b, scale.exact(y)) for b, y in zip(found, target, strict=True)]
        return scale.transposed(list(zip(*loss.weight, strict=True)), d)

    def run(self) -> Adjoints:
        self.columns = {n: list(zip(*rows, strict=True)) for n, rows in self.found.matrices.items()}
        parts = list(self.line.before)
        state = [[self.scale.exact(z) for z in self.found.start[p]] for p in parts]
        tape = []
        for t in range(self.steps):
            tape.append(self.step(state, t))
            state = [tape[-1][self.line.after[p]] for p in parts]
            if any(r > max(abs(c), self.scale.one) for v in state for c, r in v):
                raise LostError(t + 1)
        back: list[Vector | None] = [None] * len(parts)
        rows: list[dict[str, tuple[int, int]]] = [{} for _ in range(self.steps + 1)]
        uses = Uses(self.found, self.scale, self.steps, self.columns)
        read = parts.index(self.loss.part)
        for t in range(self.steps, -1, -1):
            if t in self.loss.targets:
                own = self.seed(state[read] if t == self.steps else self.at(tape, t, read), t)
                back[read] = added(back[read], own)
            rows[t] = self.norms(parts, back)
            if not t:
                break
            adjoint: dict[int, Vector] = {}
            for part, v in zip(parts, back, strict=True):
                place = self.line.after[part]
                if v is not None:
                    adjoint[place] = added(adjoint.get(place), v)
            kept = self.backwards(tape[t - 1], adjoint, t - 1)
            if self.parameters:
                uses.add(kept, tape[t - 1], t - 1)
            back = [adjoint.get(self.line.before[p]) for p in parts]
        return Adjoints(
            states=rows,
            parameters=uses.totals(),
            by_step=uses.by_step(),
            kinks=len(self.kinks),
        )

    def at(self, tape: Sequence[Sequence[Vector]], t: int, part: int) -> Vector:
        """Return a state part after ``t`` steps, ``0 < t < T``."""
        return tape[t][part]

    def norms(
        self, parts: Sequence[str], back: Sequence[Vector | None]
    ) -> dict[str, tuple[int, int]]:
        found = {p: norm(v or []) for p, v in zip(parts, back, strict=True)}
        found[""] = norm([b for v in back if v is not None for b in v])
        return found


def adjoints(
    line: Straight,
    found: Numbers,
    scale: Scale,
    steps: int,
    loss: Scored,
    *,
    parameters: bool = True,
) -> Adjoints:
    """Return the norms of the gradient of a loss by the state after every step, and by arrays.

    Raises ``UndecidedError`` where a ball holds the kink of a relu, or a function has no value.
    """
    made = _Pass(line=line, found=found, scale=scale, steps=steps, loss=loss, parameters=parameters)
    return made.run()


def _scaled(scale: Scale, numbers: Sequence[Fraction], v: Vector) -> Vector:
    a, b = numbers
    shift = scale.fraction(b)
    if a.denominator == 1:
        return [(int(a) * c + shift[0], abs(int(a)) * r + shift[1]) for c, r in v]
    factor = scale.fraction(a)
    return [plus(scale.times(factor, x), shift) for x in v]


def _positive(b: tuple[int, int]) -> bool:
    """Whether a ball lies above 0; 0 itself does not."""
    if b[0] - b[1] > 0:
        return True
    if b[0] + b[1] > 0:
        raise UndecidedError("relu")
    return False
