r"""How far the eigenvalues of one step Jacobian reach, in the limit of many units.

The Jacobian is :math:`A + L\,W R` with diagonals A, L, R, which the normal form gives for any cell;
terms :math:`d_0 W_1 d_1 W_2 d_2` are taken apart by an auxiliary field each. A complex z is outside
the bulk where the second moments of :math:`R (z - A)^{-1} L` times those of W have a spectral
radius below 1 (Y. Ahmadian, F. Fumarola, K. Miller, Phys. Rev. E 91 (2015) 012820).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import sympy as sp
from scipy.optimize import brentq

from gradflow.ensembles.closed.equations import chains_of
from gradflow.ensembles.fields import Floats
from gradflow.ensembles.numeric import numeric, symbols_of
from gradflow.ensembles.population import Population
from gradflow.ensembles.theory import MeanField
from gradflow.errors import UsageError
from gradflow.given import instance
from gradflow.jacobians import jacobian

__all__ = ["bulk_edge"]

_WHERE = "bulk_edge"
_SIZE, _BURN, _FARTHEST = 2000, 120, 1e6


def bulk_edge(theory: MeanField) -> float:
    """Return the largest real number on the edge of the bulk of a step's eigenvalues.

    Of states and gates as they are after many steps, sampled on 2,000 units, good to about 2 %. Of
    a network in a fixed point its logarithm is the leading exponent; of one that moves, products
    of different steps are another matter.

    Parameters
    ----------
    theory
        What :func:`gradflow.mean_field` returned.

    Raises
    ------
    UsageError
        A cell with masks, fixed or combined maps, or a call that mixes units.

    Examples
    --------
    >>> import gradflow as gf
    >>> leak = gf.Cell(name="l", state="h", maps="U", equations="h_next = 0.7 * h + U @ h / 2")
    >>> round(bulk_edge(gf.mean_field(leak, gains=0.4, tied=False)), 6)  # 0.7 + 0.4 / 2
    0.9
    """
    theory = instance(theory, f"{_WHERE}: theory", MeanField, "gradflow.mean_field")
    for m in theory.cell.linear_maps.values():
        if m.stored and (m.mask is not None or m.kind in ("fixed", "combined")):
            raise UsageError(
                f"{_WHERE}: the map {m.name!r} of cell {theory.cell.name!r} is masked, fixed or "
                "combined; the edge is known for random maps alone."
            )
    people = Population(
        theory.laws, np.random.default_rng(0), size=_SIZE, tied=theory.tied, tangents=0
    )
    for _ in range(_BURN):
        people.step()
    parts = _taken_apart(theory, people)
    # at the entries of A itself z - A is singular
    least = float(np.abs(parts.own).max(initial=0.0)) * (1 + 1e-9) + 1e-9
    if not parts.sigmas.size or parts.radius(least) < 1:
        return least
    most = 2 * least + 1
    while parts.radius(most) > 1 and most < _FARTHEST:
        most *= 2
    return float(brentq(lambda z: parts.radius(z) - 1, least, most, xtol=1e-10))


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """``own`` (N, p, p), ``left`` (N, p, k), ``right`` (N, k, p), ``inner`` (N, k, k)."""

    own: Floats
    left: Floats
    right: Floats
    inner: Floats
    sigmas: Floats
    maps: tuple[str, ...]

    def radius(self, z: float) -> float:
        """Return the spectral radius of the second moments at a real z outside of ``own``."""
        eye = np.eye(self.own.shape[-1])
        b = self.right @ np.linalg.solve(z * eye - self.own, self.left) + self.inner
        fields = range(len(self.maps))
        # covariances of fields of one map: those on several operands share their noise
        pairs = [(k, m) for k in fields for m in fields if self.maps[k] == self.maps[m]]
        table = np.array(
            [
                [
                    np.mean(b[:, k, p] * b[:, m, q]) * self.sigmas[p] * self.sigmas[q]
                    for p, q in pairs
                ]
                for k, m in pairs
            ]
        )
        return float(np.abs(np.linalg.eigvals(table)).max())


@dataclass
class _Table:
    people: Population
    entries: dict[tuple[str, object, object], Floats] = field(default_factory=dict)
    fields: dict[object, int] = field(default_factory=dict)
    maps: list[str] = field(default_factory=list)

    def put(self, kind: str, row: object, column: object, diagonal: sp.Expr) -> None:
        names = symbols_of([diagonal])
        with np.errstate(all="ignore"):
            value = numeric(diagonal, names)(*(self.people.values[n.name] for n in names))
        whole = np.broadcast_to(np.asarray(value, float), (_SIZE,))
        key = kind, row, column
        self.entries[key] = self.entries.get(key, np.zeros(_SIZE)) + whole

    def chain(self, diagonals: tuple[sp.Expr, ...], maps: tuple[str, ...], part: str) -> int:
        """Return the number of the field ``W1 d1 W2 ...`` on a part; make it where it is new."""
        key = diagonals, maps, part
        if key not in self.fields:
            k = self.fields[key] = len(self.fields)
            self.maps.append(maps[0])
            if len(maps) == 1:
                self.put("right", k, part, diagonals[0])
            else:
                self.put("inner", k, self.chain(diagonals[1:], maps[1:], part), diagonals[0])
        return self.fields[key]


def _taken_apart(theory: MeanField, people: Population) -> _Parts:
    table = _Table(people)
    step, parts = jacobian(theory.cell), theory.cell.states
    for a, b in itertools.product(parts, parts):
        for term in step[a, b].terms:
            if any(m.slope is not None for m in term.maps):
                raise UsageError(
                    f"{_WHERE}: cell {theory.cell.name!r} has a call that mixes units in its "
                    "Jacobian; the edge is known for random maps alone."
                )
            for (first, *others), names in chains_of(theory.laws, term, {}):
                if not names:
                    table.put("own", a, b, first)
                else:
                    k = table.chain(tuple(others), names, b)
                    table.put("left", a, k, first)
    place = {p: i for i, p in enumerate(parts)}
    sizes = {"own": (len(parts),) * 2, "inner": (len(table.maps),) * 2}
    sizes |= {"left": (len(parts), len(table.maps)), "right": (len(table.maps), len(parts))}
    arrays = {kind: np.zeros((_SIZE, *shape)) for kind, shape in sizes.items()}
    for (kind, row, column), value in table.entries.items():
        arrays[kind][:, place.get(row, row), place.get(column, column)] = value  # type: ignore[call-overload]
    sigmas = np.array([theory.laws.maps[name].sigma for name in table.maps])
    return _Parts(**arrays, sigmas=sigmas, maps=tuple(table.maps))
