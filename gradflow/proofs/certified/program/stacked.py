"""Stacked layers as one declared cell, so that one statement can speak of them."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from gradflow.cells.cell import Cell
from gradflow.cells.language.spaces import ONE
from gradflow.proofs.certified.program.deriving import Stacked
from gradflow.spectra import Trajectory
from gradflow.spectra import run as run_cell

_LISTS = ("state", "inputs", "maps", "vectors", "scalars", "constants")


def as_one(run: Trajectory | Stacked) -> Trajectory:
    r"""Return a run of stacked layers as the run of one cell; a run of a cell as it is.

    The names of layer k get the end ``_k``, and its input is what the layer below gives: its new
    output :math:`h`, or, with layer normalisation,
    :math:`g\,(h - \bar h) / \sqrt{\overline{(h - \bar h)^2} + \varepsilon} + b`, an equation with
    the vectors ``norm_gain_k`` and ``norm_shift_k``; plus its input where it is residual.
    """
    if isinstance(run, Trajectory):
        return run
    made = _Made()
    below = None
    for level, (one, between) in enumerate(zip(run.runs, run.between, strict=True), 1):
        layer = _Layer(one, level, below, residual=between.residual and level < len(run.runs))
        made.add(layer)
        below = layer.given, layer.space
        if level < len(run.runs):
            below = made.behind(layer, between), layer.space
    lists: dict[str, Any] = {kind: " ".join(words) for kind, words in made.lists.items()}
    cell = Cell(
        name="_on_".join(one.cell.name for one in reversed(run.runs)),
        equations="\n".join(made.equations),
        masks=made.masks,
        fixed=made.fixed,
        outputs=" ".join(made.outputs),
        **lists,
    )
    return run_cell(cell, made.params, made.inputs or None, made.state, steps=run.runs[0].steps)


class _Layer:
    """A layer with its names as the one cell has them; ``below`` is what it reads and its size."""

    def __init__(
        self, run: Trajectory, level: int, below: tuple[str, str] | None, *, residual: bool
    ) -> None:
        self.run, self.level, cell = run, level, run.cell
        targets = [line.target for line in cell.declared.expanded]
        known = (*cell.parameters, *cell.constant_names, *cell.linear_maps)
        plain = {*cell.states, *cell.input_names, *known, *targets}
        self.names = {name: f"{name}_{level}" for name in plain}
        self.names |= {f"{p}_next": f"{p}_{level}_next" for p in cell.states}
        self.spaces = {s: f"{s}_{level}" for s in cell.sizes} | {ONE: ONE}
        self.reads = cell.input_names[0]
        self.given = self.names["h_next"]
        self.free = {k: a for k, a in run.inputs.items() if below is None}
        if below is not None:
            self.names[self.reads], self.spaces[cell.spaces[self.reads]] = below
        if residual:
            self.spaces[cell.spaces["h"]] = self.spaces[cell.spaces[self.reads]]
        self.space = self.spaces[cell.spaces["h"]]

    def word(self, name: str) -> str:
        """Return how a name is declared, its sizes in brackets."""
        return f"{self.names[name]}[{self.sizes(name)}]"

    def sizes(self, name: str) -> str:
        """Return the sizes of a name as the one cell has them."""
        return ",".join(self.spaces[s] for s in self.run.cell.declared.shape_of(name))

    def written(self, tree: ast.AST) -> str:
        """Return an expression in the names of the one cell."""
        found = copy.deepcopy(tree)
        for node in ast.walk(found):
            if isinstance(node, ast.Name):
                node.id = self.names.get(node.id, node.id)
        return ast.unparse(found)

    def rule(self, text: str) -> str:
        """Return a rule for the entries of a map in these names."""
        return self.written(ast.parse(text.strip(), mode="eval"))


class _Made:
    """What the one cell is declared by, and its numbers."""

    def __init__(self) -> None:
        self.equations: list[str] = []
        self.lists: dict[str, list[str]] = {kind: [] for kind in _LISTS}
        self.masks: dict[str, str] = {}
        self.fixed: dict[str, str] = {}
        self.outputs: list[str] = []
        self.params: dict[str, Any] = {}
        self.inputs: dict[str, Any] = {}
        self.state: dict[str, Any] = {}

    def add(self, layer: _Layer) -> None:
        """Add the equations, the declarations and the numbers of a layer."""
        run, names = layer.run, layer.names
        cell, said = run.cell, run.cell.declaration
        for line in cell.declared.expanded:
            self.equations.append(f"{names[line.target]} = {layer.written(line.tree)}")
        for kind in ("maps", "vectors", "scalars", "constants"):
            words = [word.partition("[")[0] for word in getattr(said, kind).split()]
            own = layer.names.__getitem__ if kind == "scalars" else layer.word
            self.lists[kind] += map(own, words)
        self.lists["state"] += map(layer.word, cell.states)
        self.lists["inputs"] += map(layer.word, layer.free)
        self.masks |= {names[m]: layer.rule(rule) for m, rule in said.masks.items()}
        for key, rule in said.fixed.items():
            self.fixed[layer.word(key.partition("[")[0])] = layer.rule(rule)
        self.outputs += [names[name] for name in said.outputs.split()]
        self.params |= {names[k]: v for k, v in run.params.items()}
        self.inputs |= {names[k]: a for k, a in layer.free.items()}
        self.state |= {names[p]: s[0] for p, s in run.states.items()}

    def behind(self, layer: _Layer, between: Any) -> str:
        """Add what stands behind a layer; return the name of what the next one reads."""
        out = layer.given
        if between.norm is not None:
            out = self.normalised(layer, between.norm)
        if between.residual:
            name = self.fresh("out", layer)
            self.equations.append(f"{name} = {out} + {layer.names[layer.reads]}")
            return name
        return out

    def normalised(self, layer: _Layer, norm: Any) -> str:
        """Add a layer normalisation; its epsilon is the very float, as a fraction."""
        gain, shift, centred, out = (
            self.fresh(word, layer) for word in ("norm_gain", "norm_shift", "norm_centred", "norm")
        )
        self.lists["vectors"] += [f"{gain}[{layer.space}]", f"{shift}[{layer.space}]"]
        self.params |= {gain: norm.gain, shift: norm.shift}
        epsilon = Fraction(float(norm.epsilon))
        self.equations += [
            f"{centred} = {layer.given} - mean({layer.given})",
            f"{out} = {gain} * {centred} / sqrt(mean({centred} * {centred}) + {epsilon}) + {shift}",
        ]
        return out

    def fresh(self, word: str, layer: _Layer) -> str:
        """Return a new name of a layer that is none of the cell's own."""
        while word in layer.names:
            word += "_"
        return f"{word}_{layer.level}"


def part_of(name: str, parts: Mapping[str, Any]) -> str:
    """Return what a state part of stacked layers (``2.h``) is called in the one cell."""
    level, _, part = name.partition(".")
    return f"{part}_{level}" if part and f"{part}_{level}" in parts else name
