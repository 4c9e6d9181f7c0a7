"""What generated source calls over arrays of any library of the Python array API standard.

The standard (data-apis.org/array-api, version 2023.12 and later) is the common part of NumPy,
torch, JAX and CuPy. Nothing here writes into an array or looks at a value, so a library's own
differentiation, vectorisation and compilation pass through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
from scipy.special import erf, erfc, expit

from gradflow.cells.cell import Cell
from gradflow.codegen.frameworks import library_jax
from gradflow.codegen.frameworks.blocks import assemble
from gradflow.codegen.frameworks.source import elementwise, from_elsewhere
from gradflow.codegen.frameworks.special import (
    one_over_cosh,
    series_erf,
    series_erf_rest,
    two_sided_sigmoid,
)
from gradflow.errors import UsageError

Array = Any


def array_api() -> Any:
    """Return the package that makes every library follow the standard.

    Raises ``UsageError`` if it is not installed.
    """
    try:
        import array_api_compat
    except ModuleNotFoundError:
        raise UsageError(
            "backend 'array-api': the package array-api-compat, through which arrays of any "
            "library are reached, is not installed; run: pip install array-api-compat"
        ) from None
    return array_api_compat


def operations(cell: Cell, values: Iterable[Any]) -> Operations:
    """Return the operations of the library, number type and device that ``values`` have.

    NumPy arrays, lists and numbers go along with any other library. The number type is that of the
    library's own floating arrays, float64 for lists alone.

    Raises
    ------
    UsageError
        If arrays come from two libraries besides NumPy, or lie on two devices.
    """
    api = array_api()
    arrays = [v for v in values if api.is_array_api_obj(v)]
    own = [a for a in arrays if not api.is_numpy_array(a) and not isinstance(a, np.generic)]
    own = own or arrays
    if not own:
        library = api.array_namespace(np.zeros(1))
        return Operations(library, library.float64, None)
    try:
        library = api.array_namespace(*own)
    except TypeError:
        found = ", ".join(sorted({type(a).__module__.split(".")[0] for a in own}))
        raise UsageError(
            f"cell {cell.name!r}: arrays of several libraries in one call ({found}); pass arrays "
            "of one of them, beside it only NumPy's."
        ) from None
    kinds: list[Any] = []
    for a in own:
        if a.dtype not in kinds and library.isdtype(a.dtype, "real floating"):
            kinds.append(a.dtype)
    if kinds:
        dtype = library.result_type(*kinds)
    else:
        dtype = library.float64 if api.is_numpy_namespace(library) else library.asarray(0.0).dtype
    return Operations(library, dtype, _device(cell, api, library, own))


def _device(cell: Cell, api: Any, library: Any, arrays: list[Array]) -> Any:
    if api.is_jax_namespace(library) or api.is_numpy_namespace(library):
        return None  # JAX places arrays itself, and a traced one has no place yet
    found: list[Any] = []
    for device in map(api.device, arrays):
        if device not in found:
            found.append(device)
    if len(found) > 1:
        raise UsageError(
            f"cell {cell.name!r}: arrays lie on several devices ({', '.join(map(str, found))}); "
            "move them to one."
        )
    return found[0]


@dataclass(frozen=True)
class Operations:
    """The names generated source uses, for one library, number type and device."""

    library: Any
    dtype: Any
    device: Any
    pi = math.pi

    def __getattr__(self, name: str) -> Callable[..., Array]:
        """Return a function of the language that is no method here; a loop asks at every step."""
        function = elementwise(name)
        if function is None:
            raise AttributeError(name)
        if function.array_api.isidentifier():
            found = getattr(self.library, function.array_api)
        else:
            found = partial(from_elsewhere(function), self)
        vars(self)[name] = made = lambda *values: found(*map(self.array, values))
        return made

    def logical_not(self, condition: Any) -> Array:
        """Return where a condition does not hold."""
        return self.library.logical_not(self.array(condition))

    def array(self, value: Any) -> Array:
        """Return an array as it is, a plain number as an array."""
        if isinstance(value, bool):
            return self.library.asarray(value, device=self.device)
        if isinstance(value, (int, float)):
            return self.library.asarray(float(value), dtype=self.dtype, device=self.device)
        return value

    def asarray(self, value: Any) -> Array:
        """Return numbers of any kind as an array of this library, type and device."""
        api = array_api()
        if api.is_array_api_obj(value) and api.array_namespace(value) is self.library:
            if value.dtype == self.dtype:
                return value
            if not self.library.isdtype(value.dtype, ("bool", "integral", "real floating")):
                raise TypeError("no real numbers")
            return self.library.astype(value, self.dtype)
        host = np.array(np.asarray(value), dtype=np.float64)  # torch wants it writable
        return self.library.asarray(host, dtype=self.dtype, device=self.device)

    @cached_property
    def is_torch(self) -> bool:
        """Whether the library is torch, whose words for cutting have cheap derivatives."""
        return bool(array_api().is_torch_namespace(self.library))

    @property
    def fuses(self) -> bool:
        """Whether loops and sums are compiled into one, as JAX does under ``jit``."""
        return bool(array_api().is_jax_namespace(self.library))

    def ratio(self, p: int, q: int) -> float:
        """Return the nearest float to ``p / q``."""
        return p / q

    def index(self, size: int) -> Array:
        """Return the numbers 0, 1, ... of ``size`` units."""
        return self.library.arange(size, dtype=self.dtype, device=self.device)

    def ones(self, shape: tuple[int, ...]) -> Array:
        """Return ones."""
        return self.library.ones(shape, dtype=self.dtype, device=self.device)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        return self.library.zeros(shape, dtype=self.dtype, device=self.device)

    def broadcast_to(self, value: Any, shape: tuple[int, ...]) -> Array:
        """Return ``value`` in a larger shape."""
        value = self.array(value)
        return value if tuple(value.shape) == shape else self.library.broadcast_to(value, shape)

    def spread(self, value: Any, size: int) -> Array:
        """Return one value (..., 1), or a plain number, copied to ``size`` units."""
        value = self.array(value)
        return self.library.broadcast_to(value, (*value.shape[:-1], size))

    def flat(self, parts: Iterable[Array], lead: tuple[int, ...]) -> Array:
        """Return parts (..., units) side by side, each with the leading axes ``lead``."""
        full = [self.broadcast_to(p, (*lead, p.shape[-1])) for p in parts]
        return full[0] if len(full) == 1 else self.library.concat(full, axis=-1)

    def total_units(self, value: Array) -> Array:
        """Return the sum over units, (..., 1)."""
        return self.library.sum(value, axis=-1, keepdims=True)

    def largest_unit(self, value: Array) -> Array:
        """Return the largest unit, (..., 1)."""
        return self.library.max(value, axis=-1, keepdims=True)

    def where(self, condition: Any, a: Any, b: Any) -> Array:
        """Return ``a`` where the condition holds and ``b`` elsewhere."""
        return self.library.where(self.array(condition), self.array(a), self.array(b))

    def maximum(self, a: Any, b: Any) -> Array:
        """Return the larger value, nan for nan; at a tie a derivative goes to the second."""
        a, b = self.array(a), self.array(b)
        return self.library.where((a > b) | self.library.isnan(a), a, b)

    def minimum(self, a: Any, b: Any) -> Array:
        """Return the smaller value, nan for nan; at a tie a derivative goes to the second."""
        a, b = self.array(a), self.array(b)
        return self.library.where((a < b) | self.library.isnan(a), a, b)

    def absolute(self, a: Any) -> Array:
        """Return ``|a|``, with derivative 0 at 0 (JAX's own has 1 there)."""
        a = self.array(a)
        return a * self.library.sign(a)

    def softplus(self, a: Any) -> Array:
        """Return ``log(1 + exp(a))`` without overflow."""
        return self.library.logaddexp(self.array(a), self.array(0.0))

    def sigmoid(self, a: Any) -> Array:
        """Return ``1 / (1 + exp(-a))`` without overflow, accurate in both tails."""
        return _special(self.library, "sigmoid")(self.array(a))

    def sigmoid_rest(self, a: Any) -> Array:
        """Return ``1 - sigmoid(a)``, whose digits the subtraction would lose."""
        return self.sigmoid(-self.array(a))

    def tanh_slope(self, a: Any) -> Array:
        """Return ``1 - tanh(a)^2``, whose digits the subtraction would lose."""
        return one_over_cosh(self.library, self.array(a)) ** 2

    def erf(self, a: Any) -> Array:
        """Return the error function: the library's own, or a series in standard functions."""
        return _special(self.library, "erf")(self.array(a))

    def erf_rest(self, a: Any) -> Array:
        """Return ``1 - erf(a)``, whose digits the subtraction would lose."""
        return _special(self.library, "erf_rest")(self.array(a))

    def outer(self, adjoint: Array, operand: Array, keep: bool) -> Array:
        """Return ``adjoint operand^T``; see :func:`products.outer` of NumPy."""
        if keep:
            return adjoint[..., :, None] * operand[..., None, :]
        lead = np.broadcast_shapes(adjoint.shape[:-1], operand.shape[:-1])
        return self._rows(adjoint, lead).T @ self._rows(operand, lead)

    def total(self, adjoint: Array, keep: bool) -> Array:
        """Return ``adjoint`` (..., n) summed over leading axes, or unchanged with ``keep``."""
        if keep:
            return adjoint
        return self.library.sum(self._rows(adjoint, tuple(adjoint.shape[:-1])), axis=0)

    def _rows(self, value: Array, lead: tuple[int, ...]) -> Array:
        units = value.shape[-1]
        full = self.library.broadcast_to(value, (*lead, units))
        return self.library.reshape(full, (math.prod(lead), units))

    def scan(
        self,
        step: Callable[[Any, tuple[Array, ...]], tuple[Any, tuple[Array, ...]]],
        carry: Any,
        sequences: tuple[Array, ...],
        reverse: bool = False,
    ) -> tuple[Any, Array]:
        """Return the last ``carry``, and the results of ``step(carry, now)`` as (..., T, d).

        The results of a step, each (..., units), lie side by side. ``now`` are the entries (...,
        units) of ``sequences`` (..., T, units), one step after another, the last first if
        ``reverse``; in JAX by ``lax.scan``.
        """
        if self.fuses:
            carry, found = library_jax.scan(step, carry, sequences, reverse)
            return carry, self.library.concat(list(found), axis=-1)
        results: list[tuple[Array, ...]] = []
        # taken apart at once: differentiated, an entry by its index costs a whole sequence of zeros
        steps = list(zip(*map(self.apart, sequences), strict=True))
        for now in reversed(steps) if reverse else steps:
            carry, result = step(carry, now)
            results.append(result)
        told = results[::-1] if reverse else results
        lead, width = told[0][0].shape[:-1], sum(part.shape[-1] for part in told[0])
        # one copy of all parts of all steps; a stack of each part would be copied once more
        flat = self.library.concat([part for parts in told for part in parts], axis=-1)
        return carry, self.library.reshape(flat, (*lead, len(told), width))

    def apart(self, value: Array) -> tuple[Array, ...]:
        """Return the entries (..., units) of a sequence (..., T, units)."""
        if self.is_torch:  # whose unbind can be vectorised
            return tuple(self.library.unbind(value, -2))
        return tuple(self.library.unstack(value, axis=-2))

    def pieces(self, value: Array, count: int) -> tuple[Array, ...]:
        """Return so many equal pieces (..., units) of an array (..., count units)."""
        if self.is_torch:
            return tuple(self.library.chunk(value, count, -1))
        shape = (*value.shape[:-1], count, value.shape[-1] // count)
        return self.apart(self.library.reshape(value, shape))

    def fill_blocks(self, shape: tuple[int, ...], *blocks: tuple[Any, ...]) -> Array:
        """Return the matrices of ``shape`` (..., d, d') that :func:`assemble` makes."""
        return assemble(self, shape, blocks)


@lru_cache(maxsize=16)
def _special(library: Any, name: str) -> Callable[[Array], Array]:
    """Return a function the standard lacks: the library's own where its derivative counts."""
    api = array_api()
    if api.is_numpy_namespace(library):
        scipy = {"sigmoid": expit, "erf": erf, "erf_rest": erfc}[name]
        return lambda a: library.asarray(scipy(a))
    if api.is_torch_namespace(library):
        own: Callable[[Array], Array] = getattr(library, "erfc" if name == "erf_rest" else name)
        return own
    if api.is_jax_namespace(library):
        return library_jax.special(name)
    standard = {"sigmoid": two_sided_sigmoid, "erf": series_erf, "erf_rest": series_erf_rest}
    return partial(standard[name], library)
