r"""What the weights of a random network are drawn from, as plain data and as sentences.

The data is all that a statement about such networks depends on beside the cell, so a bundle that
holds it can be compared with what gradflow states.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from gradflow.cells.initializers import Initializer, orthogonal
from gradflow.cells.language.syntax import symbol
from gradflow.ensembles.laws import InputLaw, Laws, MapLaw, VectorLaw

__all__ = ["arguments", "data_of", "sentences"]

_KIND = "laws"


def data_of(laws: Laws) -> dict[str, Any]:
    """Return laws as evidence: plain data of the kind ``laws``."""
    return {
        "kind": _KIND,
        "maps": {n: [law.shift, law.sigma, law.orthogonal] for n, law in laws.maps.items()},
        "vectors": {n: _of_vector(law) for n, law in laws.vectors.items()},
        "inputs": {n: [law.variance, law.memory, law.symbols] for n, law in laws.inputs.items()},
    }


def _of_vector(law: VectorLaw) -> list[Any]:
    return [law.mean, law.variance] if law.rule is None else [law.rule.rule, *law.rule.values]


def arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of :func:`gradflow.mean_field` that state such laws.

    Raises ``KeyError``, ``TypeError`` or ``ValueError`` where the data has another form.
    """
    maps = {n: (float(a), float(s), bool(o)) for n, (a, s, o) in data["maps"].items()}
    inputs = {n: (float(v), float(m), int(k)) for n, (v, m, k) in data["inputs"].items()}
    return {
        "gains": {n: orthogonal(s) if o else (a, s) for n, (a, s, o) in maps.items()},
        "biases": {n: _vector(*law) for n, law in data["vectors"].items()},
        "inputs": {n: InputLaw(v, m, k) for n, (v, m, k) in inputs.items()},
    }


def _vector(first: Any, *rest: Any) -> Any:
    if isinstance(first, str):
        return Initializer(first, tuple(map(float, rest)))
    (variance,) = rest
    return float(first), float(variance)


def sentences(laws: Laws) -> tuple[str, ...]:
    """Return what is assumed of a network with such laws, a sentence each."""
    found = ["weights and biases are drawn afresh at every step, all entries independent"]
    found += [_map(n, law) for n, law in laws.maps.items()]
    found += [_entries(n, law) for n, law in laws.vectors.items()]
    found += [_input(n, law) for n, law in laws.inputs.items()]
    return (*found, "the number of units goes to infinity first, then that of steps")


def _exact(value: float) -> str:
    """Return a number in as few digits as read back the same."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _named(name: str) -> str:
    return f"${sp.latex(symbol(name))}$"


def _map(name: str, law: MapLaw) -> str:
    if law.orthogonal:
        return f"{_named(name)} is {_exact(law.sigma)} times an orthogonal matrix, evenly drawn"
    noise = (
        f"entries of mean 0 and standard deviation ${_exact(law.sigma)}/\\sqrt{{n}}$, n its columns"
        if law.sigma
        else ""
    )
    own = f"{_exact(law.shift)} times the identity" if law.shift else ""
    return f"{_named(name)} has {' beside '.join(filter(None, (noise, own))) or 'entries 0'}"


def _entries(name: str, law: VectorLaw) -> str:
    if law.rule is not None:
        return f"the entries of {_named(name)} are drawn by {law.rule}"
    spread = f"normal of mean {_exact(law.mean)} and variance {_exact(law.variance)}"
    return f"the entries of {_named(name)} are {spread if law.variance else _exact(law.mean)}"


def _input(name: str, law: InputLaw) -> str:
    if law.symbols:
        return f"the input {_named(name)} is one of {law.symbols} symbols, evenly drawn"
    if not law.variance:
        return f"the input {_named(name)} is 0"
    memory = f", correlated over k steps by $({_exact(law.memory)})^k$" if law.memory else ""
    return f"the input {_named(name)} is normal noise of variance {_exact(law.variance)}{memory}"
