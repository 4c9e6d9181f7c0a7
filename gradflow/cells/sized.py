"""The arrays of a cell together with the sizes that no array shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

__all__ = ["Sized", "sized_as", "told_sizes"]


class Sized(dict[str, Any]):
    """A dict of a cell's arrays by name that remembers sizes, where no array has them.

    A state part that is read by fixed maps alone, say, leaves no trace in the parameters, and a
    cell of scalars only leaves none at all. ``cell.init`` returns this for such cells and a plain
    dict for others. ``|`` and ``copy`` keep the sizes; ``dict(params)`` and ``{**params}`` forget.

    Attributes
    ----------
    sizes : dict
        Number of units of such spaces, by name.

    >>> import gradflow as gf
    >>> cell = gf.Cell(name="map", state="y", scalars="a", equations="y_next = a * y")
    >>> params = cell.init(hidden=2, a=0.5)
    >>> params, (params | {"a": 0.1}).sizes
    ({'a': array([0.5])}, {'hidden': 2})
    """

    sizes: dict[str, int]

    def __init__(self, arrays: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        """Take the arrays and the sizes that they do not show."""
        super().__init__(arrays)
        self.sizes = dict(sizes)

    def __or__(self, other: Any) -> Self:  # type: ignore[override]
        """Return these arrays with others in place of some, of the same sizes."""
        return type(self)({**self, **other}, self.sizes)

    def copy(self) -> Self:
        """Return the same arrays, and sizes, in a new dict."""
        return type(self)(self, self.sizes)


def told_sizes(params: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes that a mapping of arrays remembers, none for most."""
    return dict(params.sizes) if isinstance(params, Sized) else {}


def sized_as(params: Mapping[str, Any], arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``arrays`` as a dict that remembers what ``params`` does."""
    told = told_sizes(params)
    return Sized(arrays, told) if told else dict(arrays)
