"""What a backend brings: how a routine is printed, how its source runs, which arrays it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from gradflow.cells.cell import Cell
from gradflow.codegen.lowering.routine import Routine
from gradflow.codegen.printing.vectorised import routine_lines
from gradflow.codegen.targets.arrays import Arrays, InPlace

Array = Any
Functions = Mapping[str, Callable[..., Any]]
# of a cell, the text of routines, the routines
Build = Callable[[Cell, str, Sequence[Routine]], Functions]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a loop over time works on.

    ``states`` (trajectories, T + 1, d) float64 and contiguous, ``inputs`` by name (trajectories, T,
    units), bound ``params``, the ``sizes`` of all spaces, the number of the first step. ``once``
    keeps what a loop makes of parameters and sizes alone, by a key, from run to run.
    """

    states: Any
    inputs: Mapping[str, Any]
    params: Mapping[str, Any]
    sizes: Mapping[str, int]
    first_step: int
    once: Callable[[Any, Callable[[], Any]], Any]


# of (start, stop, frame, log_size, exponent): see ``Loops.push``
Advance = Callable[..., None]


@dataclass(frozen=True, kw_only=True)
class Loops:
    """The loops over time of one cell, which work in place on what a :class:`Run` holds.

    Parameters
    ----------
    forward
        ``forward(run)`` fills the states from the first on.
    pullback
        ``pullback(run, u, log_norm, log_part, rows)`` takes ``u`` (trajectories, d) back; writes
        natural logs of lengths, (trajectories, T + 1) and (trajectories, parts, T + 1), lag 0
        first, and directions ``rows`` (trajectories, T + 1, d), or the last alone (trajectories,
        1, d).
    push
        ``push(run)`` gives a function ``advance(start, stop, frame, log_size, exponent)``: it fills
        the states from ``start + 1`` to ``stop``, replaces ``frame`` (trajectories k, d) by its
        image over ``2**exponent`` (trajectories,), to which it adds, and writes the natural logs of
        the frames' Frobenius norms after each step, ``log_size`` (trajectories, stop - start).
    push_known
        The same where the states are there.
    tape_width
        Entries a step and trajectory of a tape from these sizes; ``None`` where there is no tape.
    taped
        ``taped(run, tape)`` is ``forward`` and fills a tape (T, trajectories, width).
    replay
        ``replay(run, u, log_norm, log_part, rows, tape)`` is ``pullback`` with a filled tape.
    """

    forward: Callable[..., None]
    pullback: Callable[..., None]
    push: Callable[[Run], Advance]
    push_known: Callable[[Run], Advance]
    tape_width: Callable[[Mapping[str, int]], int] | None = None
    taped: Callable[..., None] | None = None
    replay: Callable[..., None] | None = None


def array_text(cell: Cell, routine: Routine) -> str:
    """Print a routine over arrays with any leading axes."""
    return "\n".join([*routine_lines(cell, routine), ""])


def run_text(text: str, namespace: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Execute source generated for the cell ``name``; return all names that are then defined."""
    names = dict(namespace)
    exec(compile(text, f"<gradflow {name}>", "exec"), names)
    return names


def run_source(names: Callable[[], Mapping[str, Any]]) -> Build:
    """Return a ``build`` that executes the source among the ``names`` its header gives."""

    def build(cell: Cell, source: str, routines: Sequence[Routine]) -> Functions:
        found = run_text(source, names(), cell.name)
        return {routine.name: found[routine.name] for routine in routines}

    return build


@dataclass(frozen=True, kw_only=True)
class Target:
    """An arithmetic in which generated source runs; equal where name and digits are.

    Parameters
    ----------
    name
        The word by which ``gradflow.compile(cell, backend=...)`` knows it.
    header
        First lines of the source of a cell of this name: where its names come from.
    build
        Turns the text of routines into functions by name. They take arrays whose leading axes
        broadcast: state parts, inputs, step number, parameters, constants, what the routine adds.
    asarray
        Converts numbers and arrays to the target's own.
    empty
        Makes an array of a shape.
    digits
        Decimal digits, where the target has a choice of them.
    floats
        Whether its arrays are NumPy's float64, so that arrays of these need no conversion.
    loops
        The loops over time of a cell, where the target has them.
    text
        Prints one routine.
    library
        Where arrays of several kinds are taken: ``library(cell, values)`` gives the kind that a
        call with these values works in.
    pullback
        Backpropagation as one function of an ``Arrays``, where the target has it; see
        :meth:`gradflow.codegen.bound.Bound.pullback`.
    """

    name: str
    header: Callable[[str], str] = field(compare=False, repr=False)
    build: Build = field(compare=False, repr=False)
    asarray: Callable[[Any], Any] = field(compare=False, repr=False)
    empty: Callable[[tuple[int, ...]], Any] = field(compare=False, repr=False)
    digits: int = 16
    floats: bool = False
    loops: Callable[[Cell], Loops] | None = field(compare=False, repr=False, default=None)
    text: Callable[[Cell, Routine], str] = field(compare=False, repr=False, default=array_text)
    library: Callable[[Cell, Iterable[Any]], Arrays] | None = field(
        compare=False, repr=False, default=None
    )
    pullback: Callable[..., Array] | None = field(compare=False, repr=False, default=None)

    def arrays(self, cell: Cell, values: Iterable[Any]) -> Arrays:
        """Return the kind of arrays that a call with these values works in."""
        if self.library is None:
            return self._in_place
        return self.library(cell, values)

    @cached_property
    def _in_place(self) -> InPlace:
        return InPlace(self.asarray, self.empty, self.floats)


def _everywhere() -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A target by its name in ``backend=``, and what it costs to begin with it.

    Parameters
    ----------
    target
        Makes the target that computes with so many decimal digits.
    installed
        Whether what it runs on is installed.
    compiled
        Where its code is compiled before it runs: ``compiled(code, kernels)`` says whether that
        has been done for these functions of a cell's code, so that they run at once.
    seconds
        What a compilation takes, roughly.
    """

    target: Callable[[int], Target]
    installed: Callable[[], bool] = _everywhere
    compiled: Callable[[Any, Sequence[str]], bool] | None = None
    seconds: float = 0.0


class Compiled(Protocol):
    """What there is to bind parameters to."""

    @property
    def cell(self) -> Cell:
        """The declared cell."""

    @property
    def target(self) -> Target:
        """What its functions run in."""

    @property
    def backend(self) -> str:
        """Name of the target."""

    @property
    def layout(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each parameter and constant, and the spaces of its axes."""

    @property
    def functions(self) -> Functions:
        """The functions of one step by name."""

    @property
    def path_functions(self) -> Functions:
        """The Jacobian's function of each path, by label."""

    @property
    def full_vjp(self) -> Callable[..., Any]:
        """The function that gives the gradients by the old state and by the inputs together."""

    @property
    def loops(self) -> Loops:
        """The loops over time."""

    def function_of(self, expressions: Iterable[Any]) -> Callable[..., Any]:
        """Return a function of one step that gives scalar expressions in the cell's names."""
