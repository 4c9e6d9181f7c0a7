"""The adding problem: of two rows of numbers, one marks which two of the other to add."""

from __future__ import annotations

import numpy as np

from gradflow.arrays import whole_number
from gradflow.training.tasks.task import HELD_OUT, Batch, Task

__all__ = ["adding"]


def adding(steps: int = 60) -> Task:
    """Return the adding problem of so many steps.

    At each step the input is a number, uniform in [0, 1], and a mark. Two steps are marked, one in
    each half; the sum of their numbers is to be said at the last step. Who always says 1 has a
    squared error of 1/6.

    Raises ``UsageError`` for fewer than 4 steps.

    Source: Hochreiter & Schmidhuber, Neural Computation 9(8), 1997, experiment 4; in this form Le,
    Jaitly & Hinton, arXiv:1504.00941, section 4.1.

    Examples
    --------
    >>> adding(100)
    <Task adding, 100 steps: 2 inputs, 1 outputs, up to 100 steps, squared error 0.167 of who ...>
    """
    steps = whole_number(steps, "adding: steps", 4, 10**5)

    def drawn(rng: np.random.Generator, count: int) -> Batch:
        x = np.zeros((count, steps, 2))
        x[..., 0] = rng.random((count, steps))
        each, half = np.arange(count), steps // 2
        first, second = rng.integers(0, half, count), rng.integers(half, steps, count)
        x[each, first, 1] = x[each, second, 1] = 1.0
        return Batch(x, (x[each, first, 0] + x[each, second, 0])[:, None])

    return Task(
        name=f"adding, {steps} steps",
        inputs=2,
        outputs=1,
        steps=steps,
        measure="squared error",
        baseline=1 / 6,
        good=0.02,
        drawn=drawn,
        held_out=drawn(np.random.default_rng(HELD_OUT), 200),
        source="made by a seed; Hochreiter & Schmidhuber (1997), Le, Jaitly & Hinton (2015)",
        licence="none needed",
        split="every sequence is new; 200 sequences of another seed are held out",
        silent="it needs one number from each half: nothing about order, text or counting",
    )
