r"""Fixed points of a cell under one constant input, and slow points where it nearly rests.

Sources: D. Sussillo & O. Barak, Neural Computation 25 (2013) 626 (minima of the speed; slow
points); M. D. Golub & D. Sussillo, JOSS 3 (2018) 1003 (starts at visited states).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from gradflow.arrays import real_array, whole_number
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.codegen import Bound
from gradflow.codegen.backends import PLAIN, STEP_KERNELS, chosen, estimated_seconds, left_open
from gradflow.codegen.code import code_of
from gradflow.errors import UsageError
from gradflow.given import generator
from gradflow.spectra.equilibria.descents import search
from gradflow.spectra.equilibria.period_map import PeriodMap, uses_time
from gradflow.spectra.equilibria.points import ELSEWHERE, FixedPoints
from gradflow.spectra.equilibria.slow_points import minima
from gradflow.spectra.equilibria.stability import (
    eigenvalues,
    index,
    stability,
    uncertain_jacobian,
)
from gradflow.spectra.equilibria.starts import (
    at_rest,
    further_starts,
    given_starts,
    starting_states,
    visited_states,
)
from gradflow.spectra.equilibria.trapping import trapping_box
from gradflow.spectra.equilibria.zeros import Flags, determination, distinct, is_zero, norm
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.trajectory import Trajectory

# Steps of a period at most: each evaluation of its map takes them all.
_LONGEST = 1_000_000
_WHERE = "fixed_points"
# Starts descend in blocks whose Jacobians take this many bytes.
_BLOCK_BYTES = 2**26
# So many steps from every start are what the choice of a backend reckons with.
_STEPS = 1000
# So often at most, as many starts again look for points that are missing.
_FURTHER_LOOKS = 6
# A zero known worse than this share of 1 + |s| may be one in float64 only.
_DOUBTFUL = 1e-6
# Every look at the map takes so many steps of every start.
_LONGEST = 100_000
_KINDS = ("fixed", "slow", "continuum", *ELSEWHERE)


def fixed_points(
    cell: Cell | str,
    params: Mapping[str, ArrayLike],
    x: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    run: Trajectory | None = None,
    state: Mapping[str, ArrayLike] | ArrayLike | None = None,
    starts: ArrayLike | int = 256,
    rng: int | np.random.Generator | None = 0,
    period: int | None = None,
    backend: str = "auto",
) -> FixedPoints:
    r"""Find the states with ``F(s, x) = s`` for one constant input ``x``, and the slow points.

    Every start descends to a minimum of :math:`q = \tfrac12 |F(s) - s|^2`; one that ends at none is
    tried again by damped Newton. A minimum is a fixed point if the speed is within four rounding
    errors of zero, and two of them are one point if their errors overlap.

    Nothing guarantees that all are found, but what is known of those missing is said. Where the
    cell's equations keep the state in a box, as tanh and gates do, the signs of ``det(I - J)`` over
    all isolated points sum to 1 (Lefschetz and Hopf): another sum says that some are ``missing``.
    In any cell, many points that one start alone reached say that more are ``likely``. In either
    case as many starts again, made from the points found, look for them, six times at most.

    Parameters
    ----------
    cell, params
        The cell, or its name as for :func:`gradflow.cells.get`, and its arrays.
    x
        (input,) the constant input, or a mapping for several inputs; zeros by default.
    run
        A run of the same cell, whose states serve as half of the starts.
    state
        A state, flat (d,) or by part, or several (m, d), to start from besides; it shows sizes that
        the parameters leave open.
    starts
        Number of starts: normal ones, of standard deviations from 0.1 to 1, half of them carried
        on by ten steps unless `run` is given. Or the states (m, d) to start from, and no others.
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
    bound, inputs = _bound(cell, params, x, state, seen, given, backend)
    if period is None and uses_time(cell):
        raise UsageError(
            f"{_WHERE}: cell {cell.name!r} uses the step number t, so that no state stays from step"
            " to step; give period=, the number of steps after which its equations repeat."
        )
    if period is not None:
        period = whole_number(period, f"{_WHERE}: period", 1, _LONGEST)
    f = PeriodMap(bound, inputs, period or 1)
    rng = generator(rng, f"{_WHERE}: rng")
    first = starting_states(f, seen, given, rng)
    if state is not None:
        own = real_array(bound.join(bound.split(state)), _WHERE, "entries of state", many=True)
        first = np.concatenate([first, own.reshape(-1, first.shape[-1])])
    if uses_time(cell):
        f.check_period(first[0])
    box = trapping_box(bound, inputs)
    ends, level = _searched(f, first)
    found = _sorted_out(f, ends, level, first, box)
    count = len(first)
    for _ in range(_FURTHER_LOOKS if isinstance(given, int) else 0):
        if not found.missing and not found.likely:
            break
        more = further_starts(found.states, box, count, rng)
        ended = _searched(f, more)
        first = np.concatenate([first, more])
        ends, level = np.concatenate([ends, ended[0]]), np.concatenate([level, ended[1]])
        found = _sorted_out(f, ends, level, first, box)
    return found


def _searched(f: PeriodMap, first: Floats) -> tuple[Floats, Flags]:
    blocks = max(1, len(first) * first.shape[-1] ** 2 * 8 // _BLOCK_BYTES)
    found = [search(f, block) for block in np.array_split(first, blocks)]
    ends, level = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return ends, level


def _bound(
    cell: Cell,
    params: Mapping[str, ArrayLike],
    x: Mapping[str, ArrayLike] | ArrayLike | None,
    state: Mapping[str, ArrayLike] | ArrayLike | None,
    visited: Floats | None,
    starts: Floats | int,
    backend: str,
) -> tuple[Bound, dict[str, Floats] | None]:
    """Return the cell with its parameters, all sizes known, and its constant input."""
    code = partial(code_of, cell, digits=50)
    shown: Mapping[str, ArrayLike] | ArrayLike | None = state
    if state is None:
        shown = starts if visited is None and not isinstance(starts, int) else visited
    bound = code(PLAIN if left_open(backend) else chosen(backend, code)).bind(params)
    for name, array in bound.params.items():
        real_array(array, _WHERE, f"entries of {name}", many=True)
    bound, inputs = at_rest(bound, x, shown, _WHERE)
    if not left_open(backend):
        return bound, inputs
    count = starts if isinstance(starts, int) else len(np.atleast_2d(starts))
    width = sum(bound.part_sizes().values())
    taken = chosen(backend, code, STEP_KERNELS, estimated_seconds(_STEPS, count, width))
    return bound if taken == PLAIN else code(taken).bind(bound.params), inputs


def _sorted_out(
    f: PeriodMap, ends: Floats, level: Flags, first: Floats, box: Floats | None
) -> FixedPoints:
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
    known = [uncertain_jacobian(f, s, e) for s, e in zip(states, errors.tolist(), strict=True)]
    verdicts = [stability(*j) for j in known]
    nearest = cdist(ends[kind == "fixed"], states).argmin(axis=1) if len(states) else order
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
        indices=np.array([index(*j) for j in known], dtype=np.int64),
        bounded=box is not None and bool((np.abs(states) <= box + errors[:, None]).all()),
        reached=np.bincount(nearest, minlength=len(states)),
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
