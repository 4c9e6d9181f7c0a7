"""Temporal order: two marked symbols far apart, and the class is which came in which order."""

from __future__ import annotations

import numpy as np

from gradflow.arrays import whole_number
from gradflow.training.tasks.task import HELD_OUT, Batch, Task

__all__ = ["temporal_order"]

_NOISE, _MARKED = 4, 2


def temporal_order(steps: int = 60) -> Task:
    """Return the temporal order problem of so many steps.

    Inputs are one-hot: four symbols of noise and two that count, X and Y. One of these stands in
    the second tenth of the sequence and one in the sixth; the class is XX, XY, YX or YY.

    Raises ``UsageError`` for fewer than 10 steps.

    Source: Hochreiter & Schmidhuber, Neural Computation 9(8), 1997, experiment 6a; tenths as in
    Pascanu, Mikolov & Bengio, ICML 2013, section 4.1.

    Examples
    --------
    >>> temporal_order(50).draw(2, rng=0).y.ravel()
    array([1, 0])
    """
    steps = whole_number(steps, "temporal_order: steps", 10, 10**5)
    tenth = steps // 10

    def drawn(rng: np.random.Generator, count: int) -> Batch:
        symbols = rng.integers(0, _NOISE, (count, steps))
        which = rng.integers(0, _MARKED, (count, 2))
        each = np.arange(count)
        symbols[each, rng.integers(tenth, 2 * tenth, count)] = _NOISE + which[:, 0]
        symbols[each, rng.integers(5 * tenth, 6 * tenth, count)] = _NOISE + which[:, 1]
        return Batch(np.eye(_NOISE + _MARKED)[symbols], (which @ [2, 1])[:, None])

    return Task(
        name=f"temporal order, {steps} steps",
        inputs=_NOISE + _MARKED,
        outputs=_MARKED**2,
        steps=steps,
        measure="share right",
        baseline=1 / _MARKED**2,
        good=0.95,
        drawn=drawn,
        held_out=drawn(np.random.default_rng(HELD_OUT), 200),
        source="made by a seed; Hochreiter & Schmidhuber (1997), Pascanu, Mikolov & Bengio (2013)",
        licence="none needed",
        split="every sequence is new; 200 sequences of another seed are held out",
        silent="two bits are kept for half of the sequence: nothing about how much can be kept",
    )
