"""A run as the analyses see it: its states, its step Jacobians, and what backpropagates by them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array
from gradflow.codegen.logarithms.numbers import Logs
from gradflow.codegen.logarithms.steps import LEAST
from gradflow.codegen.over_time import Pulled
from gradflow.errors import UsageError, shown
from gradflow.given import flag
from gradflow.memory import CHUNK, FLOAT, budget, require
from gradflow.spectra.faults.fault import Fault
from gradflow.spectra.numerics.logdomain import Floats

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
    def until(self, t: int) -> Self:
        """Return the run as far as the state after step ``t``, counted from 1."""

    @abstractmethod
    def pull_back(self, covector: Floats, *, rows: bool = False) -> Pulled:
        """Return the logs of ``u P(T, T - lag)`` for lag 0 to T, and with ``rows`` directions."""

    @abstractmethod
    def fault(self) -> Fault | None:
        """Return where a derivative first stops being finite, ``None`` where none does."""

    @abstractmethod
    def log_least(self) -> Floats:
        """Return (..., T) a log below which no entry of the step's Jacobian lies but zeros."""

    @abstractmethod
    def log_path_jacobians(self, where: NDArray[np.int64]) -> dict[str, Logs]:
        """Return `path_jacobians` of some steps of one trajectory, from 0, in logarithms."""

    @abstractmethod
    def _jacobians(self, where: Where, out: Floats | None = None) -> Floats: ...

    @abstractmethod
    def _path_jacobians(self, where: Where) -> dict[str, Floats]: ...

    @abstractmethod
    def _vjp(self, u: ArrayLike, where: Where) -> Floats: ...

    @abstractmethod
    def _parameter_vjp(self, u: ArrayLike, where: Where) -> dict[str, Floats]: ...

    def in_doubt(self) -> NDArray[np.bool_]:
        """Return (..., T): where an entry of the step's Jacobian may have underflowed to zero."""
        return np.asarray(self.log_least() < LEAST)

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
        where = self._where("jacobians", t)
        self._require_steps(
            self._count(where),
            "jacobians",
            "ask for fewer steps at once, or go through run.chunks()",
        )
        return self._jacobians(where)

    def path_jacobians(self, t: Steps | None = None) -> dict[str, Floats]:
        """Return by path its share of the step Jacobians (..., steps, d, d): they add up to them.

        ``t`` as in :meth:`jacobians`.
        """
        where = self._where("path_jacobians", t)
        # one of each is made to see how many there are
        paths = len(self._path_jacobians(slice(0, 1)))
        self._require_steps(
            self._count(where), "path_jacobians", "ask for fewer steps at once", paths
        )
        return self._path_jacobians(where)

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

    def chunks(self, *, overwrite: bool = False, backward: bool = False) -> Iterator[Floats]:
        """Yield the step Jacobians in blocks (..., m, d, d), first step first.

        With ``overwrite`` a block may lie in the memory of the one before it. With ``backward`` the
        block of the last steps comes first, the steps within it still in order.
        """
        overwrite = flag(overwrite, "chunks: overwrite")
        backward = flag(backward, "chunks: backward")
        self._require_steps(1, "chunks", "take fewer trajectories at once, by run.one(...)")
        pieces = self._pieces(self.steps, backward=backward)
        shape = (*self.batch, pieces[0].stop - pieces[0].start, self.width, self.width)
        memory = np.empty(shape) if overwrite else None
        for piece in pieces:
            length = piece.stop - piece.start
            out = memory[..., :length, :, :] if memory is not None else None
            yield self._jacobians(piece, out)

    def _path_chunks(self) -> Iterator[tuple[Floats, dict[str, Floats]]]:
        """Yield step Jacobians and their shares by path, in blocks from the last steps back."""
        paths = 1 + len(self._path_jacobians(slice(0, 1)))
        self._require_steps(1, "paths", "take fewer trajectories at once, by run.one(...)", paths)
        for piece in self._pieces(self.steps, backward=True, of=paths):
            yield self._jacobians(piece), self._path_jacobians(piece)

    def _pieces(self, count: int, *, backward: bool = False, of: int = 1) -> list[slice]:
        """So many steps in slices, so short that ``of`` Jacobians for each are a block."""
        size = max(1, CHUNK // (of * self._bytes_of_one()))
        first = count % size if backward else 0
        starts = [*([0] if first else []), *range(first, count, size)] or [0]
        stops = [*starts[1:], count]
        pieces = [slice(*ends) for ends in zip(starts, stops, strict=True)]
        return pieces[::-1] if backward else pieces

    def _bytes_of_one(self) -> int:
        return FLOAT * math.prod(self.batch) * self.width**2

    def _require_steps(self, count: int, where: str, instead: str, copies: float = 1) -> None:
        """Raise ``UsageError`` if so many Jacobians a trajectory are more than memory may hold."""
        of = f" of {math.prod(self.batch)} trajectories" if self.batch else ""
        steps = f"{count} steps" if count != 1 else "one step"
        require(
            math.ceil(copies * count * self._bytes_of_one()),
            where,
            f"the Jacobians of {steps}{of}, {self.width} x {self.width} numbers each,",
            instead,
        )

    def _most_steps(self, copies: float) -> int:
        """Return of how many steps memory may hold the Jacobians so many times."""
        return int(budget() / copies) // self._bytes_of_one()

    def _count(self, where: Where) -> int:
        if isinstance(where, slice):
            return int(where.stop - where.start)
        return int(np.size(where))

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
