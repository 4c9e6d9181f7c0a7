"""From declared cells to a program: every sub-expression a slot, equal ones only once."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import sympy as sp

from gradflow.cells.cell import Cell
from gradflow.cells.language.functions import record_of
from gradflow.cells.language.nodes import choose
from gradflow.cells.language.program import Elementwise, Map
from gradflow.cells.language.spaces import ONE
from gradflow.cells.language.syntax import TIME
from gradflow.errors import UsageError
from gradflow.proofs.certified.program import Floats, Given, Operation, Program
from gradflow.proofs.weights.values import map_array
from gradflow.spectra import Trajectory

WHOLE = ("sigmoid", "relu")
"""Functions that stay one operation although they have a definition by others."""


class Stacked(Protocol):
    """A run of stacked layers: the run of each, and what stands behind each."""

    runs: tuple[Trajectory, ...]
    between: tuple[Any, ...]


def given(run: Trajectory | Stacked, what: str) -> Given:
    """Return the program and the exact numbers of a run, of one cell or of stacked layers.

    Raises ``UsageError`` for a batch, weights that change by step, or what no rule is known for.
    """
    run.require_single(what)  # type: ignore[union-attr]
    if isinstance(run, Trajectory):
        run.require_constant(what)
        builder = _Builder(what)
        states = builder.layer(run, "", {n: a.shape[-1] for n, a in run.inputs.items()})
        return builder.given(run.name, states, [run], [""])
    builder = _Builder(what)
    below: int | None = None
    states: dict[str, tuple[int, int]] = {}
    prefixes = [f"{level}." for level in range(1, len(run.runs) + 1)]
    for prefix, one, between in zip(prefixes, run.runs, run.between, strict=True):
        one.require_constant(what)
        sizes = {n: a.shape[-1] for n, a in one.inputs.items()}
        (reads,) = one.inputs
        own = builder.layer(one, prefix, sizes, {} if below is None else {reads: below})
        states |= own
        read = builder.named[f"{prefix}{reads}"] if below is None else below
        below = builder.behind(own[f"{prefix}h"][1], read, between, prefix)
    first = [run.runs[0], *run.runs[1:]]
    return builder.given(run.name, states, first, prefixes)  # type: ignore[attr-defined]


class _Builder:
    """Slots and operations as they are found."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.leaves: list[tuple[str, int]] = []
        self.named: dict[str, int] = {}
        self.inputs: dict[str, int] = {}
        self.arrays: dict[str, Floats] = {}
        self.matrices: dict[str, Floats] = {}
        self.made: dict[Operation, int] = {}
        self.size: dict[int, int] = {}
        self.clock: int | None = None
        self.slopes: dict[int, tuple[int, ...]] = {}

    def leaf(self, name: str, size: int) -> int:
        """Return the slot of something given: leaves get numbers below 0 until all are known."""
        if name not in self.named:
            slot = -len(self.leaves) - 1
            self.leaves.append((name, size))
            self.named[name], self.size[slot] = slot, size
        return self.named[name]

    def add(self, operation: Operation, size: int) -> int:
        """Return the slot of an operation, a new one only if there is no equal one."""
        if operation not in self.made:
            self.made[operation] = len(self.made)
            self.size[self.made[operation]] = size
        return self.made[operation]

    def layer(
        self,
        run: Trajectory,
        prefix: str,
        inputs: Mapping[str, int],
        fed: Mapping[str, int] | None = None,
    ) -> dict[str, tuple[int, int]]:
        """Add the step of one cell; return the slots of its state parts before and after."""
        cell, sizes = run.cell, {**run.bound.sizes, ONE: 1}
        found: dict[str, int] = {}
        for part in cell.states:
            found[part] = self.leaf(f"{prefix}{part}", sizes[cell.spaces[part]])
        for name, size in inputs.items():
            if fed and name in fed:
                found[name] = fed[name]
            else:
                found[name] = self.inputs[f"{prefix}{name}"] = self.leaf(f"{prefix}{name}", size)
        for name in (*cell.parameters, *cell.constant_names):
            if name not in cell.linear_maps:
                array = np.asarray(run.params[name], dtype=np.float64).ravel()
                self.arrays[f"{prefix}{name}"] = array
                found[name] = self.leaf(f"{prefix}{name}", array.size)
        for m in cell.linear_maps.values():
            shape = (sizes[m.out], sizes[m.into])
            self.matrices[f"{prefix}{m.name}"] = map_array(cell, m, run.params, shape)
        for statement in cell.program:
            name = statement.target.name
            size = sizes[cell.spaces[name]]
            if isinstance(statement, Elementwise):
                slot = self.expression(statement.expression, found, size, cell)
                found[name] = self.spread(slot, size)
            else:
                found[name] = self.product(
                    statement.linear_map, found[statement.operand.name], size, prefix
                )
        return {
            f"{prefix}{p}": (found[p], found[f"{p}_next"]) for p in cell.states
        }

    def product(self, m: Map, operand: int, size: int, prefix: str) -> int:
        """Return a linear map of a slot."""
        if m.kind == "spread":
            return self.spread(operand, size)
        if m.kind in ("sum", "mean"):
            total = self.add(Operation("sum", (operand,)), 1)
            if m.kind == "mean":
                total = self.scale(total, Fraction(1, self.size[operand]), Fraction(0))
            return self.spread(total, size)
        return self.add(Operation("map", (operand,), f"{prefix}{m.name}"), size)

    def spread(self, slot: int, size: int) -> int:
        """Return a slot of so many entries."""
        if self.size[slot] == size:
            return slot
        return self.add(Operation("spread", (slot,)), size)

    def scale(self, slot: int, a: Fraction, b: Fraction) -> int:
        """Return ``a v + b``."""
        if (a, b) == (1, 0):
            return slot
        return self.add(Operation("scale", (slot,), numbers=(a, b)), self.size[slot])

    def pair(self, kind: str, a: int, b: int, size: int) -> int:
        """Return the sum or product of two slots."""
        return self.add(Operation(kind, (self.spread(a, size), self.spread(b, size))), size)

    def expression(
        self, e: sp.Basic, found: Mapping[Any, int], size: int, cell: Cell
    ) -> int:
        """Return the slot of a scalar expression in named values."""

        def show(a: sp.Basic) -> int:
            return self.spread(self.expression(a, found, size, cell), size)

        if e.is_Rational:
            return self.add(Operation("constant", numbers=(Fraction(int(e.p), int(e.q)),)), 1)
        if e == TIME:
            self.clock = self.leaf("t", 1)
            return self.clock
        if isinstance(e, sp.Symbol):
            return found[e] if e in found else found[e.name]
        if isinstance(e, sp.Add):
            constant = sum((a for a in e.args if a.is_Rational), sp.S.Zero)
            rest = [a for a in e.args if not a.is_Rational]
            shift = Fraction(int(constant.p), int(constant.q))
            if len(rest) == 1:
                factor, one = _factor(rest[0])
                return self.scale(show(one), factor, shift)
            total = show(rest[0])
            for a in rest[1:]:
                total = self.pair("add", total, show(a), size)
            return self.scale(total, Fraction(1), shift)
        if isinstance(e, sp.Mul):
            factor, one = _factor(e)
            if factor != 1:
                return self.scale(show(one), factor, Fraction(0))
            total = show(e.args[0])
            for a in e.args[1:]:
                total = self.pair("mul", total, show(a), size)
            return total
        if isinstance(e, sp.Pow):
            return self.power(e, show, size)
        if isinstance(e, choose):
            return self.choice(*e.args, show, size)
        record = record_of(e)
        if record is None and e in (sp.pi, sp.E):
            return self.add(Operation("constant", name=str(e)), 1)
        if record is None:
            raise UsageError(
                f"{self.what}: cell {cell.name!r} uses {e}, for which no rule is known; write it "
                "by the functions of the language."
            )
        arguments = tuple(show(a) for a in e.args)
        if record.definition is not None and not record.balls and record.name not in WHOLE:
            free = [sp.Dummy(real=True) for _ in arguments]
            names = {**found, **dict(zip(free, arguments, strict=True))}
            return self.expression(sp.sympify(record.definition(*free)), names, size, cell)
        return self.function(record, arguments, size, cell)

    def function(self, record: Any, arguments: tuple[int, ...], size: int, cell: Cell) -> int:
        """Return a function of slots, with the slots of its derivatives."""
        plain = self.add(Operation("function", arguments, record.name), size)
        free = [sp.Dummy(real=True) for _ in arguments]
        called = record.sympy(*free)
        names: dict[Any, int] = dict(zip(free, arguments, strict=True))
        names[called] = plain
        slopes = tuple(
            self.spread(self.slope(sp.diff(called, a), called, names, size, cell), size)
            for a in free
        )
        self.slopes[plain] = slopes
        return plain

    def slope(
        self, e: sp.Expr, called: sp.Expr, names: dict[Any, int], size: int, cell: Cell
    ) -> int:
        """Return the slot of a derivative; where the function itself stands in it, its slot is used."""
        own = sp.Dummy(real=True)
        names[own] = names[called]
        return self.expression(e.xreplace({called: own}), names, size, cell)

    def power(self, e: sp.Pow, show: Any, size: int) -> int:
        """Return a power: repeated products, roots, inverses, or through the logarithm."""
        base, exponent = show(e.base), e.exp
        if exponent.is_Integer or abs(exponent) == sp.S.Half:
            total = base
            if exponent.is_Integer:
                for _ in range(abs(int(exponent)) - 1):
                    total = self.pair("mul", total, base, size)
            else:
                total = self.basic("sqrt", base, size)
            return total if exponent > 0 else self.basic("inverse", total, size)
        return self.basic(
            "exp", self.pair("mul", show(exponent), self.basic("log", base, size), size), size
        )

    def basic(self, name: str, slot: int, size: int) -> int:
        """Return a function by which powers are written, with its slope."""
        made = self.add(Operation("function", (slot,), name), size)
        if name == "exp":
            slope = made
        elif name == "inverse":
            square = self.pair("mul", made, made, size)
            slope = self.scale(square, Fraction(-1), Fraction(0))
        else:
            other = self.add(Operation("function", (made if name == "sqrt" else slot,), "inverse"), size)
            slope = self.scale(other, Fraction(1, 2), Fraction(0)) if name == "sqrt" else other
        self.slopes[made] = (slope,)
        return made

    def choice(self, condition: sp.Basic, a: Any, b: Any, show: Any, size: int) -> int:
        """Return the slot of a choice; conditions of several parts become several choices."""
        taken = a if isinstance(a, int) else show(a)
        other = b if isinstance(b, int) else show(b)
        if isinstance(condition, sp.Not):
            return self.choice(condition.args[0], other, taken, show, size)
        if isinstance(condition, (sp.And, sp.Or)):
            total = taken if isinstance(condition, sp.And) else other
            for one in condition.args:
                pair = (total, other) if isinstance(condition, sp.And) else (taken, total)
                total = self.choice(one, *pair, show, size)
            return total
        sides = (show(condition.lhs), show(condition.rhs))
        return self.add(Operation("choose", (*sides, taken, other), condition.rel_op), size)

    def behind(self, h: int, x: int, between: Any, prefix: str) -> int:
        """Return what the next layer reads: normalised, plus the input where it is residual."""
        size, out = self.size[h], h
        if between.norm is not None:
            mean = self.scale(self.add(Operation("sum", (h,)), 1), Fraction(-1, size), Fraction(0))
            centred = self.pair("add", h, mean, size)
            square = self.add(Operation("sum", (self.pair("mul", centred, centred, size),)), 1)
            epsilon = Fraction(float(between.norm.epsilon))
            root = self.basic("sqrt", self.scale(square, Fraction(1, size), epsilon), 1)
            unit = self.pair("mul", centred, self.basic("inverse", root, 1), size)
            ends = []
            for name in ("gain", "shift"):
                array = np.asarray(getattr(between.norm, name), dtype=np.float64)
                self.arrays[f"{prefix}{name}"] = array
                ends.append(self.leaf(f"{prefix}{name}", array.size))
            out = self.pair("add", self.pair("mul", unit, ends[0], size), ends[1], size)
        return self.pair("add", out, x, size) if between.residual else out

    def given(
        self,
        name: str,
        states: Mapping[str, tuple[int, int]],
        runs: list[Trajectory],
        prefixes: list[str],
    ) -> Given:
        """Return what was built, leaves first, with the numbers of the runs."""
        count = len(self.leaves)

        def slot(k: int) -> int:
            return -k - 1 if k < 0 else count + k

        operations = tuple(
            Operation(
                o.kind,
                tuple(map(slot, o.operands)),
                o.name,
                o.numbers,
                tuple(map(slot, self.slopes.get(k, ()))),
            )
            for o, k in self.made.items()
        )
        sizes = [size for _, size in self.leaves]
        sizes += [self.size[k] for k in range(len(self.made))]
        program = Program(
            leaves=tuple(leaf for leaf, _ in self.leaves),
            operations=operations,
            sizes=tuple(sizes),
            states={p: (slot(a), slot(b)) for p, (a, b) in states.items()},
            inputs={n: slot(k) for n, k in self.inputs.items()},
            arrays={n: slot(self.named[n]) for n in self.arrays},
            clock=-1 if self.clock is None else slot(self.clock),
        )
        start = {
            f"{prefix}{p}": np.asarray(s[0], dtype=np.float64)
            for prefix, run in zip(prefixes, runs, strict=True)
            for p, s in run.states.items()
        }
        inputs = {
            f"{prefix}{n}": np.asarray(a, dtype=np.float64)
            for prefix, run in zip(prefixes, runs, strict=True)
            for n, a in run.inputs.items()
            if f"{prefix}{n}" in self.inputs
        }
        return Given(
            name=name,
            program=program,
            matrices=self.matrices,
            arrays=self.arrays,
            start=start,
            inputs=inputs,
            steps=runs[0].steps,
        )


def _factor(e: sp.Expr) -> tuple[Fraction, sp.Expr]:
    """Split a rational factor off."""
    factor, rest = e.as_coeff_Mul(rational=True)
    return Fraction(int(factor.p), int(factor.q)), rest
