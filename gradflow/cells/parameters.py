"""Drawing every parameter of a cell from its sizes, its own defaults and the caller's choices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow.arrays import real_array
from gradflow.cells.initializers import RULES, Initializer, constant, gaussian, glorot
from gradflow.errors import UsageError

if TYPE_CHECKING:
    from gradflow.cells.cell import Cell

Array = NDArray[np.float64]


def initialize(
    cell: Cell,
    *,
    rng: int | np.random.Generator | None = None,
    recurrent: Initializer | float | Array | None = None,
    input_maps: Initializer | float | Array | None = None,
    forget_bias: float | None = None,
    chrono: float | None = None,
    **choices: Any,
) -> dict[str, Array]:
    """Draw every parameter and constant of ``cell``.

    Parameters
    ----------
    cell
        The declared cell.
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
        Sizes (``hidden=64``, ``inputs=10``, ``context=5``) and, by name, an initializer, number
        or array for any parameter or constant.

    Returns
    -------
    dict
        Name to array: maps ``(out, in)``, vectors ``(units,)``, scalars ``(1,)``, float64.

    Raises
    ------
    UsageError
        If a size is missing or below 1, a name is unknown or an array has the wrong shape.
    """
    generator = _generator(cell, rng)
    sizes = _read_sizes(cell, choices)
    names = (*cell.parameters, *cell.constant_names)
    for name in choices:
        if name not in names:
            allowed = ", ".join([*("inputs" if s == "input" else s for s in cell.sizes), *names])
            raise UsageError(f"cell {cell.name!r}: init got {name!r}; allowed are {allowed}.")
    if forget_bias is not None or chrono is not None:
        choices |= _memory_choices(cell, forget_bias, chrono, choices)
    recurrent_maps = cell.recurrent_maps()
    others = set(cell.linear_maps) & set(names) - set(recurrent_maps)
    for given_rule, of, word in (
        (recurrent, recurrent_maps, "recurrent"),
        (input_maps, others, "input_maps"),
    ):
        if given_rule is not None and not of:
            raise UsageError(f"cell {cell.name!r}: has no maps that {word}= could set; drop it.")
    arrays: dict[str, Array] = {}
    for name in names:
        shape = tuple(sizes[s] for s in cell.shape_of(name))
        is_map = name in cell.linear_maps
        by_role = (recurrent if name in recurrent_maps else input_maps) if is_map else None
        role = (gaussian() if name in recurrent_maps else glorot()) if is_map else constant(0.0)
        given = [choices.get(name), by_role, cell.defaults.get(name), role]
        if name in cell.constant_names and given[0] is given[2] is None:
            raise UsageError(
                f"cell {cell.name!r}: the constant {name!r} has no default; pass {name}= to init."
            )
        chosen = next(c for c in given if c is not None)
        arrays[name] = _draw(cell, name, chosen, generator, shape)
    if chrono is not None and cell.input_bias:
        arrays[cell.input_bias] = -arrays[cell.forget_bias]
    return arrays


def _generator(cell: Cell, rng: int | np.random.Generator | None) -> np.random.Generator:
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise UsageError(
            f"cell {cell.name!r}: rng={rng!r} is no seed; pass a whole number of at least 0 or a "
            "numpy.random.Generator."
        ) from None


def _read_sizes(cell: Cell, choices: dict[str, Any]) -> dict[str, int]:
    sizes = {"one": 1}
    for space in cell.sizes:
        keyword = "inputs" if space == "input" else space
        size = choices.pop(keyword, None)
        if size is None:
            raise UsageError(f"cell {cell.name!r}: init needs {keyword}=, the number of units.")
        if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
            raise UsageError(
                f"cell {cell.name!r}: {keyword}={size!r}; a size is a whole number of at least 1."
            )
        sizes[space] = int(size)
    return sizes


def _memory_choices(
    cell: Cell, bias: float | None, longest: float | None, choices: dict[str, Any]
) -> dict[str, Any]:
    if not cell.forget_bias:
        raise UsageError(
            f"cell {cell.name!r} has no forget gate, so forget_bias= and chrono= mean nothing here."
        )
    if bias is not None and longest is not None:
        raise UsageError(f"cell {cell.name!r}: both forget_bias= and chrono= given; keep one.")
    word = "chrono" if bias is None else "forget_bias"
    for name in (cell.forget_bias, cell.input_bias if bias is None else ""):
        if name in choices:
            raise UsageError(f"cell {cell.name!r}: both {word}= and {name}= given; keep one.")
    rule = constant(bias) if bias is not None else RULES["chrono"](longest)
    return {cell.forget_bias: rule}


def _draw(
    cell: Cell, name: str, chosen: Any, rng: np.random.Generator, shape: tuple[int, ...]
) -> Array:
    try:
        drawn = chosen.draw(rng, shape) if isinstance(chosen, Initializer) else chosen
        array = np.array(real_array(drawn, f"cell {cell.name!r}", name, finite=False))
    except (TypeError, ValueError) as error:
        if isinstance(chosen, Initializer) and isinstance(error, UsageError):
            raise UsageError(f"cell {cell.name!r}, {name}: {error}") from None
        if hasattr(chosen, "dtype"):
            raise
        raise UsageError(
            f"cell {cell.name!r}: {name} is given as {chosen!r}; pass an initializer of "
            "gradflow.cells.initializers, a number or an array."
        ) from None
    if array.ndim == 0:
        return np.full(shape, float(array))
    if array.shape != shape:
        raise UsageError(
            f"cell {cell.name!r}: {name} has shape {array.shape}; {shape} is needed "
            f"({', '.join(cell.shape_of(name))})."
        )
    return array
