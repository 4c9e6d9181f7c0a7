r"""A fixed point followed along one parameter, through folds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import real_array
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.codegen.backends import PLAIN, chosen, left_open
from gradflow.codegen.code import code_of
from gradflow.errors import UsageError, shown
from gradflow.spectra.equilibria.branches.branch import FixedPointBranch
from gradflow.spectra.equilibria.branches.family import Entry, Family, family
from gradflow.spectra.equilibria.branches.following import (
    Arc,
    crossing,
    fold_errors,
    folds,
    follow,
    off_curve,
)
from gradflow.spectra.equilibria.descents import newton
from gradflow.spectra.equilibria.period_map import uses_time
from gradflow.spectra.equilibria.search import fixed_points
from gradflow.spectra.equilibria.stability import eigenvalues, stability, uncertain_jacobian
from gradflow.spectra.equilibria.starts import at_rest
from gradflow.spectra.equilibria.zeros import is_zero
from gradflow.spectra.numerics.graded import EPS
from gradflow.spectra.numerics.logdomain import Floats

_WHERE = "continue_fixed_points"


def continue_fixed_points(
    cell: Cell | str,
    params: Mapping[str, ArrayLike],
    name: str,
    span: ArrayLike,
    x: Mapping[str, ArrayLike] | ArrayLike | None = None,
    *,
    entry: Entry | None = None,
    state: Mapping[str, ArrayLike] | ArrayLike | None = None,
    backend: str = "auto",
) -> FixedPointBranch:
    r"""Follow a fixed point along one parameter, through the folds where it turns back.

    Steps of pseudo-arclength on ``F(s; p) = s``, shortened where the curve bends. A fold is where
    the tangent has no part along the parameter, which is where ``J - I`` is singular; it is found
    as a zero of that part along the curve, and two folds between two points are looked for where
    the curve is steep. Only the one branch is followed: others are found by ``fixed_points``.

    Parameters
    ----------
    cell, params
        The cell, or its name as for :func:`gradflow.cells.get`, and its arrays.
    name
        The parameter that is varied.
    span
        Its first and last value: of `entry`, or of the whole parameter if that is one number;
        otherwise factors by which all of it is multiplied.
    x
        (input,) the constant input, or a mapping for several inputs; zeros by default.
    entry
        Which entry is varied, one index an axis.
    state
        A state, flat (d,) or by part, near the fixed point at the first value; by default the first
        one of ``fixed_points`` there, the most stable one.
    backend
        As for :func:`gradflow.run`; ``"auto"`` takes NumPy, as points come one by one.

    Raises
    ------
    UsageError
        If shapes do not fit, an array holds a value that is not finite, the cell uses the step
        number, or no fixed point is found to begin with.

    Examples
    --------
    The two folds of ``h' = sigmoid(5 h + b)``, where ``5 h (1 - h) = 1``:

    >>> from gradflow.cells.library.rnn import rnn_with
    >>> params = {"U": [[5.0]], "W": [[0.0]], "b": [0.0]}
    >>> continue_fixed_points(rnn_with("sigmoid"), params, "b", (-4, -1)).fold_values.round(9)
    array([-2.34438966, -2.65561034])
    """
    cell = get(cell)
    if uses_time(cell):
        raise UsageError(
            f"{_WHERE}: cell {cell.name!r} uses the step number t, so that no state stays from step"
            " to step; give a cell whose equations do without."
        )
    ends = real_array(span, _WHERE, "values of span", many=True)
    if ends.shape != (2,) or ends[0] == ends[1]:
        raise UsageError(
            f"{_WHERE}: span={shown(span)}; it is the first and the last value, which differ."
        )
    code = partial(code_of, cell, digits=50)
    bound = code(PLAIN if left_open(backend) else chosen(backend, code)).bind(params)
    for given, array in bound.params.items():
        real_array(array, _WHERE, f"entries of {given}", many=True)
    if isinstance(state, Mapping):
        bound = bound.with_state(state)
        state = bound.join(state)
    near = None if state is None else real_array(state, _WHERE, "entries of state", many=True)
    if near is not None and near.ndim != 1:
        raise UsageError(f"{_WHERE}: state has shape {near.shape}; one flat state (d,) is needed.")
    bound, inputs = at_rest(bound, x, near, _WHERE)
    curve = family(bound, inputs, name, (float(ends[0]), float(ends[1])), entry, _WHERE)
    first = _first(curve, x, near, backend)
    arcs, last, end = follow(curve, first)
    return _branch(curve, arcs, last, end, _label(name, curve, entry))


def _label(name: str, curve: Family, entry: Entry | None) -> str:
    if entry is None:
        return name if curve.direction.size == 1 else f"{name} x"
    index = entry if isinstance(entry, tuple) else (entry,)
    return f"{name}[{', '.join(map(str, index))}]"


def _first(
    curve: Family,
    x: Mapping[str, ArrayLike] | ArrayLike | None,
    near: Floats | None,
    backend: str,
) -> Floats:
    """The fixed point to begin with."""
    at = f"{curve.name} at its first value {curve.start:g}"
    if near is None:
        params = curve.parameters(0.0)
        found = fixed_points(curve.bound.cell, params, x, backend=backend).states
        if len(found) == 0:
            raise UsageError(f"{_WHERE}: no isolated fixed point is found with {at}; pass state=.")
        return np.asarray(found[0])
    f = curve.at(0.0)
    end = newton(f, near[None])
    if not is_zero(f, end)[0]:
        raise UsageError(
            f"{_WHERE}: Newton finds no fixed point near the given state with {at}; take one from"
            " fixed_points."
        )
    return np.asarray(end[0])


def _branch(curve: Family, arcs: list[Arc], last: Floats, end: str, label: str) -> FixedPointBranch:
    points = np.array([*(arc.z for arc in arcs), last])
    states, along = points[:, :-1], points[:, -1]
    error = np.array([off_curve(curve, z) for z in points])
    maps = [curve.at(u) for u in along.tolist()]
    verdicts = [
        stability(*uncertain_jacobian(f, s, e))[0]
        for f, s, e in zip(maps, states, error.tolist(), strict=True)
    ]
    crossings = [crossing(arc) for arc in arcs]
    crossed = _rows([z for z in crossings if z is not None], points)
    plain = [arc for arc, z in zip(arcs, crossings, strict=True) if z is None]
    turns = [(arc, s, z) for arc in plain for s in folds(arc) if (z := arc.point(s)) is not None]
    folded = _rows([z for _, _, z in turns], points)
    off = np.array([fold_errors(*turn) for turn in turns]).reshape(-1, 2)
    jacobians = np.array([f.jacobian(s) for f, s in zip(maps, states, strict=True)])
    return FixedPointBranch(
        parameter=label,
        values=curve.value(along),
        states=states,
        error=error,
        eigenvalues=eigenvalues(jacobians),
        stability=tuple(verdicts),
        fold_values=curve.value(folded[:, -1]),
        fold_states=folded[:, :-1],
        fold_value_error=abs(curve.stop - curve.start) * off[:, 0]
        + EPS * (abs(curve.start) + abs(curve.stop)),
        fold_error=off[:, 1],
        crossing_values=curve.value(crossed[:, -1]),
        crossing_states=crossed[:, :-1],
        end=end,
    )


def _rows(found: list[Floats], like: Floats) -> Floats:
    return np.array(found).reshape(-1, like.shape[-1])
