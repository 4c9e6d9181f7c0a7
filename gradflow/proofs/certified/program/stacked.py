"""Stacked layers as one declared cell, so that one statement can speak of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from gradflow.cells.cell import Cell
from gradflow.errors import UsageError
from gradflow.proofs.certified.program.deriving import Stacked
from gradflow.spectra import Trajectory
from gradflow.spectra import run as run_cell

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OTHER = ("define", "constants", "masks", "fixed", "outputs")


def as_one(run: Trajectory | Stacked) -> Trajectory:
    """Return a run of stacked layers as the run of one cell; a run of a cell as it is.

    The names of layer k get the end ``_k``, and its input is the new output of the layer below; a
    layer normalisation between them is three equations, with the number of its epsilon as it is.
    Raises ``UsageError`` for a cell with masks or functions of its own.
    """
    if isinstance(run, Trajectory):
        return run
    equations: list[str] = []
    declared: dict[str, list[str]] = {k: [] for k in ("state", "maps", "vectors", "scalars")}
    params: dict[str, Any] = {}
    state: dict[str, Any] = {}
    first = run.runs[0]
    below, units = "", f"{next(iter(first.cell.spaces[x] for x in first.inputs))}_1"
    for level, (one, between) in enumerate(zip(run.runs, run.between, strict=True), 1):
        said = one.cell.declaration
        if odd := [k for k in _OTHER if getattr(said, k)]:
            raise UsageError(
                f"certify: layer {level} has {odd[0]!r}, which stacked layers written as one cell "
                "cannot have; claim the gradient of one layer."
            )
        (reads,) = one.inputs
        names = _renamed(one.cell, level)
        spaces = {s: f"{s}_{level}" for s in one.cell.spaces.values()}
        spaces[one.cell.spaces[reads]] = units
        if below:
            names[reads] = below
        if between.residual:  # what is added has the units of what it is added to
            spaces[one.cell.spaces["h"]] = units
        units = spaces[one.cell.spaces["h"]]
        for line in filter(None, map(str.strip, said.equations.splitlines())):
            equations.append(_in_names(line, names))
        below = names["h_next"]
        if level < len(run.runs):
            new = _Names(level, {*names.values()})
            if between.norm is not None:
                gain, shift = new("gain"), new("shift")
                declared["vectors"] += [f"{gain}[{units}]", f"{shift}[{units}]"]
                params |= {gain: between.norm.gain, shift: between.norm.shift}
                written, below = _normalised(below, gain, shift, between.norm.epsilon, new)
                equations += written
            if between.residual:
                equations.append(f"{new('out')} = {below} + {names[reads]}")
                below = new("out")
        declared["state"] += [f"{names[p]}[{spaces[one.cell.spaces[p]]}]" for p in one.cell.states]
        for kind in ("maps", "vectors", "scalars"):
            for word in getattr(said, kind).split():
                name, bracket, space = word.partition("[")
                inside = (s.strip() for s in space.rstrip("]").split(","))
                ends = ",".join(spaces.get(s, f"{s}_{level}") for s in inside)
                declared[kind].append(names[name] + (f"[{ends}]" if bracket else ""))
        params |= {names[k]: v for k, v in one.params.items()}
        state |= {names[p]: s[0] for p, s in one.states.items()}
    cell = Cell(
        name="_on_".join(one.cell.name for one in reversed(run.runs)),
        equations="\n".join(equations),
        inputs=" ".join(f"{x}_1[{first.cell.spaces[x]}_1]" for x in first.inputs),
        state=" ".join(declared["state"]),
        maps=" ".join(declared["maps"]),
        vectors=" ".join(declared["vectors"]),
        scalars=" ".join(declared["scalars"]),
    )
    inputs = {f"{x}_1": a for x, a in first.inputs.items()}
    return run_cell(cell, params, inputs, state)


class _Names:
    """Names of a layer that none of its own names is."""

    def __init__(self, level: int, taken: set[str]) -> None:
        self.level, self.taken = level, taken

    def __call__(self, name: str) -> str:
        while f"{name}_{self.level}" in self.taken:
            name += "_"
        return f"{name}_{self.level}"


def _normalised(
    below: str, gain: str, shift: str, epsilon: float, new: _Names
) -> tuple[list[str], str]:
    """Return the equations of a layer normalisation of ``below``, and the name of its result."""
    centred, spread, normal = new("centred"), new("spread"), new("normal")
    number = Fraction(float(epsilon))
    return [
        f"{centred} = {below} - mean({below})",
        f"{spread} = sqrt(mean({centred} * {centred}) + {number.numerator}/{number.denominator})",
        f"{normal} = {gain} * {centred} / {spread} + {shift}",
    ], normal


def _in_names(line: str, names: Mapping[str, str]) -> str:
    return _WORD.sub(lambda word: names.get(word[0], word[0]), line)


def _renamed(cell: Cell, level: int) -> dict[str, str]:
    """Return the names of a layer as the one cell has them."""
    ends = [s.target.name for s in cell.program]
    plain = {*cell.states, *cell.input_names, *cell.parameters, *ends}
    found = {name: f"{name}_{level}" for name in plain}
    return found | {f"{p}_next": f"{p}_{level}_next" for p in cell.states}


def part_of(name: str, parts: Mapping[str, Any]) -> str:
    """Return what a state part of stacked layers (``2.h``) is called in the one cell."""
    level, _, part = name.partition(".")
    return f"{part}_{level}" if part and f"{part}_{level}" in parts else name
