"""Loops over time in any library: what many steps can do at once is done before the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.codegen.frameworks.maps import Stack, filled_maps, products, stacked, together
from gradflow.codegen.frameworks.operations import Operations
from gradflow.codegen.frameworks.source import functional_text
from gradflow.codegen.lowering.recurrence import forward, pullback
from gradflow.codegen.targets.target import run_source

Array = Any
Parts = tuple[Array, ...]


@dataclass(frozen=True)
class Steps:
    """Checked arguments of a loop over ``T`` steps.

    Parameters
    ----------
    xp
        The operations of the arrays.
    moving
        Inputs (..., T, input) and step numbers (T, 1): what changes from step to step.
    weights
        Parameters and constants in declared order.
    lead
        The leading axes of every state, without time.
    """

    xp: Operations
    moving: Parts
    weights: Parts
    lead: tuple[int, ...]


def run_forward(cell: Cell, given: Steps, first: Parts) -> Array:
    """Return the states (*lead, T, d) after each step from the parts of the initial state."""
    xp, count = given.xp, len(given.moving)
    loop = _functions(cell, "forward")
    names = (*cell.parameters, *cell.constant_names)
    maps = dict(zip(names, given.weights, strict=True))
    maps |= filled_maps(cell, xp, (*first, *given.moving, *given.weights))
    inputs = dict(zip(cell.input_names, given.moving, strict=False))  # the last is the time
    handed, added = together(xp, loop.stacks, _handed(loop, given, first), maps, inputs)
    last = count + len(handed)
    multiply = products(xp, loop.stacks, maps)

    def advance(parts: Parts, now: Parts) -> tuple[Parts, Parts]:
        made = multiply(parts, now[last:])
        found = loop.each(xp, *parts, *now[:count], *given.weights, *now[count:last], *made)
        new = _like(xp, found, parts)
        return new, new

    return xp.scan(advance, first, (*given.moving, *handed, *added))[1]


def pull_back(cell: Cell, given: Steps, states: Parts, direct: Parts) -> Array:
    """Return the gradients (*lead, T + 1, d) by states 0 to T.

    ``states`` are the parts before each step and ``direct`` those of the gradient by each new state
    with all other states held, each (*lead, T, units).
    """
    xp = given.xp
    loop = _functions(cell, "pullback")
    handed = _handed(loop, given, states)
    count, parts = len(given.moving) + len(states), len(direct)

    def back(arriving: Parts, now: Parts) -> tuple[Parts, Parts]:
        bound, here, rest = now[:count], now[count : count + parts], now[count + parts :]
        whole = tuple(a + d for a, d in zip(arriving, here, strict=True))
        before = loop.each(xp, *bound, *given.weights, *whole, *rest)
        return _like(xp, before, arriving), _like(xp, whole, arriving)

    zero = tuple(xp.zeros((*given.lead, d.shape[-1])) for d in direct)
    sequences = (*states, *given.moving, *direct, *handed)
    first, rest = xp.scan(back, zero, sequences, reverse=True)
    before = xp.flat(first, given.lead)[..., None, :]
    return xp.library.concat([before, rest], axis=-2)


def _like(xp: Operations, values: Sequence[Array], parts: Parts) -> Parts:
    return tuple(xp.broadcast_to(v, p.shape) for v, p in zip(values, parts, strict=True))


def _handed(loop: _Loop, given: Steps, states: Parts) -> Parts:
    """Return what a step is handed of all steps at once, each (..., T, units)."""
    if loop.before is None:
        return ()
    steps = given.moving[-1].shape[-2]
    values = loop.before(given.xp, *states, *given.moving, *given.weights)
    shapes = [np.broadcast_shapes(v.shape, (steps, 1)) for v in values]
    return tuple(map(given.xp.broadcast_to, values, shapes))


@dataclass(frozen=True)
class _Loop:
    """The function of all steps at once, that of one step, and the products it is given."""

    before: Callable[..., Any] | None
    each: Callable[..., Any]
    stacks: tuple[Stack, ...] = ()


@lru_cache(maxsize=64)
def _functions(cell: Cell, kind: str) -> _Loop:
    loop = {"forward": forward, "pullback": pullback}[kind](cell)
    loop, stacks = stacked(cell, loop) if kind == "forward" else (loop, ())
    routines = [r for r in (loop.before, loop.each) if r.returns]
    text = "\n\n".join(functional_text(cell, r) for r in routines)
    built = run_source(lambda: {"np": np})(cell, text, routines)
    return _Loop(built.get(loop.before.name), built[loop.each.name], stacks)
