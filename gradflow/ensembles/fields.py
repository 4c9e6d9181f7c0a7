r"""A large random map, known only by what it has been asked: its products with vectors.

For G with independent normal entries of variance 1/m, the fields :math:`G v_1, G v_2, \ldots` are
jointly Gaussian with covariance :math:`\langle v_i v_j \rangle`, independent from unit to unit,
even where :math:`v_2` was made of :math:`G v_1`: what earlier answers leave open is still a
Gaussian map of the rest of the space. So an answer is drawn when it is asked for, given all earlier
ones. This one mechanism covers a map used twice, tangents beside states, two trajectories, weights
that stay (the memory is kept) and weights drawn afresh (it is cleared). At a finite number of
columns it is no approximation: as long as nothing is forgotten, answers have the law of a matrix's
own. Where :math:`G^\top` is
asked for too, the components that its answers fix are put in (Bolthausen, Commun. Math.
Phys. 325 (2014) 333).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kept = NDArray[np.float32]

# A vector whose part outside the span of earlier ones is smaller than this is not kept: near a
# fixed point of the state vectors become collinear, and rounding in the rest would grow.
_NEW = 1e-4
# Vectors that one map remembers; then the older half goes. 80 and 160 agree to the sampling error.
_ROOM = 80
# Memory is read far more often than it is made: single precision halves the time, and its rounding
# is a thousandth of `_NEW`.
_KEPT = np.float32


@dataclass
class _Side:
    """Orthogonal vectors of mean square 1 that were asked of one side of a map, and the answers."""

    size: int
    count: int = 0
    basis: Kept = field(init=False)
    images: Kept = field(init=False)

    def reserve(self, answers: int) -> None:
        self.basis = np.empty((_ROOM, self.size), _KEPT)
        self.images = np.empty((_ROOM, answers), _KEPT)

    @property
    def asked(self) -> Kept:
        return self.basis[: self.count]

    @property
    def answered(self) -> Kept:
        return self.images[: self.count]


class Field:
    """``G`` of ``rows`` times ``columns``, drawn as it is asked.

    ``even`` noise has the mean, mean squares and products of the limit exactly, which takes
    sampling error out; else it falls as that of a matrix of this size, Gaussian or ``orthogonal``.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        rng: np.random.Generator,
        *,
        even: bool = True,
        orthogonal: bool = False,
    ) -> None:
        """Start a map of which nothing is known."""
        self._rng, self._centred, self._isometric = rng, even, even or orthogonal
        self._right, self._left = _Side(columns), _Side(rows)
        self._right.reserve(rows)
        self._left.reserve(columns)
        # what was asked, in order: (whether of the transpose, vector, answer)
        self._pairs: list[tuple[bool, Floats, Floats]] = []

    def clear(self) -> None:
        """Forget everything: the map is drawn afresh."""
        self._right.count = self._left.count = 0
        self._pairs.clear()

    def __call__(self, vector: Floats, transposed: bool = False) -> Floats:
        """Return ``G v``, or ``G^T v``."""
        here = self._left if transposed else self._right
        if here.count == _ROOM:
            self._forget()
        return self._ask(vector, transposed)

    def _ask(self, vector: Floats, transposed: bool, known: Floats | None = None) -> Floats:
        here, there = (self._left, self._right) if transposed else (self._right, self._left)
        coefficients, rest = _outside(here, vector)
        length = float(np.sqrt(rest @ rest / here.size))
        if length <= _NEW * float(np.sqrt(vector @ vector / here.size)) or length == 0.0:
            return np.asarray(coefficients @ here.answered, dtype=np.float64)
        # once more, or orthogonality is lost by half at each vector
        again, unit = _outside(here, rest / length)
        unit = unit / np.sqrt(unit @ unit / here.size)
        old = (coefficients + length * again) @ here.answered
        answer = (known - old) / length if known is not None else self._fresh(unit, here, there)
        here.basis[here.count], here.images[here.count] = unit, answer
        here.count += 1
        answered = old + length * answer
        self._pairs.append((transposed, vector, answered))
        return answered

    def _fresh(self, unit: Floats, here: _Side, there: _Side) -> Floats:
        """Draw the answer to a vector of mean square 1 that is orthogonal to all earlier ones.

        The entries of G have variance 1 / columns. What answers of the transpose fix is no noise.
        """
        scale = np.sqrt(here.size / self._right.size)
        fresh = self._rng.standard_normal(there.size)
        if self._centred:
            fresh -= fresh.mean()
        for known in (here.answered, there.asked) if self._isometric else (there.asked,):
            if len(known):
                squares = np.einsum("ij,ij->i", known, known)
                fresh -= (known @ fresh.astype(_KEPT) / squares) @ known
        fresh *= scale / (np.sqrt(fresh @ fresh / there.size) if self._isometric else 1.0)
        if there.count:
            fresh += (there.answered @ unit.astype(_KEPT) / there.size) @ there.asked
        return fresh

    def _forget(self) -> None:
        kept = self._pairs[len(self._pairs) // 2 :]
        self.clear()
        for transposed, vector, answer in kept:
            self._ask(vector, transposed, answer)


def _outside(side: _Side, vector: Floats) -> tuple[Kept, Floats]:
    """Return the coefficients of a vector in what was asked, and what is left of it."""
    coefficients: Kept = (side.asked @ vector.astype(_KEPT) / side.size).astype(_KEPT)
    return coefficients, vector - coefficients @ side.asked
