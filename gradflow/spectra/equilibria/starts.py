"""What a search for fixed points starts from: one constant input, and many states."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array, whole_number
from gradflow.cells.cell import Cell
from gradflow.codegen import Bound
from gradflow.errors import UsageError
from gradflow.given import instance
from gradflow.spectra.equilibria.period_map import PeriodMap
from gradflow.spectra.numerics.logdomain import Floats
from gradflow.spectra.trajectory import Trajectory

_WHERE = "fixed_points"
# So many steps, or as long as the state stays this short.
_CARRIED = 10
_FARTHEST = 1e3
# More starts than these are days of work.
_MOST_STARTS = 10**7


def at_rest(
    bound: Bound,
    x: Mapping[str, ArrayLike] | ArrayLike | None,
    states: Mapping[str, ArrayLike] | ArrayLike | None,
    where: str,
) -> tuple[Bound, dict[str, Floats] | None]:
    """The cell with all sizes known, and its constant input (input,) by name.

    Sizes that the parameters leave open are those of the input and of flat ``states`` (..., d). The
    input is zero if `x` is None, and None for a cell without input.
    """
    cell = bound.cell
    if x is None:
        bound = bound.with_state(states)
        unknown = [n for n in cell.input_names if cell.spaces[n] not in bound.sizes]
        if unknown:
            raise UsageError(
                f"{where}: the size of input {unknown[0]!r} of cell {cell.name!r} does not follow"
                " from its parameters; pass x."
            )
        return bound, {n: np.zeros(bound.sizes[cell.spaces[n]]) for n in cell.input_names} or None
    if not cell.input_names:
        raise UsageError(f"{where}: cell {cell.name!r} has no input; leave x out.")
    given = x if isinstance(x, Mapping) else {cell.input_names[0]: x}
    arrays = {}
    for name, value in given.items():
        arrays[name] = real_array(value, where, f"entries of input {name}", many=True)
        if arrays[name].ndim != 1:
            raise UsageError(
                f"{where}: input {name} has shape {arrays[name].shape}, and one constant row"
                " (input,) is allowed; search once for each input."
            )
    return bound.with_state(states, arrays), arrays


def starting_states(
    f: PeriodMap, visited: Floats | None, starts: Floats | int, rng: np.random.Generator
) -> Floats:
    """The states (m, d) to start from: those given, or a number of random and visited ones."""
    width = sum(f.bound.part_sizes().values())
    if not isinstance(starts, int):
        given = np.atleast_2d(starts)
        if given.ndim != 2 or given.shape[-1] != width or len(given) == 0:
            raise UsageError(
                f"{_WHERE}: starts has shape {np.shape(starts)}; it is (m, {width}), one state a"
                " row, or a number of starts."
            )
        return given
    count = starts
    spread = 10.0 ** rng.uniform(-1, 0, (count, 1))
    states = spread * rng.standard_normal((count, width))
    if visited is None:
        # Half of them are carried on, which takes them to where the cell lives.
        carried = states[: count // 2]
        for _ in range(_CARRIED):
            moved = f.image(carried)
            bounded = np.linalg.norm(moved, axis=-1) <= _FARTHEST
            carried[bounded] = moved[bounded]
        return states
    seen = visited.reshape(-1, visited.shape[-1])
    if seen.shape[-1] != width:
        raise UsageError(
            f"{_WHERE}: the run has {seen.shape[-1]} entries of state, and {width} are needed; run"
            " the cell with these parameters."
        )
    half = min(len(seen), (count + 1) // 2)
    states[:half] = seen[rng.choice(len(seen), half, replace=False)]
    return states


def further_starts(
    points: Floats, box: Floats | None, count: int, rng: np.random.Generator
) -> Floats:
    """States (count, d) to search from for points that are missing, given those found (m, d).

    A quarter each: anywhere within twice their reach, and in the box ``|s| <= box``; between two
    of them, a little aside; ``s + s' - s''`` of three or the mirror image; entries of one and of
    another, as points of units that hardly act on each other are products.
    """
    reach = 1 + 2 * np.abs(points).max(axis=0, initial=0.0)
    reach = reach if box is None else np.minimum(reach, box)
    anywhere: Floats = rng.uniform(-1, 1, (count, points.shape[-1])) * reach
    if len(points) == 0:
        return anywhere
    one, two, three = (points[rng.integers(len(points), size=count)] for _ in range(3))
    aside = rng.standard_normal(one.shape) * 0.1 * reach
    share = rng.uniform(0, 1, (count, 1))
    turned = np.where(share < 0.5, one + two - three, -one)
    mixed = np.where(rng.uniform(size=one.shape) < 0.5, one, two)
    kinds = [anywhere, one + share * (two - one) + aside, turned + aside / 10, mixed + aside / 10]
    return np.asarray(np.choose(np.arange(count)[:, None] % len(kinds), kinds))


def given_starts(starts: ArrayLike | int) -> Floats | int:
    """Return a number of starts as it is, states to start from as an array."""
    axes = -1
    with suppress(ValueError):  # rows of unequal length
        axes = np.ndim(starts)
    if axes == 0:
        return whole_number(starts, f"{_WHERE}: starts", 1, _MOST_STARTS)
    return real_array(starts, _WHERE, "entries of starts", many=True)


def visited_states(run: Trajectory | None, cell: Cell) -> Floats | None:
    """Return the states of a run, which must be of this cell. Raises ``UsageError``."""
    if run is None:
        return None
    if instance(run, f"{_WHERE}: run", Trajectory, "gradflow.run").cell != cell:
        raise UsageError(
            f"{_WHERE}: the run is of cell {run.cell.name!r}, and {cell.name!r} is needed; run"
            " this cell."
        )
    return run.flat_states
