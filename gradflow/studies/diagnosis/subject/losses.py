"""Where the loss of each sequence sits, and its gradient by the whole state there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array
from gradflow.errors import UsageError, shown
from gradflow.given import choice
from gradflow.networks import Dense
from gradflow.spectra import cross_entropy, squared_error

__all__ = ["AT", "Aim", "Losses", "aim_of", "gradient_of"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Given = ArrayLike | Mapping[str, ArrayLike]
Callback = Callable[[Floats], Given]

AT = ("last", "every")
_NAMES = ("cross-entropy", "squared error")


@dataclass(frozen=True, eq=False, kw_only=True)
class Losses:
    """The gradients that the losses of several sequences send into the state.

    Attributes
    ----------
    step : (m,)
        Steps from 1 after which some sequence has a loss, ascending.
    rows : (sequences, m, d)
        Gradient by the whole state after each of these steps, the later ones held; zero where the
        sequence has no loss there.
    words
        What the loss is.
    """

    step: Whole
    rows: Floats
    words: str

    @cached_property
    def last(self) -> Whole:
        """The last step (sequences,) at which each sequence has a loss; 0 without any."""
        there = self.rows.any(axis=-1)
        return np.asarray(np.where(there, self.step, 0).max(axis=-1))

    @property
    def longest(self) -> int:
        """The longest lag that any of the losses has."""
        return int(self.last.max())

    def direct(self, steps: int) -> Floats:
        """Return the gradients (sequences, steps, d) at every step."""
        whole = np.zeros((len(self.rows), steps, self.rows.shape[-1]))
        whole[:, self.step - 1] = self.rows
        return whole


@dataclass(frozen=True, eq=False, kw_only=True)
class Aim:
    """Which loss: by name or a function, at the last step or at every step, with its targets.

    Attributes
    ----------
    loss
        A name, or a function of what the network gives; ``None`` for what there is a head for.
    every : whether it is at every step
    targets
        (sequences,) or (sequences, T), perhaps with an axis of outputs; ``None`` without any.
    given : whether they were given, and are not the symbols that follow
    """

    loss: str | Callback | None
    every: bool
    targets: NDArray[Any] | None
    given: bool


def aim_of(
    loss: str | Callback | None,
    at: str | None,
    targets: NDArray[Any] | None,
    following: Whole | None,
    ends: Whole,
) -> Aim:
    """Return which loss is meant; targets with an axis of steps are targets of every step.

    Raises ``UsageError`` for a loss or a place that is not known.
    """
    named = isinstance(loss, str) and loss in _NAMES
    if isinstance(loss, type) or not (loss is None or callable(loss) or named):
        raise UsageError(
            f"diagnose: loss is {shown(loss)}; it is 'cross-entropy', 'squared error', or a "
            "function of what the network gives that returns the gradient by it."
        )
    if at is not None:
        choice(at, "diagnose: at", AT)
    axes = 1 + (loss == "squared error")
    every = at == "every" or (at is None and targets is not None and targets.ndim > axes)
    if targets is not None or following is None or loss == "squared error":
        return Aim(loss=loss, every=every, targets=targets, given=targets is not None)
    last = following[np.arange(len(ends)), ends - 1]
    return Aim(loss=loss, every=every, targets=following if every else last, given=False)


def gradient_of(
    aim: Aim, given: Floats, counted: NDArray[np.bool_], head: Dense | None, seed: int
) -> tuple[Given, str]:
    """Return the gradient of the loss by what the network gives, and what the loss is in words.

    ``given`` is (sequences, units) at the last step or (sequences, T, units), ``counted`` the same
    without units: false at padding. A loss at every step is the mean over the steps of its
    sequence that count. A function may return a mapping of state parts instead.

    Raises ``UsageError`` for targets that do not fit.
    """
    where = "at every step" if aim.every else "at the last step"
    if callable(aim.loss):
        return _returned(aim.loss(given), given), f"the given loss, {where}"
    if head is None:
        if aim.loss is not None or aim.given:
            raise UsageError(
                "diagnose: the network has no head for this loss; give head=(weight, bias), or a "
                "function as loss."
            )
        rng = np.random.default_rng(seed)
        row = rng.standard_normal(given.shape) / math.sqrt(given.shape[-1])
        words = f"a random linear read-out of h {where}, seed {seed}"
        return np.where(counted[..., None], row, 0.0), words
    shift = np.zeros(len(head.weight)) if head.bias is None else head.bias
    wide = np.column_stack([head.weight, shift])  # bias by a unit that is always 1
    vector = np.concatenate([given, np.ones((*given.shape[:-1], 1))], axis=-1)
    outputs = len(shift)
    words = f"{aim.loss or _NAMES[0]} of the head {where}"
    if aim.loss == "squared error":
        wanted, counted = _values(aim, (*given.shape[:-1], outputs), counted)
        row = squared_error(wide, vector, wanted).gradient[..., :-1]
    else:
        fit = aim.targets is not None and (aim.given or aim.targets.max() < outputs)
        if fit:
            symbols, counted = _symbols(aim, given.shape[:-1], outputs, counted)
        else:
            symbols = (vector @ wide.T).argmax(axis=-1)
            words += ", against the class it finds likeliest (no targets were given)"
        row = cross_entropy(wide, vector, symbols).gradient[..., :-1]
    row = np.where(counted[..., None], row, 0.0)
    if aim.every:
        row = row / np.maximum(counted.sum(axis=-1), 1)[:, None, None]
        words += ", the mean over the steps of a sequence"
    if not counted.all():
        words += f" ({int(counted.sum())} of {counted.size} count)"
    return row, words


def _returned(found: Any, given: Floats) -> Given:
    """Return what a function gave as gradient, checked; parts are checked where they are used."""
    if isinstance(found, Mapping):
        return {
            part: real_array(value, "diagnose: loss", f"entries of part {part!r}", many=True)
            for part, value in found.items()
        }
    row = real_array(found, "diagnose: loss", "what the function returns", many=True)
    if row.shape != given.shape:
        raise UsageError(
            f"diagnose: loss returns the shape {row.shape}; it is given an array of {given.shape} "
            "and returns the gradient by it, of the same shape, or a mapping from state parts."
        )
    return row


def _values(
    aim: Aim, shape: tuple[int, ...], counted: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return targets of a squared error; a row with NaN counts as none."""
    if aim.targets is None or aim.targets.shape != shape:
        found = "none are given" if aim.targets is None else f"they have {aim.targets.shape}"
        raise UsageError(
            f"diagnose: squared error needs targets of the shape {shape}, a row for what x gives; "
            f"{found}."
        )
    there = ~np.isnan(aim.targets).any(axis=-1)
    return np.where((counted & there)[..., None], aim.targets, 0.0), counted & there


def _symbols(
    aim: Aim, shape: tuple[int, ...], outputs: int, counted: NDArray[np.bool_]
) -> tuple[Whole, NDArray[np.bool_]]:
    """Return targets of a cross-entropy; a negative one counts as none."""
    assert aim.targets is not None
    if aim.targets.dtype.kind not in "iu":
        raise UsageError("diagnose: a cross-entropy as loss needs whole numbers as targets.")
    if aim.targets.shape != shape:
        each = "one a step" if aim.every else "one a sequence"
        raise UsageError(
            f"diagnose: targets have the shape {aim.targets.shape}; give {each}, {shape}."
        )
    if aim.targets.max() >= outputs:
        raise UsageError(
            f"diagnose: targets go up to {aim.targets.max()}; the head has the outputs 0 to "
            f"{outputs - 1}, and a negative target counts as none."
        )
    there = counted & (aim.targets >= 0)
    return np.where(there, aim.targets, 0).astype(np.int64), there
