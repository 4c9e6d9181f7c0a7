"""From declared cells to a program: every sub-expression a slot, equal ones only once."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import sympy as sp

from gradflow.cells.language.program import Elementwise, Map
from gradflow.cells.language.spaces import ONE
from gradflow.proofs.certified.program.expressions import differentiate, expression
from gradflow.proofs.certified.program.known import BY_KNOWN
from gradflow.proofs.certified.program.slots import Slots
from gradflow.proofs.certified.program.steps import Floats, Given, Operation, Program
from gradflow.proofs.coq.written import written
from gradflow.proofs.weights.values import map_array
from gradflow.spectra import Trajectory


class Stacked(Protocol):
    """A run of stacked layers: the run of each, and what stands behind each."""

    @property
    def runs(self) -> tuple[Trajectory, ...]:
        """The run of each layer."""

    @property
    def between(self) -> tuple[Any, ...]:
        """What stands behind each layer."""


def given(run: Trajectory | Stacked, what: str, *, by_known: bool = False) -> Given:
    """Return the program and the exact numbers of a run, of one cell or of stacked layers.

    With ``by_known`` functions are written by those that the checker of gradients has rules for.
    Raises ``UsageError`` for a batch, weights that change by step, or what no rule is known for.
    """
    run.require_single(what)  # type: ignore[union-attr]
    if isinstance(run, Trajectory):
        run.require_constant(what)
        builder = _Builder(what, by_known=by_known)
        states = builder.layer(run, "", {n: a.shape[-1] for n, a in run.inputs.items()})
        return builder.given(run.name, states, [run], [""])
    builder = _Builder(what, by_known=by_known)
    below: int | None = None
    states = {}
    prefixes = [f"{level}." for level in range(1, len(run.runs) + 1)]
    for prefix, one, between in zip(prefixes, run.runs, run.between, strict=True):
        one.require_constant(what)
        sizes = {n: a.shape[-1] for n, a in one.inputs.items()}
        (reads,) = one.inputs
        own = builder.layer(one, prefix, sizes, {} if below is None else {reads: below})
        states |= own
        read = builder.slots.named[f"{prefix}{reads}"] if below is None else below
        below = builder.behind(own[f"{prefix}h"][1], read, between, prefix)
    first = [run.runs[0], *run.runs[1:]]
    return builder.given(run.name, states, first, prefixes)  # type: ignore[attr-defined]


class _Builder:
    """Slots and operations as they are found."""

    def __init__(self, what: str, *, by_known: bool) -> None:
        self.slots = Slots(what, BY_KNOWN if by_known else {})
        self.read = written if by_known else sp.sympify
        self.inputs: dict[str, int] = {}
        self.arrays: dict[str, Floats] = {}
        self.matrices: dict[str, Floats] = {}
        self.names: dict[str, int] = {}
        self.constants: set[str] = set()

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
            found[part] = self.slots.leaf(f"{prefix}{part}", sizes[cell.spaces[part]])
        for name, size in inputs.items():
            if fed and name in fed:
                found[name] = fed[name]
            else:
                found[name] = self.inputs[f"{prefix}{name}"] = self.slots.leaf(
                    f"{prefix}{name}", size
                )
        for name in (*cell.parameters, *cell.constant_names):
            if name not in cell.linear_maps:
                array = np.asarray(run.params[name], dtype=np.float64).ravel()
                self.arrays[f"{prefix}{name}"] = array
                found[name] = self.slots.leaf(f"{prefix}{name}", array.size)
        kept = {*cell.linear_maps, *cell.constant_names} - set(cell.parameters)
        self.constants |= {f"{prefix}{name}" for name in kept}
        for m in cell.linear_maps.values():
            shape = (sizes[m.out], sizes[m.into])
            self.matrices[f"{prefix}{m.name}"] = map_array(cell, m, run.params, shape)
        for statement in cell.program:
            name = statement.target.name
            size = sizes[cell.spaces[name]]
            if isinstance(statement, Elementwise):
                slot = expression(self.slots, self.read(statement.expression), found, size, cell)
                found[name] = self.slots.spread(slot, size)
            else:
                found[name] = self.product(
                    statement.linear_map, found[statement.operand.name], size, prefix
                )
        self.names |= {f"{prefix}{s.target}": found[s.target.name] for s in cell.program}
        return {f"{prefix}{p}": (found[p], found[f"{p}_next"]) for p in cell.states}

    def product(self, m: Map, operand: int, size: int, prefix: str) -> int:
        """Return a linear map of a slot; any number will do for the largest unit, here 0."""
        if m.kind == "spread":
            return self.slots.spread(operand, size)
        if m.kind == "largest":
            nothing = self.slots.add(Operation("constant", numbers=(Fraction(0),)), 1)
            return self.slots.spread(nothing, size)
        if m.kind in ("sum", "mean"):
            total = self.slots.add(Operation("sum", (operand,)), 1)
            if m.kind == "mean":
                total = self.slots.scale(total, Fraction(1, self.slots.size[operand]), Fraction(0))
            return self.slots.spread(total, size)
        return self.slots.add(Operation("map", (operand,), f"{prefix}{m.name}"), size)

    def behind(self, h: int, x: int, between: Any, prefix: str) -> int:
        """Return what the next layer reads: normalised, plus the input where it is residual."""
        size, out = self.slots.size[h], h
        if between.norm is not None:
            mean = self.slots.scale(
                self.slots.add(Operation("sum", (h,)), 1), Fraction(-1, size), Fraction(0)
            )
            centred = self.slots.pair("add", h, mean, size)
            square = self.slots.add(
                Operation("sum", (self.slots.pair("mul", centred, centred, size),)), 1
            )
            epsilon = Fraction(float(between.norm.epsilon))
            variance = self.slots.scale(square, Fraction(1, size), epsilon)
            inverse = self.slots.function(
                "inverse", (self.slots.function("sqrt", (variance,), 1),), 1
            )
            unit = self.slots.pair("mul", centred, inverse, size)
            ends = []
            for name in ("gain", "shift"):
                array = np.asarray(getattr(between.norm, name), dtype=np.float64)
                self.arrays[f"{prefix}norm.{name}"] = array
                ends.append(self.slots.leaf(f"{prefix}norm.{name}", array.size))
            out = self.slots.pair("add", self.slots.pair("mul", unit, ends[0], size), ends[1], size)
        return self.slots.pair("add", out, x, size) if between.residual else out

    def given(
        self,
        name: str,
        states: Mapping[str, tuple[int, int]],
        runs: list[Trajectory],
        prefixes: list[str],
    ) -> Given:
        """Return what was built, leaves first, with the numbers of the runs."""
        differentiate(self.slots, (after for _, after in states.values()), runs[0].cell)
        count = len(self.slots.leaves)

        def slot(k: int) -> int:
            return -k - 1 if k < 0 else count + k

        operations = tuple(
            Operation(
                o.kind,
                tuple(map(slot, o.operands)),
                o.name,
                o.numbers,
            )
            for o, k in self.slots.made.items()
        )
        sizes = [size for _, size in self.slots.leaves]
        sizes += [self.slots.size[k] for k in range(len(self.slots.made))]
        program = Program(
            leaves=tuple(leaf for leaf, _ in self.slots.leaves),
            operations=operations,
            slopes={slot(k): tuple(map(slot, v)) for k, v in self.slots.slopes.items()},
            sizes=tuple(sizes),
            states={p: (slot(a), slot(b)) for p, (a, b) in states.items()},
            inputs={n: slot(k) for n, k in self.inputs.items()},
            arrays={n: slot(self.slots.named[n]) for n in self.arrays},
            clock=-1 if self.slots.clock is None else slot(self.slots.clock),
            names={n: slot(k) for n, k in self.names.items()},
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
            constants=frozenset(self.constants),
        )
