"""Setting a cell up once a seed, and cells beside it: references, and the same cell changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.cells.initializers import gaussian, orthogonal
from gradflow.errors import GradflowError
from gradflow.studies.seeds.decays import Decays, decays
from gradflow.studies.setup import Setup, State, set_up

__all__ = ["Question", "changed", "references", "without_bias"]

_BESIDE = ("irnn", "clockwork", "scrn", "lstm", "rnn", "gru")


@dataclass(frozen=True, eq=False, kw_only=True)
class Question:
    """What is asked of a cell, before any weights are drawn; the arguments as in ``study``."""

    cell: Cell
    hidden: int | None
    steps: int
    input: str | None
    init: Mapping[str, Any]
    state: State
    seeds: tuple[int, ...]

    def set_up(self) -> list[Setup]:
        """Set the cell up and run it, once a seed."""
        return [self.one(seed) for seed in self.seeds]

    def one(self, seed: int) -> Setup:
        """Set the cell up with one seed."""
        return set_up(
            self.cell,
            hidden=self.hidden,
            steps=self.steps,
            input=self.input,
            init=self.init,
            seed=seed,
            state=self.state,
        )

    def drawn(self, ran: list[Setup]) -> bool:
        """Whether the weights differ from draw to draw."""
        first, other = ran[0], ran[1] if len(ran) > 1 else self.one(self.seeds[0] + 1)
        return any(not np.array_equal(v, other.params[p]) for p, v in first.params.items())

    def decays(self, name: str) -> Decays:
        """Measure the decay of the gradient alone."""
        ran = self.set_up()
        return decays(name, ran, self.seeds, self.drawn(ran))


def references(asked: Question, sizes: Mapping[str, int]) -> dict[str, Decays]:
    """Measure cells of the library beside one: as many units, the same seeds and the same input.

    A cell that does not fit the input is left out; a cell without input has none beside it.
    """
    if not asked.cell.input_names:
        return {}
    hidden = sizes.get("hidden", asked.hidden)
    stated = {word: asked.init[word] for word in ("input", "inputs") if word in asked.init}
    found = {}
    for name in _BESIDE:
        cell = get(name)
        if cell == asked.cell:
            continue
        beside = replace(asked, cell=cell, hidden=hidden, init=stated, state=None)
        try:
            found[name] = beside.decays(name)
        except GradflowError:
            continue
    return found


def changed(asked: Question, now: Decays) -> dict[str, Decays]:
    """Measure the cell with other initial weights, by what ``--init`` says for each.

    What gives the very curves of ``now`` is no change.
    """
    found = {}
    for words, choices in _changes(asked).items():
        kept = without_bias(asked) if set(choices) & _replaced(asked.cell) else dict(asked.init)
        try:
            one = replace(asked, init={**kept, **choices}).decays(words)
        except GradflowError:
            continue
        if not np.array_equal(one.log_relative, now.log_relative):
            found[words] = one
    return found


def without_bias(asked: Question) -> dict[str, Any]:
    """Return the choices of the initial weights without those that say the forget bias."""
    return {name: v for name, v in asked.init.items() if name not in _replaced(asked.cell)}


def _replaced(cell: Cell) -> set[str]:
    """What says the forget bias: only one of these may be given."""
    return {"forget_bias", "chrono", cell.forget_bias}


def _changes(asked: Question) -> dict[str, dict[str, Any]]:
    cell = asked.cell
    changes: dict[str, dict[str, Any]] = {}
    if cell.forget_bias:
        changes[f"chrono:{asked.steps}"] = {"chrono": float(asked.steps)}
        for bias in (1.0, 3.0):
            changes[f"forget_bias:{bias:g}"] = {"forget_bias": bias}
    if cell.recurrent_maps():
        changes["orthogonal"] = {"recurrent": orthogonal(1.0)}
        changes["gaussian:1.5"] = {"recurrent": gaussian(1.5)}
    return changes
