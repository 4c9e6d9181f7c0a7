"""Drawing every parameter of a cell from its sizes, its own defaults and the caller's choices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.arrays import real_array, whole_number
from gradflow.cells.declaration import Declaration
from gradflow.cells.declared import Declared
from gradflow.cells.initializers import RULES, Initializer, constant, gaussian, glorot
from gradflow.cells.sized import Sized
from gradflow.errors import UsageError, close_to, shown
from gradflow.memory import FLOAT, require

Array = NDArray[np.float64]


def initialize(
    declaration: Declaration,
    declared: Declared,
    *,
    rng: int | np.random.Generator | None = None,
    recurrent: Initializer | float | Array | None = None,
    input_maps: Initializer | float | Array | None = None,
    forget_bias: float | None = None,
    chrono: float | None = None,
    **choices: Any,
) -> dict[str, Array]:
    """Draw every parameter and constant of a cell.

    Parameters
    ----------
    declaration, declared
        The cell as written and as read.
    rng
        Seed or generator; parameters are drawn in the order in which they are declared.
    recurrent, input_maps
        Initializer (or number, or array) of the maps that act on the previous state, and of the
        others. Where nothing is said, the cell's own default holds, then Gaussian ``1/sqrt(n)``
        and Glorot; vectors start at 0.
    forget_bias
        Value of the bias that keeps the state (``b_f`` of the LSTM, ``b_z`` of the GRU).
    chrono
        Longest memory ``T`` in steps: forget bias ``log U[1, T-1]``, input bias its negative.
    choices
        Sizes (``hidden=64``, ``inputs=10`` or ``input=10``, ``context=5``) and, by name, an
        initializer, number or array for any parameter or constant.

    Returns
    -------
    dict
        Name to array: maps ``(out, in)``, vectors ``(units,)``, scalars ``(1,)``, float64. Sizes
        that no array shows are kept in its ``sizes``: :class:`gradflow.cells.sized.Sized`.

    Raises
    ------
    UsageError
        If a size is missing, below 1 or given twice, a name is unknown, or an array is complex or
        has the wrong shape.
    """
    place = declaration.place
    generator = _generator(place, rng)
    sizes = _read_sizes(place, declared.sizes, choices)
    names = (*declared.parameters, *declared.constant_names)
    for name in choices:
        if name not in names:
            of_gates = ("forget_bias", "chrono") if declaration.forget_bias else ()
            sizes_known = map(_keyword, declared.sizes)
            allowed = [*sizes_known, *names, "recurrent", "input_maps", *of_gates]
            hint = close_to(name, allowed)
            raise UsageError(f"{place}: init got {name!r}; {hint}allowed are {', '.join(allowed)}.")
    if forget_bias is not None or chrono is not None:
        choices |= _memory_choices(declaration, forget_bias, chrono, choices)
    recurrent_maps = declared.recurrent_maps()
    others = set(declared.linear_maps) & set(names) - set(recurrent_maps)
    for given_rule, of, word in (
        (recurrent, recurrent_maps, "recurrent"),
        (input_maps, others, "input_maps"),
    ):
        if given_rule is not None and not of:
            raise UsageError(f"{place}: has no maps that {word}= could set; drop it.")
    shapes = {name: [sizes[space] for space in declared.shape_of(name)] for name in names}
    largest = max(shapes, key=lambda name: math.prod(shapes[name]), default="")
    if shapes:
        told = " x ".join(map(str, shapes[largest]))
        require(
            FLOAT * sum(map(math.prod, shapes.values())),
            place,
            f"its arrays, the largest of them {largest} of {told} numbers,",
            "give fewer units",
        )
    arrays: dict[str, Array] = {}
    for name in names:
        is_map = name in declared.linear_maps
        by_role = (recurrent if name in recurrent_maps else input_maps) if is_map else None
        role = (gaussian() if name in recurrent_maps else glorot()) if is_map else constant(0.0)
        given = [choices.get(name), by_role, declaration.defaults.get(name), role]
        if name in declared.constant_names and given[0] is given[2] is None:
            raise UsageError(
                f"{place}: the constant {name!r} has no default; pass {name}= to init."
            )
        chosen = next(c for c in given if c is not None)
        axes = [(space, sizes[space]) for space in declared.shape_of(name)]
        arrays[name] = _draw(place, name, chosen, generator, axes)
    if chrono is not None and declaration.input_bias:
        arrays[declaration.input_bias] = -arrays[declaration.forget_bias]
    shown = {space for name in names for space in declared.shape_of(name)}
    unseen = {space: n for space, n in sizes.items() if space not in {*shown, "one"}}
    return Sized(arrays, unseen) if unseen else arrays


def _generator(place: str, rng: int | np.random.Generator | None) -> np.random.Generator:
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise UsageError(
            f"{place}: rng={shown(rng)} is no seed; pass a whole number of at least 0 or a "
            "numpy.random.Generator."
        ) from None


# More units of one size no machine holds.
_MOST_UNITS = 2**31


def _keyword(space: str) -> str:
    return "inputs" if space == "input" else space


def _read_sizes(place: str, spaces: tuple[str, ...], choices: dict[str, Any]) -> dict[str, int]:
    """Take the sizes out of ``choices``; ``input=`` is understood as ``inputs=``."""
    sizes = {"one": 1}
    for space in spaces:
        keyword = _keyword(space)
        given = {
            word: choices.pop(word) for word in {keyword: None, space: None} if word in choices
        }
        if len(given) > 1:
            raise UsageError(
                f"{place}: both {' and '.join(f'{w}=' for w in given)} given; keep one."
            )
        if not given:
            raise UsageError(f"{place}: init needs {keyword}=, the number of units.")
        ((word, size),) = given.items()
        sizes[space] = whole_number(size, f"{place}: {word}", 1, _MOST_UNITS)
    return sizes


def _memory_choices(
    cell: Declaration, bias: float | None, longest: float | None, choices: dict[str, Any]
) -> dict[str, Any]:
    if not cell.forget_bias:
        raise UsageError(
            f"{cell.place} has no forget gate, so forget_bias= and chrono= mean nothing here."
        )
    if bias is not None and longest is not None:
        raise UsageError(f"{cell.place}: both forget_bias= and chrono= given; keep one.")
    word = "chrono" if bias is None else "forget_bias"
    for name in (cell.forget_bias, cell.input_bias if bias is None else ""):
        if name in choices:
            raise UsageError(f"{cell.place}: both {word}= and {name}= given; keep one.")
    rule = constant(bias) if bias is not None else RULES["chrono"](longest)
    return {cell.forget_bias: rule}


def _draw(
    place: str, name: str, chosen: Any, rng: np.random.Generator, axes: list[tuple[str, int]]
) -> Array:
    shape = tuple(size for _, size in axes)
    try:
        drawn = chosen.draw(rng, shape) if isinstance(chosen, Initializer) else chosen
        array = np.array(real_array(drawn, place, name, finite=False))
    except (TypeError, ValueError) as error:
        if isinstance(chosen, Initializer) and isinstance(error, UsageError):
            raise UsageError(f"{place}, {name}: {error}") from None
        if hasattr(chosen, "dtype"):
            raise
        raise UsageError(
            f"{place}: {name} is given as {shown(chosen)}; pass an initializer of "
            "gradflow.cells.initializers, a number or an array."
        ) from None
    if array.ndim == 0:
        return np.full(shape, float(array))
    if array.shape != shape:
        raise UsageError(
            f"{place}: {name} has shape {array.shape}; {shape} is needed "
            f"({', '.join(space for space, _ in axes)})."
        )
    return array
