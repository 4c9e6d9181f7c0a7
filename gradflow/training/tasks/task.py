"""What a task is: sequences to learn from, sequences held out, and what may be said of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array, whole_number
from gradflow.errors import UsageError
from gradflow.given import generator

__all__ = ["HELD_OUT", "Batch", "Task", "of_recordings"]

Measure = Literal["squared error", "share right", "bits"]

HELD_OUT = (10**6, 0)
"""Seed of what a task that is made up holds out; training draws by other seeds."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Sequences and what is to be said of them.

    Parameters
    ----------
    x
        (B, T, inputs).
    y
        (B, S): what the outputs of the last S steps should be, whole numbers for classes, floats
        for values.
    """

    x: NDArray[np.float64]
    y: NDArray[Any]

    def __repr__(self) -> str:
        kind = "classes" if self.y.dtype.kind in "iu" else "values"
        count, steps, inputs = self.x.shape
        return f"<Batch: {count} sequences of {steps} x {inputs}, {self.y.shape[1]} {kind} each>"


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """A task, and what it does not show.

    Parameters
    ----------
    name
        Its name with its length.
    inputs, outputs
        Entries of an input and of an output.
    steps
        Longest sequence.
    measure
        What is measured on the sequences held out: ``"squared error"`` of values, ``"share
        right"`` of classes, or ``"bits"`` a symbol.
    baseline
        That measure of who knows nothing of the sequence.
    good
        The measure from which on the task counts as solved.
    drawn
        Function of a generator and a count that returns a `Batch` to learn from.
    held_out
        Sequences that are never learned from.
    source, licence, split, silent
        Where the data are from, under which licence, what is held out, and what a good result does
        not show.
    """

    name: str
    inputs: int
    outputs: int
    steps: int
    measure: Measure
    baseline: float
    good: float
    drawn: Callable[[np.random.Generator, int], Batch]
    held_out: Batch
    source: str
    licence: str
    split: str
    silent: str

    def draw(self, count: int, rng: Any = 0) -> Batch:
        """Return so many sequences to learn from. ``rng`` is a seed or a generator.

        Raises ``UsageError`` for what is no count or no seed.
        """
        count = whole_number(count, f"task {self.name}: draw: count", 1, 10**6)
        return self.drawn(generator(rng, f"task {self.name}: draw: rng"), count)

    def solved(self, value: ArrayLike) -> NDArray[np.bool_]:
        """Return whether a measurement, or each of several, is good enough."""
        values = real_array(value, f"task {self.name}: solved", "its values", many=True)
        better = values >= self.good if self.measure == "share right" else values <= self.good
        return np.asarray(better)

    def __repr__(self) -> str:
        return (
            f"<Task {self.name}: {self.inputs} inputs, {self.outputs} outputs, up to {self.steps} "
            f"steps, {self.measure} {self.baseline:.3g} of who knows nothing>"
        )


def of_recordings(learn: Batch, held_out: Batch) -> Callable[[np.random.Generator, int], Batch]:
    """Return the function that draws from a fixed set, each sequence as likely as any other."""
    if not len(learn.x) or not len(held_out.x):
        raise UsageError("task: a set without sequences; give more of them.")

    def drawn(rng: np.random.Generator, count: int) -> Batch:
        chosen = rng.integers(0, len(learn.x), count)
        return Batch(learn.x[chosen], learn.y[chosen])

    return drawn
