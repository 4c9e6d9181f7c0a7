"""Copying: symbols are to be repeated, in their order, after a long wait."""

from __future__ import annotations

import math

import numpy as np

from gradflow.arrays import whole_number
from gradflow.training.tasks.task import HELD_OUT, Batch, Task

__all__ = ["copying"]

_SYMBOLS = 8


def copying(wait: int = 30, length: int = 5) -> Task:
    """Return the copy task: ``length`` symbols of eight, ``wait`` blanks, a sign, then repeat them.

    Inputs are one-hot: eight symbols, the blank, the sign. The last ``length`` outputs count. Who
    remembers nothing needs 3 bits a symbol.

    Raises ``UsageError`` for a length or a wait below 1.

    Source: Hochreiter & Schmidhuber, Neural Computation 9(8), 1997; in this form Arjovsky, Shah &
    Bengio, ICML 2016, section 4.1.

    Examples
    --------
    >>> copying(30, 5).held_out
    <Batch: 200 sequences of 41 x 10, 5 classes each>
    """
    wait = whole_number(wait, "copying: wait", 1, 10**5)
    length = whole_number(length, "copying: length", 1, 1000)
    steps = wait + 2 * length + 1

    def drawn(rng: np.random.Generator, count: int) -> Batch:
        said = rng.integers(0, _SYMBOLS, (count, length))
        symbols = np.full((count, steps), _SYMBOLS)
        symbols[:, :length] = said
        symbols[:, steps - length - 1] = _SYMBOLS + 1
        return Batch(np.eye(_SYMBOLS + 2)[symbols], said)

    return Task(
        name=f"copying {length} over {wait} steps",
        inputs=_SYMBOLS + 2,
        outputs=_SYMBOLS,
        steps=steps,
        measure="bits",
        baseline=math.log2(_SYMBOLS),
        good=0.1,
        drawn=drawn,
        held_out=drawn(np.random.default_rng(HELD_OUT), 200),
        source="made by a seed; Hochreiter & Schmidhuber (1997), Arjovsky, Shah & Bengio (2016)",
        licence="none needed",
        split="every sequence is new; 200 sequences of another seed are held out",
        silent="nothing disturbs during the wait: it shows keeping, not choosing what to keep",
    )
