r"""What a search for fixed points found, and what the sum of their indices says is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gradflow.drawable import Drawable
from gradflow.spectra.equilibria.stability import Complexes
from gradflow.spectra.numerics.logdomain import Floats

ELSEWHERE = {
    "level": "where the speed is level but not zero",
    "stuck": "where saturation leaves F(s) = s in float64 only",
    "lost": "outside the range of float64",
    "unsettled": "at a kink of the speed or descending still",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class FixedPoints(Drawable):
    r"""Where the state stays, or nearly stays, under one constant input.

    Attributes
    ----------
    states : (m, d)
        Isolated fixed points, each once, the smallest leading modulus first.
    residual : (m,)
        :math:`|F(s) - s|` as computed, Euclidean.
    error : (m,)
        Distance within which the true fixed point lies. At a fold two that have just met cannot be
        told from one or none; they are one point here, with an error that covers both.
    eigenvalues : (m, d)
        Of the Jacobian dF/ds there, largest modulus first.
    stability : tuple of m str
        ``"stable"``, ``"unstable"``, or ``"undecided"`` where the Jacobian is not known well enough
        to tell on which side of the unit circle an eigenvalue lies.
    unstable : (m,)
        Number of unstable directions, those that are undecided left out.
    indices : (m,)
        The sign of ``det(I - J)``, 0 where J is not known well enough to tell, as at a fold.
    bounded : bool
        Whether the cell's equations keep the state in a box that holds all these points: then the
        indices of all fixed points in it sum to 1. False where this is not shown.
    reached : (m,)
        How many starts ended at each.
    slow_states : (k, d)
        Isolated minima of the speed that are no fixed points, the slowest first.
    speed, slow_error : (k,)
        :math:`|F(s) - s|` there, per period; distance within which the true minimum lies.
    slow_eigenvalues : (k, d)
        Of dF/ds there; one of them is 1 at any minimum of the speed.
    continuum : (c, d)
        Samples, one a start, of fixed points that are not isolated: lines or surfaces of them, to
        rounding.
    dimension : (c,)
        Of the continuum at each sample.
    continuum_eigenvalues : (c, d)
        Of dF/ds there; `dimension` of them are 1.
    starts : int
        Number of starts, those of a second search included.
    ended : mapping
        How many of them ended at a ``"fixed"`` or a ``"slow"`` point, on the ``"continuum"``, where
        the speed is ``"level"`` but not zero along a line, ``"stuck"`` where ``F(s) = s`` holds in
        float64 only, as gates are saturated (a GRU's ``1 - z`` below the rounding unit) or the
        state has outgrown its change, where float64 is left (``"lost"``), or nowhere of the kind
        (``"unsettled"``: at a kink of the speed, or descending still).
    period : int
        Number of steps of the map F.

    Examples
    --------
    See :func:`gradflow.fixed_points`.
    """

    drawn_by: ClassVar[str] = "fixed_points:plot_fixed_points"
    states: Floats
    residual: Floats
    error: Floats
    eigenvalues: Complexes
    stability: tuple[str, ...]
    unstable: NDArray[np.int64]
    indices: NDArray[np.int64]
    bounded: bool
    reached: NDArray[np.int64]
    slow_states: Floats
    speed: Floats
    slow_error: Floats
    slow_eigenvalues: Complexes
    continuum: Floats
    dimension: NDArray[np.int64]
    continuum_eigenvalues: Complexes
    starts: int
    ended: Mapping[str, int]
    period: int

    @property
    def index(self) -> int | None:
        """The sum of the indices; None where one is undecided, or on a continuum."""
        if len(self.continuum) or (self.indices == 0).any():
            return None
        return int(self.indices.sum())

    @property
    def missing(self) -> int | None:
        """How many points at least, by multiplicity, were not found, ``|1 - index|``.

        0 says that the sum is right, which it also is where points of opposite index are missing.
        None where the index is undecided or the cell is not shown to keep a bounded state.
        """
        return abs(1 - self.index) if self.bounded and self.index is not None else None

    @property
    def likely(self) -> int:
        """An estimate of how many points no start has reached, by those that one or two reached.

        Chao's lower bound, ``f1 (f1 - 1) / (2 (f2 + 1))`` (A. Chao, Scand. J. Statist. 11 (1984)
        265), to the next whole number below; for starts that are independent.
        """
        once, twice = (int((self.reached == n).sum()) for n in (1, 2))
        return once * (once - 1) // (2 * (twice + 1))

    def __repr__(self) -> str:
        split = self._split()
        missing = {None: "", 0: ""}.get(self.missing, f"; at least {self.missing} missing")
        if self.bounded and (self.indices == 0).any():
            missing = "; index undecided"
        return (
            f"<FixedPoints {len(self.states)} isolated{f' ({split})' if split else ''}, "
            f"{len(self.speed)} slow; {_count(len(self.continuum), 'start')} of {self.starts} on a "
            f"continuum{missing}>"
        )

    def _split(self) -> str:
        kinds = {k: self.stability.count(k) for k in ("stable", "unstable", "undecided")}
        return ", ".join(f"{n} {k}" for k, n in kinds.items() if n)

    def __str__(self) -> str:
        """Say in words what was found and what became of the starts."""
        split = self._split()
        parts = [_count(len(self.states), "isolated fixed point")]
        if split:
            parts[0] += f" ({split}), known to {self.error.max():.0e} or better"
        if len(self.continuum):
            dimensions = " and ".join(map(str, sorted(set(self.dimension.tolist()))))
            parts.append(
                f"a continuum of fixed points of dimension {dimensions}, on which "
                f"{_count(len(self.continuum), 'start')} ended (J - I is singular there)"
            )
        if len(self.speed):
            parts.append(
                f"{_count(len(self.speed), 'slow point')}, the slowest moving {self.speed[0]:.2g}"
                " a period"
            )
        undecided = int((self.indices == 0).sum())
        if self.missing:
            few = _count(self.missing, "more fixed point")
            parts.append(
                f"of this bounded cell at least {few} {_are(self.missing)} missing"
                f" (the indices sum to {self.index}, and all sum to 1): search with more starts"
            )
        elif self.bounded and undecided:
            parts.append(
                f"whether any is missing is undecided (the index of {undecided} of them is, as at a"
                " fold)"
            )
        if self.likely:
            parts.append(
                f"{int((self.reached == 1).sum())} of them were reached by one start only, so that"
                f" {self.likely} more {_are(self.likely)} likely"
            )
        for kind, where in ELSEWHERE.items():
            if self.ended[kind]:
                parts.append(f"{_count(self.ended[kind], 'start')} ended {where}")
        return f"{'; '.join(parts)}; {_count(self.starts, 'start')} in all"

    def _repr_html_(self) -> str:
        return f"<b>fixed points</b>: {self}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
