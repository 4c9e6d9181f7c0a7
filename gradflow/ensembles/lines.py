"""Critical lines: where the exponent of a cell's mean-field theory is zero."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from scipy.optimize import brentq

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.ensembles.theory import MeanField, mean_field
from gradflow.errors import UsageError, shown
from gradflow.given import flag, generator, mapping, real_number, text
from gradflow.prose import number_text, table_html

_WHERE = "critical"
_FINE = 1e-12
# Of a sampled exponent no more digits are there than this, as a share of the range.
_COARSE = 1e-3


@dataclass(frozen=True)
class Critical:
    """The value of a gain or bias at which the leading exponent is zero, and its error."""

    name: str
    value: float
    error: float
    at: MeanField

    def __repr__(self) -> str:
        return (
            f"<Critical {self.name} of {self.at.cell.name}: {self.value:.6g} +- {self.error:.1g}, "
            f"{self.at.method}>"
        )

    def _repr_html_(self) -> str:
        head = (self.name, "error", "by")
        row = (number_text(self.value, ".6g"), f"{self.error:.1g}", self.at.method)
        of = f"Critical {self.name} of {self.at.cell.name}"
        return f"<b>{escape(of)}</b>{table_html([row], head)}"


def critical(
    cell: Cell | str,
    name: str,
    between: tuple[float, float] = (0.05, 20.0),
    *,
    gains: Mapping[str, Any] | None = None,
    biases: Mapping[str, Any] | None = None,
    inputs: Any = 0.0,
    tied: bool = True,
    size: int = 1500,
    populations: int = 6,
    steps: int = 200,
    rng: int | np.random.Generator | None = 0,
) -> Critical:
    """Return where the exponent crosses zero as one gain, or the mean of one bias, is changed.

    Parameters
    ----------
    cell
        The cell or its name.
    name
        A map, whose gain g is changed, ``"recurrent"`` for that of all recurrent maps, or a
        vector or scalar, whose mean is changed.
    between
        Two values at which the exponent has opposite signs.
    gains, biases, inputs, tied, size, populations, steps, rng
        As in :func:`mean_field`; every value is judged by the same random numbers.

    Raises
    ------
    UsageError
        A name that is not in the cell, exponents of one sign at both ends, and what
        :func:`mean_field` refuses.

    Examples
    --------
    >>> critical("rnn", "U", biases={"b": (0, 0.05)})
    <Critical U of rnn: 1.32701 +- 4e-09, quadrature>
    """
    cell, name = get(cell), text(name, f"{_WHERE}: name")
    tied = flag(tied, f"{_WHERE}: tied")
    low, high = _two(between)
    names = [*cell.parameters, *cell.constant_names]
    if name not in (*names, "recurrent"):
        raise UsageError(
            f"{_WHERE}: name is {shown(name)}; the cell has {', '.join(names)}, and 'recurrent' "
            "stands for all recurrent maps."
        )
    seed = int(generator(rng, f"{_WHERE}: rng").integers(2**63))

    told = [
        {} if given is None else mapping(given, f"{_WHERE}: {word}", "laws")
        for given, word in ((gains, "gains"), (biases, "biases"))
    ]

    def at(value: float) -> MeanField:
        maps, vectors = dict(told[0]), dict(told[1])
        if name == "recurrent":
            maps |= dict.fromkeys([m for m in cell.recurrent_maps() if m in names], value)
        elif name in cell.linear_maps:
            maps[name] = value
        else:
            held = vectors.get(name, 0.0)
            vectors[name] = (value, held[1] if isinstance(held, tuple) else 0.0)
        return mean_field(
            cell,
            gains=maps,
            biases=vectors,
            inputs=inputs,
            tied=tied,
            size=size,
            populations=populations,
            steps=steps,
            rng=seed,
        )

    ends = at(low), at(high)
    if not ends[0].exponent * ends[1].exponent < 0:
        raise UsageError(
            f"{_WHERE}: the exponent is {ends[0].exponent:.3g} at {name} = {low:g} and "
            f"{ends[1].exponent:.3g} at {high:g}; pass between= two values with opposite signs."
        )
    width = _FINE if ends[0].method == ends[1].method == "quadrature" else _COARSE
    value = float(brentq(lambda v: _finite(at(v).exponent), low, high, xtol=width * (high - low)))
    found = at(value)
    # by how much the value moves when the exponent does
    step = 1e-4 * (high - low) if found.method == "quadrature" else 0.02 * (high - low)
    slope = (at(min(value + step, high)).exponent - at(max(value - step, low)).exponent) / (
        2 * step
    )
    error = found.error / abs(slope) if slope else math.inf
    return Critical(name, value, max(error, width * (high - low)), found)


def _finite(value: float) -> float:
    return max(value, -1e3)


def _two(between: Any) -> tuple[float, float]:
    if not isinstance(between, (tuple, list)) or len(between) != 2:
        raise UsageError(
            f"{_WHERE}: between is {shown(between)}; it must be two numbers, the lower one first."
        )
    low, high = (real_number(v, f"{_WHERE}: between") for v in between)
    if not low < high:
        raise UsageError(
            f"{_WHERE}: between is {shown(between)}; it must be two numbers, the lower one first."
        )
    return low, high
