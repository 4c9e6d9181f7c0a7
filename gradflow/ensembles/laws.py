r"""What the weights, biases and inputs of a random network are drawn from, as a limit needs it.

A map of n columns is :math:`W = a\,1 + \sigma G`, the entries of G independent of mean 0 and
variance 1/n. A Haar-orthogonal W has the same fields W v as :math:`\sigma G` with
:math:`\sigma^2 = \langle |Wv|^2 \rangle / |v|^2`, as long as :math:`W^\top` is not used; only the
spectrum of exponents tells them apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradflow.arrays import whole_number
from gradflow.cells.cell import Cell
from gradflow.cells.initializers import Initializer, chrono, constant, gaussian, glorot
from gradflow.errors import UsageError, shown
from gradflow.given import mapping, real_number

_LARGEST = 1e6


@dataclass(frozen=True)
class MapLaw:
    """A random map ``shift * 1 + sigma * G``; ``orthogonal`` where it is a Haar-distributed one."""

    shift: float = 0.0
    sigma: float = 0.0
    orthogonal: bool = False


@dataclass(frozen=True)
class VectorLaw:
    """Independent entries: normal of ``mean`` and ``variance``, or drawn by an initializer."""

    mean: float = 0.0
    variance: float = 0.0
    rule: Initializer | None = None


@dataclass(frozen=True)
class InputLaw:
    """The law of an input's entries: see `white`, `correlated` and `one_hot`, which make it."""

    variance: float = 0.0
    memory: float = 0.0
    symbols: int = 0

    @property
    def second_moment(self) -> float:
        """The mean square of an entry."""
        return 1 / self.symbols if self.symbols else self.variance


def white(variance: float = 1.0) -> InputLaw:
    """Inputs that are independent normal numbers of mean 0 at every step.

    >>> white(2.0).second_moment
    2.0
    """
    return InputLaw(real_number(variance, "white: variance", 0.0, _LARGEST))


def correlated(variance: float = 1.0, memory: float = 0.5) -> InputLaw:
    """Normal inputs whose correlation over k steps is ``memory**k``.

    >>> correlated(1.0, 0.9).memory
    0.9
    """
    return InputLaw(
        real_number(variance, "correlated: variance", 0.0, _LARGEST),
        real_number(memory, "correlated: memory", -1.0, 1.0),
    )


def one_hot(symbols: int) -> InputLaw:
    """One of ``symbols`` entries is 1 at each step, drawn evenly: text without statistics.

    >>> one_hot(4).second_moment
    0.25
    """
    return InputLaw(symbols=whole_number(symbols, "one_hot: symbols", 1, 10**6))


@dataclass(frozen=True, kw_only=True)
class Laws:
    """The laws of everything random in a network of a cell, by name."""

    cell: Cell
    maps: Mapping[str, MapLaw]
    vectors: Mapping[str, VectorLaw]
    inputs: Mapping[str, InputLaw]

    def __hash__(self) -> int:
        tables = (self.maps, self.vectors, self.inputs)
        return hash((self.cell.name, *(tuple(sorted(t.items(), key=str)) for t in tables)))


def read_laws(
    where: str, cell: Cell, gains: Any, biases: Any, inputs: Any, sizes: Any = None
) -> Laws:
    """Return the laws that a caller states, and those of ``cell.init`` for all else.

    ``gains`` is a number or initializer for all recurrent maps or a mapping by name; ``biases`` a
    mapping from vectors and scalars to a number, a pair (mean, variance) or an initializer;
    ``inputs`` a variance or a law, or one by name; ``sizes`` numbers of units by space, where a
    rule depends on them. Raises ``UsageError``.
    """
    drawn = (*cell.parameters, *cell.constant_names)
    maps = [n for n in drawn if n in cell.linear_maps]
    vectors = [n for n in drawn if n not in cell.linear_maps]
    recurrent = cell.recurrent_maps()
    every = dict.fromkeys(recurrent, gains)
    chosen = every if _one(gains) else _named(where, "gains", gains, maps, "laws of maps")
    said = _named(where, "biases", biases, vectors, "laws of vectors and scalars")
    shares = _named(where, "sizes", sizes, cell.sizes, "numbers of units")
    units = {s: whole_number(v, f"{where}: sizes[{s!r}]", 1, 2**31) for s, v in shares.items()}
    found = {}
    for name in maps:
        rule = chosen.get(name)
        if rule is None:
            rule = cell.defaults.get(name, gaussian() if name in recurrent else glorot())
        found[name] = _map_law(f"{where}: gains[{name!r}]", rule, cell.shape_of(name), units)
    held = {n: _vector_law(where, cell, n, said.get(n, cell.defaults.get(n))) for n in vectors}
    given = inputs if isinstance(inputs, Mapping) else dict.fromkeys(cell.input_names, inputs)
    given = _named(where, "inputs", given, cell.input_names, "laws of inputs")
    read = {n: _input_law(f"{where}: inputs", given.get(n, 0.0)) for n in cell.input_names}
    if not isinstance(inputs, Mapping) and not cell.input_names:
        _input_law(f"{where}: inputs", inputs)
    return Laws(cell=cell, maps=found, vectors=held, inputs=read)


def laws_of_init(cell: Cell, choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return gains, biases and sizes for what a caller would say to ``cell.init``.

    Raises ``UsageError`` for ``chrono`` where it ties two biases together.

    >>> from gradflow.cells import get
    >>> laws_of_init(get("lstm"), {"forget_bias": 3.0, "hidden": 64})
    {'gains': {}, 'biases': {'b_f': 3.0}, 'sizes': {'hidden': 64}}
    """
    drawn = (*cell.parameters, *cell.constant_names)
    recurrent = [n for n in cell.recurrent_maps() if n in drawn]
    others = [n for n in drawn if n in cell.linear_maps and n not in recurrent]
    gains: dict[str, Any] = {}
    biases: dict[str, Any] = {}
    sizes: dict[str, Any] = {}
    for name, rule in choices.items():
        held = rule if isinstance(rule, Initializer) else constant(rule)
        if name in ("recurrent", "input_maps"):
            of = recurrent if name == "recurrent" else others
            gains = {**dict.fromkeys(of, held), **gains}
        elif name == "forget_bias":
            biases[cell.forget_bias] = rule
        elif name == "chrono":
            if cell.declaration.input_bias:
                raise UsageError(
                    f"mean_field: chrono ties {cell.declaration.input_bias} to "
                    f"{cell.forget_bias}, and laws are of independent entries; give both by name."
                )
            biases[cell.forget_bias] = chrono(rule)
        elif name in ("inputs", *cell.sizes):
            sizes["input" if name == "inputs" else name] = rule
        elif name in cell.linear_maps:
            gains[name] = held
        else:
            biases[name] = rule
    return {"gains": gains, "biases": biases, "sizes": sizes}


def _one(gains: Any) -> bool:
    return gains is not None and not isinstance(gains, Mapping)


def _named(where: str, what: str, given: Any, known: Any, holds: str) -> Mapping[str, Any]:
    table = {} if given is None else mapping(given, f"{where}: {what}", holds)
    for name in table:
        if name not in known:
            raise UsageError(
                f"{where}: {what} names {shown(name)}; the cell has {', '.join(known) or 'none'}."
            )
    return table


def _map_law(where: str, rule: Any, shape: tuple[str, ...], units: Mapping[str, int]) -> MapLaw:
    if isinstance(rule, tuple) and len(rule) == 2:
        a, sigma = (real_number(v, where, -_LARGEST, _LARGEST) for v in rule)
        return _square(where, MapLaw(a, abs(sigma)), shape)
    if not isinstance(rule, Initializer):
        return MapLaw(0.0, real_number(rule, where, 0.0, _LARGEST))
    rows, columns = (units.get(space, 1) for space in shape)
    match rule.rule, rule.values:
        case "gaussian", (g,):
            return MapLaw(0.0, abs(g))
        case "glorot", ():
            return MapLaw(0.0, math.sqrt(2 * columns / (rows + columns)))
        case "orthogonal", (g,):
            return MapLaw(0.0, abs(g) * math.sqrt(columns / max(rows, columns)), orthogonal=True)
        case "identity", (a,):
            return _square(where, MapLaw(a, 0.0), shape)
        case "constant", (value,) if value == 0:
            return MapLaw()
        case "identity_plus_noise", (a, std) if shape[1] in units:
            return _square(where, MapLaw(a, std * math.sqrt(columns)), shape)
        case "identity_plus_noise", _:
            raise UsageError(
                f"{where} is {rule}, whose noise grows with the number of units; pass "
                f"sizes={{{shape[1]!r}: 100}}, or a pair (a, sigma)."
            )
    raise UsageError(
        f"{where} is {rule}, whose entries do not fall as the units grow, so it has no limit; use "
        "gaussian, glorot, orthogonal, identity or a pair (a, sigma)."
    )


def _square(where: str, law: MapLaw, shape: tuple[str, ...]) -> MapLaw:
    if law.shift and shape[0] != shape[1]:
        raise UsageError(
            f"{where} has a multiple of the identity and goes from {shape[1]} to {shape[0]}; a map "
            "between two sizes takes gaussian, glorot or orthogonal."
        )
    return law


def _vector_law(where: str, cell: Cell, name: str, rule: Any) -> VectorLaw:
    where = f"{where}: biases[{name!r}]"
    if rule is None:
        if name in cell.constant_names:
            raise UsageError(
                f"{where}: the constant has no default; pass biases={{{name!r}: ...}}."
            )
        rule = constant(0.0)
    if isinstance(rule, tuple) and len(rule) == 2:
        mean = real_number(rule[0], where, -_LARGEST, _LARGEST)
        return VectorLaw(mean, real_number(rule[1], f"{where}, its variance", 0.0, _LARGEST))
    if not isinstance(rule, Initializer):
        return VectorLaw(real_number(rule, where, -_LARGEST, _LARGEST))
    if rule.rule == "constant":
        return VectorLaw(rule.values[0])
    if rule.rule == "gaussian":  # of standard deviation g / sqrt(n), which is 0 in the limit
        return VectorLaw()
    if rule.rule in ("chrono", "clock_periods"):
        return VectorLaw(rule=rule)
    raise UsageError(f"{where} is {rule}, which is for maps; pass (mean, variance) or a number.")


def _input_law(where: str, law: Any) -> InputLaw:
    return law if isinstance(law, InputLaw) else InputLaw(real_number(law, where, 0.0, _LARGEST))
