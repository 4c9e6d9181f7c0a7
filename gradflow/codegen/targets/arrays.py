"""How arrays enter compiled functions and leave them: NumPy's here, other libraries' elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gradflow.arrays import real_array, real_numbers, writable
from gradflow.errors import UsageError

Array = Any


class Arrays(Protocol):
    """How the arrays of one kind are taken in, and put together again."""

    def take(self, value: Any, where: str, what: str) -> Array:
        """Return numbers as an array of the kind. Raises ``UsageError`` for what is none."""

    def broadcast_to(self, value: Array, shape: tuple[int, ...]) -> Array:
        """Return an array in a larger shape, to be read only."""

    def whole(self, value: Array | None, shape: tuple[int, ...]) -> Array:
        """Return an array, or zeros, in a larger shape, to be handed out."""

    def flat(self, parts: Sequence[Array], widths: Sequence[int], lead: tuple[int, ...]) -> Array:
        """Return parts (..., units) side by side with the leading axes ``lead``."""

    def stack(self, values: Sequence[Array], axis: int) -> Array:
        """Return arrays of one shape as one, along a new axis."""

    def call(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Return what a compiled function makes of arrays."""

    def matrices(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        shape: tuple[int, ...],
        out: Array | None,
        where: str,
    ) -> Array:
        """Return the matrices of ``shape`` of a compiled function, written into ``out`` if given.

        Raises ``UsageError`` where nothing can be written into ``out``.
        """


@dataclass(frozen=True)
class InPlace:
    """NumPy arrays, of floats or of objects that count as numbers; results are written in place.

    ``asarray``, ``empty`` and ``floats`` as in :class:`Target`.
    """

    asarray: Callable[[Any], Any]
    empty: Callable[[tuple[int, ...]], Any]
    floats: bool

    def take(self, value: Any, where: str, what: str) -> Array:
        """Return numbers as an array of the kind; see :class:`Arrays`."""
        if self.floats:
            return real_array(value, where, what, finite=False)
        if getattr(value, "dtype", None) != np.dtype(object):
            return self.asarray(real_numbers(value, where, what))
        try:
            return self.asarray(value)
        except (TypeError, ValueError):
            raise UsageError(
                f"{where}: {what} is no array of real numbers but object; pass floats."
            ) from None

    def broadcast_to(self, value: Array, shape: tuple[int, ...]) -> Array:
        """Return a view in a larger shape."""
        return np.broadcast_to(value, shape)

    def whole(self, value: Array | None, shape: tuple[int, ...]) -> Array:
        """Return a new array, of zeros by default."""
        zero = self.asarray(np.zeros(shape))
        return zero if value is None else value + zero

    def flat(self, parts: Sequence[Array], widths: Sequence[int], lead: tuple[int, ...]) -> Array:
        """Return parts (..., units) side by side in a new array."""
        out = self.empty((*lead, sum(widths)))
        start = 0
        for part, width in zip(parts, widths, strict=True):
            out[..., start : start + width] = part
            start += width
        return out

    def stack(self, values: Sequence[Array], axis: int) -> Array:
        """Return arrays of one shape as one, along a new axis."""
        return np.stack(values, axis)

    def call(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Return what a compiled function makes of arrays."""
        return function(*arguments)

    def matrices(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        shape: tuple[int, ...],
        out: Array | None,
        where: str,
    ) -> Array:
        """Return the matrices of ``shape``, in ``out`` or a new array."""
        if out is None:
            return function(*arguments, self.empty(shape))
        dtype = np.float64 if self.floats else np.object_
        return function(*arguments, writable(out, shape, where, dtype))
