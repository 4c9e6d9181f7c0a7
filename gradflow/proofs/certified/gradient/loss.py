"""A loss of a run: a linear head on one state part, at the last step or at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array
from gradflow.errors import UsageError
from gradflow.given import choice, flag, text
from gradflow.proofs.certified.program.steps import Floats

KINDS = ("cross-entropy", "squared", "logistic", "linear")


@dataclass(frozen=True, eq=False, kw_only=True)
class Loss:
    r"""A loss of the scores ``z = weight @ s + bias`` of a state part ``s``.

    Parameters
    ----------
    kind
        ``"cross-entropy"``: :math:`\log \sum_k e^{z_k} - z_y` for the class ``y`` in ``target``;
        ``"squared"``: :math:`\tfrac12 |z - y|^2`; ``"logistic"``:
        :math:`\sum_k \log(1 + e^{z_k}) - y_k z_k`; ``"linear"``: :math:`\sum_k z_k`, no target.
    weight
        (K, units) array, or (units,) for one score.
    bias
        (K,) array; zeros by default.
    target
        What the loss compares with: a class, or K numbers; one for each step (a sequence of T of
        them) where ``every_step``.
    part
        The state part that is read; by default ``h``, of the last layer of a stack.
    every_step
        Whether the losses of all steps add up; otherwise the last step alone counts.

    Raises
    ------
    UsageError
        For another kind, or arrays that do not fit together.

    Examples
    --------
    >>> Loss(kind="logistic", weight=[1.0, -1.0], target=1.0)
    <Loss logistic: 1 score, last step>
    """

    kind: str
    weight: ArrayLike
    bias: ArrayLike | None = None
    target: ArrayLike | Sequence[ArrayLike] | None = None
    part: str = ""
    every_step: bool = False

    def __post_init__(self) -> None:
        """Check what is given, and keep float64 arrays."""
        choice(self.kind, "Loss: kind", KINDS)
        text(self.part, "Loss: part")
        flag(self.every_step, "Loss: every_step")
        weight = np.atleast_2d(real_array(self.weight, "Loss", "weight"))
        given = np.zeros(len(weight)) if self.bias is None else self.bias
        bias = np.atleast_1d(real_array(given, "Loss", "bias"))
        if weight.ndim != 2 or bias.shape != (len(weight),):
            raise UsageError(
                f"Loss: weight has shape {weight.shape} and bias {bias.shape}; give (K, units) "
                "and (K,)."
            )
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)

    def __repr__(self) -> str:
        """Return one line."""
        count = self.matrix.shape[0]
        when = "every step" if self.every_step else "last step"
        return f"<Loss {self.kind}: {count} score{'s' * (count != 1)}, {when}>"

    @property
    def matrix(self) -> Floats:
        """The weight, (K, units)."""
        return np.asarray(self.weight, dtype=np.float64)

    @property
    def offset(self) -> Floats:
        """The bias, (K,)."""
        return np.asarray(self.bias, dtype=np.float64)


def part_read(loss: Loss, parts: dict[str, int]) -> str:
    """Return the state part that is read, checked against the parts and their sizes."""
    names = [p for p in parts if p == "h" or p.endswith(".h")] or list(parts)
    part = loss.part or names[-1]
    if part not in parts or parts[part] != loss.matrix.shape[1]:
        raise UsageError(
            f"Loss: it reads {loss.matrix.shape[1]} units of {part!r}; the run has the parts "
            f"{parts}, so name one with part= and give a weight for each of its units."
        )
    return part


def targets_of(loss: Loss, steps: int) -> dict[int, int | Floats]:
    """Return the target of each step that counts, steps counted from 1."""
    rows: list[Any] = [loss.target]
    if loss.target is None:
        rows = [0.0] * (steps if loss.every_step else 1)
    elif loss.every_step:
        rows = list(np.asarray(loss.target))
    where = range(1, steps + 1) if loss.every_step else [steps]
    if len(rows) != len(where):
        raise UsageError(
            f"Loss: {len(rows)} targets for {len(where)} steps; give one for each step."
        )
    return {t: _one(loss, row) for t, row in zip(where, rows, strict=True)}


def _one(loss: Loss, target: Any) -> int | Floats:
    count = len(loss.offset)
    if loss.kind == "linear":
        return np.zeros(count)
    if loss.kind == "cross-entropy":
        number = np.asarray(target)
        if number.shape or number != int(number) or not 0 <= int(number) < count:
            raise UsageError(
                f"Loss: the class {target!r} is none of 0 to {count - 1}; give one of them."
            )
        return int(number)
    row = np.atleast_1d(real_array(target, "Loss", "target"))
    if row.shape != (count,):
        raise UsageError(f"Loss: a target has shape {row.shape}; give ({count},).")
    return row
