r"""What a continuation found: a curve of fixed points over one parameter, and its folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gradflow.drawable import Drawable
from gradflow.spectra.equilibria.stability import Complexes
from gradflow.spectra.numerics.logdomain import Floats

ENDS = {
    "stop": "reaches the end of the span",
    "start": "turns back to where the span starts",
    "far": "runs off to large states",
    "turn": "is lost where it turns too sharply to follow, as at a kink",
    "steps": "is longer than the most steps taken",
}


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FixedPointBranch(Drawable):
    r"""Fixed points along one parameter, in the order in which the curve passes them.

    Attributes
    ----------
    parameter : str
        What is varied: ``"b"``, an entry ``"U[0, 1]"``, or the factor of all of it, ``"U x"``.
    values : (n,)
        Its values; they turn back at each fold.
    states : (n, d)
        The fixed points.
    error : (n,)
        Distance within which the curve passes, from state and value divided by the span.
    eigenvalues : (n, d)
        Of the Jacobian dF/ds there, largest modulus first.
    stability : tuple of n str
        ``"stable"``, ``"unstable"`` or ``"undecided"``, as of :class:`FixedPoints`.
    fold_values, fold_states : (k,), (k, d)
        Where the curve turns back: two fixed points meet, and ``det(I - J)`` is zero.
    fold_value_error, fold_error : (k,)
        Distance within which the true value and the true state lie: rounding, measured, through
        the curve's slope and curvature, twice. No enclosure.
    crossing_values, crossing_states : (c,), (c, d)
        Where another branch crosses (at a pitchfork, for one): the determinant of slope and tangent
        changes sign. To about a thousandth of the span only. The curve is followed smoothly,
        which on one branch of a pitchfork is straight on and on the other turns back.
    end : str
        ``"stop"`` or ``"start"``, the end of the span by which the curve leaves; ``"far"``,
        ``"turn"`` or ``"steps"`` where it is not followed so far.

    Examples
    --------
    >>> import gradflow as gf
    >>> unit = gf.Cell(name="unit", state="h", vectors="b", equations="h_next = sigmoid(5 * h + b)")
    >>> gf.continue_fixed_points(unit, {"b": [-4.0]}, "b", (-4, -1))
    <FixedPointBranch b from -4 to -1: ... points, 2 folds at -2.34438966, -2.65561034>
    """

    drawn_by: ClassVar[str] = "branch:plot_branch"
    parameter: str
    values: Floats
    states: Floats
    error: Floats
    eigenvalues: Complexes
    stability: tuple[str, ...]
    fold_values: Floats
    fold_states: Floats
    fold_value_error: Floats
    fold_error: Floats
    crossing_values: Floats
    crossing_states: Floats
    end: str

    def __repr__(self) -> str:
        shown = ", ".join(f"{v:.9g}" for v in self.fold_values[:4])
        more = ", ..." if len(self.fold_values) > 4 else ""
        folds = f"{_count(len(self.fold_values), 'fold')}{' at ' if shown else ''}{shown}{more}"
        return (
            f"<FixedPointBranch {self.parameter} from {self.values[0]:g} to {self.values[-1]:g}: "
            f"{len(self.values)} points, {folds}>"
        )

    def __str__(self) -> str:
        """Say in words what the branch does."""
        kinds = {k: self.stability.count(k) for k in ("stable", "unstable", "undecided")}
        split = ", ".join(f"{n} {k}" for k, n in kinds.items() if n)
        parts = [
            f"{len(self.values)} fixed points ({split}) along {self.parameter} from "
            f"{self.values.min():g} to {self.values.max():g}"
        ]
        parts += [
            f"a fold at {value:.12g}, known to {error:.0e}"
            for value, error in zip(self.fold_values, self.fold_value_error, strict=True)
        ]
        parts += [f"another branch crosses near {value:.3g}" for value in self.crossing_values]
        return "; ".join([*parts, f"the branch {ENDS[self.end]}"])

    def _repr_html_(self) -> str:
        return f"<b>branch of fixed points</b>: {self}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
