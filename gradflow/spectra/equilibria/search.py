r"""Fixed points of a cell under one constant input, and slow points where it nearly rests.

Sources: D. Sussillo & O. Barak, Neural Computation 25 (2013) 626 (minima of the speed; slow
points); M. D. Golub & D. Sussillo, JOSS 3 (2018) 1003 (starts at visited states).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.codegen import Bound
from gradflow.codegen.backends import PLAIN, STEP_KERNELS, chosen, estimated_seconds
from gradflow.codegen.code import code_of
from gradflow.drawable import Drawable
from gradflow.errors import UsageError
from gradflow.spectra.equilibria.descents import search
from gradflow.spectra.equilibria.period_map import PeriodMap, uses_time
from gradflow.spectra.equilibria.slow_points import minima
from gradflow.spectra.equilibria.stability import Complexes, eigenvalues, stability
from gradflow.spectra.equilibria.starts import (
    constant_input,
    given_starts,
    starting_states,
    visited_states,
)
from gradflow.spectra.equilibria.zeros import Flags, determination, distinct, is_zero, norm
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.trajectory import Trajectory

_WHERE = "fixed_points"
# Starts descend in blocks whose Jacobians take this many bytes.
_BLOCK_BYTES = 2**26
# So many steps from every start are what the choice of a backend reckons with.
_STEPS = 1000
# A zero known worse than this share of 1 + |s| may be one in float64 only.
_DOUBTFUL = 1e-6
_ELSEWHERE = {
    "level": "where the speed is level but not zero",
    "stuck": "where saturation leaves F(s) = s in float64 only",
    "lost": "outside the range of float64",
    "unsettled": "at a kink of the speed or descending still",
}
_KINDS = ("fixed", "slow", "continuum", *_ELSEWHERE)


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
        Number of starts.
    ended : mapping
        How many of them ended at a ``"fixed"`` or a ``"slow"`` point, on the ``"continuum"``, where
        the speed is ``"level"`` but not zero along a line, ``"stuck"`` where ``F(s) = s`` holds in
        float64 only, as gates are saturated (a GRU's ``1 - z`` below the rounding unit) or the
        state has outgrown its change, where float64 is left (``"lost"``), or nowhere of the kind
        (``"unsettled"``: at a kink of the speed, or descending still).
    period : int
        Number of steps of the map F.
    """

    drawn_by: ClassVar[str] = "fixed_points:plot_fixed_points"
    states: Floats
    residual: Floats
    error: Floats
    eigenvalues: Complexes
    stability: tuple[str, ...]
    unstable: NDArray[np.int64]
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

    def __repr__(self) -> str:
        split = self._split()
        return (
            f"<FixedPoints {len(self.states)} isolated{f' ({split})' if split else ''}, "
            f"{len(self.speed)} slow; {_count(len(self.continuum), 'start')} of {self.starts} on a "
            "continuum>"
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
        for kind, where in _ELSEWHERE.items():
            if self.ended[kind]:
                parts.append(f"{_count(self.ended[kind], 'start')} ended {where}")
        return f"{'; '.join(parts)}; {_count(self.starts, 'start')} in all"

    def _repr_html_(self) -> str:
        return f"<b>fixed points</b>: {self}"


def fixed_points(
    cell: Cell | str,
    params: Mapping[str, ArrayLike],
    x: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    run: Trajectory | None = None,
    starts: ArrayLike | int = 256,
    rng: int | np.random.Generator | None = 0,
    period: int | None = None,
    backend: str = "auto",
) -> FixedPoints:
    r"""Find the states with ``F(s, x) = s`` for one constant input ``x``, and the slow points.

    Every start descends to a minimum of :math:`q = \tfrac12 |F(s) - s|^2`; one that ends at none is
    tried again by damped Newton. A minimum is a fixed point if the speed is within four rounding
    errors of zero, and two of them are one point if their errors overlap. Nothing guarantees that
    all are found; more starts, and starts at states that the cell visits, find more. Where the
    cell keeps a bounded state, as with tanh or gates, the signs of ``det(I - J)`` over all isolated
    points sum to 1 (Lefschetz and Hopf), and another sum says that one is missing.

    Parameters
    ----------
    cell, params
        The cell, or its name as for :func:`gradflow.cells.get`, and its arrays.
    x
        (input,) the constant input, or a mapping for several inputs; zeros by default.
    run
        A run of the same cell, whose states serve as half of the starts.
    starts
        Number of starts: normal ones, of standard deviations from 0.1 to 1, half of them carried
        on by ten steps unless `run` is given. Or the states (m, d) to start from.
    rng
        Seed or generator of the starts.
    period
        Take as F the map of that many steps, t = 1 .. period, and so find orbits of that period,
        by their state before step 1. One step by default; needed where the equations use t.
        Eigenvalues of a long period far below the leading one are lost to rounding; a run over it
        has them in ``product_eigenvalues``.
    backend
        What takes the steps, as for :func:`gradflow.run`; the work is taken for a thousand steps
        from every start.

    Raises
    ------
    UsageError
        If shapes do not fit, an array holds a value that is not finite, or the cell uses the step
        number and no period is given, or one after which it does not repeat.

    Examples
    --------
    >>> found = fixed_points("rnn", {"U": [[2.0]], "W": [[1.0]], "b": [0.0]})
    >>> found
    <FixedPoints 3 isolated (2 stable, 1 unstable), 0 slow; 0 starts of 256 on a continuum>
    >>> abs(found.states).round(4).ravel()
    array([0.9575, 0.9575, 0.    ])
    """
    cell = get(cell)
    seen, given = visited_states(run, cell), given_starts(starts)
    bound = _bound(cell, params, seen, given, backend)
    inputs = constant_input(bound, x)
    if period is None and uses_time(cell):
        raise UsageError(
            f"{_WHERE}: cell {cell.name!r} uses the step number t, so that no state stays from step"
            " to step; give period=, the number of steps after which its equations repeat."
        )
    if period is not None and (not isinstance(period, (int, np.integer)) or period < 1):
        raise UsageError(f"{_WHERE}: period={period!r}; it is a whole number of steps, at least 1.")
    f = PeriodMap(bound, inputs, int(period or 1))
    first = starting_states(f, seen, given, np.random.default_rng(rng))
    if uses_time(cell):
        f.check_period(first[0])
    blocks = max(1, len(first) * first.shape[-1] ** 2 * 8 // _BLOCK_BYTES)
    found = [search(f, block) for block in np.array_split(first, blocks)]
    ends, level = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return _sorted_out(f, ends, level, first)


def _bound(
    cell: Cell,
    params: Mapping[str, ArrayLike],
    visited: Floats | None,
    starts: Floats | int,
    backend: str,
) -> Bound:
    """Return the cell with its parameters; the states given show the sizes these leave open."""
    code = partial(code_of, cell, digits=50)
    shown = starts if visited is None and not isinstance(starts, int) else visited
    bound = code(PLAIN if backend == "auto" else chosen(backend, code)).bind(params)
    for name, array in bound.params.items():
        real_array(array, _WHERE, f"entries of {name}", many=True)
    bound = bound.with_state(shown)
    if backend != "auto":
        return bound
    count = starts if isinstance(starts, int) else len(np.atleast_2d(starts))
    width = sum(bound.part_sizes().values())
    taken = chosen(backend, code, STEP_KERNELS, estimated_seconds(_STEPS, count, width))
    return bound if taken == PLAIN else code(taken).bind(bound.params, shown)


def _sorted_out(f: PeriodMap, ends: Floats, level: Flags, first: Floats) -> FixedPoints:
    """Tell the ends of the search from the starts `first` apart."""
    kind = np.full(len(ends), "unsettled")
    zero = is_zero(f, ends)
    error, dimension = determination(f, ends[zero])
    slow, slow_error, isolated = minima(f, ends[~zero & level])
    kind[zero] = np.where(dimension == 0, "fixed", "continuum")
    kind[~zero & level] = np.where(isolated, "slow", "level")
    # A unit that no start sees move, such as one that copies itself, is not stuck but at rest.
    stuck = (f.stuck(ends[zero]) & ~f.stuck(first).all(axis=0)).any(axis=-1)
    doubtful = error > _DOUBTFUL * (1 + norm(ends[zero]))
    kind[zero] = np.where(stuck & doubtful, "stuck", kind[zero])
    kept, errors = distinct(ends[kind == "fixed"], error[kind[zero] == "fixed"])
    states = ends[kind == "fixed"][kept]
    values = eigenvalues(f.jacobian(states))
    order = np.argsort(np.abs(values[:, 0]), kind="stable")
    states, errors, values = states[order], errors[order], values[order]
    verdicts = [stability(f, s, e) for s, e in zip(states, errors.tolist(), strict=True)]
    continuum = ends[kind == "continuum"]
    ended = {name: int((kind == name).sum()) for name in _KINDS}
    ended["lost"] = len(first) - len(ends)
    return FixedPoints(
        states=states,
        residual=norm(f.shift(states)),
        error=errors,
        eigenvalues=values,
        stability=tuple(word for word, _ in verdicts),
        unstable=np.array([n for _, n in verdicts], dtype=np.int64),
        slow_states=slow,
        speed=norm(f.shift(slow)),
        slow_error=slow_error,
        slow_eigenvalues=eigenvalues(f.jacobian(slow)),
        continuum=continuum,
        dimension=dimension[kind[zero] == "continuum"],
        continuum_eigenvalues=eigenvalues(f.jacobian(continuum)),
        starts=len(first),
        ended=ended,
        period=f.period,
    )


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
