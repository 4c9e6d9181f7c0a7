"""Characters: the next one is to be told at every step."""

from __future__ import annotations

import numpy as np

from gradflow.arrays import whole_number
from gradflow.errors import UsageError
from gradflow.given import text as checked_text
from gradflow.networks import read_sequence
from gradflow.training.tasks.task import Batch, Task

__all__ = ["characters"]

_OWN = 40_000  # characters of the default text
_LAST = 10  # a part in so many, at the end, is held out


def characters(text: str | None = None, steps: int = 50) -> Task:
    """Return the language model by characters of a text.

    The text is cut into windows of ``steps`` characters, inputs one-hot; after each the next is to
    be told. By default it is the English of Python's own help topics.

    Raises ``UsageError`` for a text that is too short or of one character only.

    Examples
    --------
    >>> characters("to be or not to be " * 40, steps=20)
    <Task characters, 20 steps: 7 inputs, 7 outputs, up to 20 steps, bits 2.55 of who ...>
    """
    steps = whole_number(steps, "characters: steps", 2, 10**5)
    source, licence = "a text that was given", "that of the text"
    if text is None:
        read = read_sequence(None, _OWN)
        assert read.symbols is not None
        text = "".join(read.symbols[k] for k in read.values.argmax(axis=1))
        source, licence = read.source, "PSF, that of Python"
    text = checked_text(text, "characters: text")
    known = sorted(set(text))
    cut = len(text) - len(text) // _LAST
    if len(text) - cut <= steps or len(known) < 2:
        raise UsageError(
            f"characters: text has {len(text)} characters, {len(known)} different; it needs over "
            f"{_LAST * (steps + 1)} for windows of {steps}, and two different ones."
        )
    place = {symbol: k for k, symbol in enumerate(known)}
    symbols = np.array([place[symbol] for symbol in text])

    def windows(starts: np.ndarray, of: np.ndarray) -> Batch:
        found = of[starts[:, None] + np.arange(steps + 1)]
        return Batch(np.eye(len(known))[found[:, :-1]], found[:, 1:])

    def drawn(rng: np.random.Generator, count: int) -> Batch:
        return windows(rng.integers(0, cut - steps, count), symbols)

    last = symbols[cut:]
    share = np.bincount(symbols[:cut], minlength=len(known)) / cut
    told = np.maximum(share[last], 1 / cut)  # a character that is new counts as seen once
    return Task(
        name=f"characters, {steps} steps",
        inputs=len(known),
        outputs=len(known),
        steps=steps,
        measure="bits",
        baseline=float(-np.log2(told).mean()),
        good=0.75 * float(-np.log2(told).mean()),
        drawn=drawn,
        held_out=windows(np.arange(0, len(last) - steps, steps)[:100], last),
        source=source,
        licence=licence,
        split=f"the last {len(last)} of {len(text)} characters are held out",
        silent="most of what can be told follows from a few characters: it ranks speed of learning",
    )
