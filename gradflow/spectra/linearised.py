"""A run as the analyses see it: its states, its step Jacobians, and what backpropagates by them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array
from gradflow.codegen.over_time import Pulled
from gradflow.errors import UsageError, shown
from gradflow.given import flag
from gradflow.spectra.numerics.logdomain import Floats

# Jacobians are made this many bytes at a time where a long run streams them.
_CHUNK_BYTES = 2**26

# A step number, counted from 1, or several.
Steps = int | Iterable[int]
# The same along the axis of steps, from 0.
Where = int | slice | NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Linearised(ABC):
    """States of a run over ``T`` steps, batch axes first, and the Jacobians of its steps.

    Every analysis takes this and asks nothing else of what was run, be it one cell or several. The
    abstract methods are what there is to know of that; the others are final.

    Parameters
    ----------
    flat_states
        (..., T + 1, d): the whole state, parts side by side; index 0 is the initial state.
    """

    flat_states: Floats

    @property
    @abstractmethod
    def name(self) -> str:
        """What was run, for labels."""

    @abstractmethod
    def part_sizes(self) -> Mapping[str, int]:
        """Return the number of units of each state part, in flattening order."""

    @abstractmethod
    def one(self, *index: int) -> Self:
        """Return one trajectory of a batch, by its index along each batch axis."""

    @abstractmethod
    def path_jacobians(self) -> dict[str, Floats]:
        """Return by path its share of the step Jacobians (..., T, d, d), which add up to them."""

    @abstractmethod
    def pull_back(self, covector: Floats, *, rows: bool = False) -> Pulled:
        """Return the logs of ``u P(T, T - lag)`` for lag 0 to T, and with ``rows`` directions."""

    @abstractmethod
    def _jacobians(self, where: Where, out: Floats | None = None) -> Floats: ...

    @abstractmethod
    def _vjp(self, u: ArrayLike, where: Where) -> Floats: ...

    @abstractmethod
    def _parameter_vjp(self, u: ArrayLike, where: Where) -> dict[str, Floats]: ...

    @property
    def batch(self) -> tuple[int, ...]:
        """Lengths of the batch axes."""
        return self.flat_states.shape[:-2]

    @property
    def steps(self) -> int:
        """Number of steps ``T``."""
        return int(self.flat_states.shape[-2]) - 1

    @property
    def width(self) -> int:
        """Size ``d`` of the whole state."""
        return int(self.flat_states.shape[-1])

    @cached_property
    def parts(self) -> dict[str, slice]:
        """State part to its slice of the flat state."""
        sizes = self.part_sizes()
        stops = np.cumsum([0, *sizes.values()])
        return {p: slice(int(stops[i]), int(stops[i + 1])) for i, p in enumerate(sizes)}

    @cached_property
    def states(self) -> dict[str, Floats]:
        """State part to (..., T + 1, units); index 0 is the initial state."""
        return {p: self.flat_states[..., s] for p, s in self.parts.items()}

    def require_single(self, what: str) -> None:
        """Raise ``UsageError`` if the trajectory has batch axes."""
        if self.batch:
            raise UsageError(
                f"{what}: needs one trajectory; this one has batch axes {self.batch}, so take "
                "run.one(...) of each."
            )

    def jacobians(self, t: Steps | None = None) -> Floats:
        """Return the step Jacobians ``J_t`` (..., steps, d, d), ``J_t[i, j] = ds_t[i]/ds_t-1[j]``.

        Parameters
        ----------
        t
            Steps, counted from 1 as in the equations: an iterable of whole numbers such as
            ``range(1, T + 1)``, or one number, which leaves the axis of steps out. All by default.

        Raises
        ------
        UsageError
            For a step that the run does not have, or anything but whole numbers (a slice, too,
            since it would count from 0).
        """
        return self._jacobians(self._where("jacobians", t))

    def jacobian(self, t: int) -> Floats:
        """Return ``J_t`` (..., d, d) of one step, counted from 1; see :meth:`jacobians`."""
        return self._jacobians(self._where("jacobian", t))

    def vjp(self, u: ArrayLike, t: Steps | None = None) -> Floats:
        """Return ``u J_t`` for covectors ``u`` (..., steps, d) on the states after steps ``t``.

        ``t`` as in :meth:`jacobians`; for one number ``u`` has no axis of steps.
        """
        return self._vjp(u, self._where("vjp", t))

    def parameter_vjp(self, u: ArrayLike, t: Steps | None = None) -> dict[str, Floats]:
        """Return ``u d+s_t/dtheta`` summed over the steps ``t``; arguments as in :meth:`vjp`."""
        return self._parameter_vjp(u, self._where("parameter_vjp", t))

    def chunks(self, *, overwrite: bool = False) -> Iterator[Floats]:
        """Yield the step Jacobians of one trajectory in blocks (m, d, d), first step first.

        With ``overwrite`` a block may lie in the memory of the one before it.
        """
        self.require_single("chunks")
        overwrite = flag(overwrite, "chunks: overwrite")
        size = min(self.steps, max(1, _CHUNK_BYTES // (8 * self.width**2)))
        memory = np.empty((size, self.width, self.width)) if overwrite else None
        for start in range(0, self.steps, size):
            stop = min(start + size, self.steps)
            out = memory[: stop - start] if memory is not None else None
            yield self._jacobians(slice(start, stop), out)

    def covector(self, gradient: ArrayLike | Mapping[str, ArrayLike]) -> Floats:
        """Return a flat covector (..., d) from one, or from parts with zeros elsewhere."""
        if not isinstance(gradient, Mapping):
            return real_array(gradient, "gradient", "gradient's entries", finite=False, many=True)
        given = {
            p: real_array(v, "gradient", f"entries of part {p!r}", finite=False, many=True)
            for p, v in gradient.items()
        }
        for part, value in given.items():
            if part not in self.parts:
                known = ", ".join(self.parts)
                raise UsageError(f"gradient: no state part {part!r}; there are {known}.")
            size = self.parts[part].stop - self.parts[part].start
            if value.ndim < 1 or value.shape[-1] != size:
                raise UsageError(
                    f"gradient: part {part!r} has shape {value.shape}; its last axis needs {size}."
                )
        lead = np.broadcast_shapes(*(v.shape[:-1] for v in given.values()))
        flat = np.zeros((*lead, self.width))
        for part, value in given.items():
            flat[..., self.parts[part]] = value
        return flat

    def checked_covector(self, gradient: ArrayLike | Mapping[str, ArrayLike]) -> Floats:
        """Return ``covector(gradient)`` once it is finite and fits. Raises ``UsageError``."""
        row = real_array(self.covector(gradient), "gradient", "gradient's entries", many=True)
        batch = self.batch
        lead = row.shape[:-1]
        fits = row.ndim > 0 and row.shape[-1] == self.width and len(lead) <= len(batch)
        if not fits or any(r not in (1, b) for r, b in zip(lead[::-1], batch[::-1], strict=False)):
            raise UsageError(
                f"gradient: it has shape {row.shape} and the states {self.flat_states.shape}; give "
                f"(..., {self.width}), one row a trajectory or one for all."
            )
        return row

    def _where(self, method: str, t: Steps | None) -> Where:
        """Return steps counted from 1 as an index from 0, a view's where they are consecutive."""
        if t is None:
            return slice(0, self.steps)
        try:
            if isinstance(t, np.ma.MaskedArray):
                raise TypeError
            given = np.asarray(list(t) if isinstance(t, Iterable) else t)
        except (TypeError, ValueError):  # an array without an axis, rows of unequal length
            given = np.asarray(None, dtype=object)
        if given.size == 0 and given.ndim == 1:
            return slice(0, 0)
        if given.dtype.kind not in "iu" or given.ndim > 1:
            raise UsageError(
                f"{method}: t is {shown(t)}; give a step number, or several such as "
                f"range(1, {self.steps + 1}), counted from 1."
            )
        missing = given[(given < 1) | (given > self.steps)].ravel()
        if missing.size:
            raise UsageError(
                f"{method}: t={shown(int(missing[0]))}; this run has the steps 1 to {self.steps}."
            )
        if given.ndim == 0:
            return int(given) - 1
        if isinstance(t, range) and t.step == 1:
            return slice(t.start - 1, t.stop - 1)
        return given.astype(np.int64) - 1
