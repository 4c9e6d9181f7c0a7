"""Loops over time that take every step by a call of its own, for parameters that change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.codegen.bound import Bound
from gradflow.codegen.targets.numpy.arguments import parts
from gradflow.codegen.targets.numpy.loops import log_length, rescaled
from gradflow.codegen.targets.target import Advance, Loops, Run

Floats = NDArray[np.float64]


def loops(cell: Cell, at: Callable[[int], Bound]) -> Loops:
    """Return the loops of a cell whose code at step ``t``, counted from 1, is ``at(t)``."""

    def forward(run: Run) -> None:
        for k in range(run.states.shape[1] - 1):
            t = run.first_step + k
            run.states[:, k + 1] = at(t).step(run.states[:, k], _plain(_inputs(run, k)), t)

    def pullback(run: Run, u: Floats, log_norm: Floats, log_part: Floats, rows: Floats) -> None:
        (row,), exponent = rescaled([u], np.zeros(len(u)))
        last = run.states.shape[1] - 1
        for lag in range(last + 1):
            if lag:
                k = last - lag
                t = run.first_step + k
                row = np.asarray(at(t).vjp(run.states[:, k], row, _plain(_inputs(run, k)), t))
                (row,), exponent = rescaled([row], exponent)
            shift = exponent * np.log(2)
            whole = log_length(row)
            log_norm[:, lag] = whole + shift
            for i, part in enumerate(parts(cell, run, row)):
                log_part[:, i, lag] = log_length(part) + shift
            if rows.shape[1] > 1 or lag == last:
                scale = np.where(np.isneginf(whole), 0.0, np.exp(-np.maximum(whole, -600)))
                rows[:, lag if rows.shape[1] > 1 else 0] = row * scale[:, None]

    def push(run: Run, known: bool) -> Advance:
        count, _, width = run.states.shape

        def advance(
            start: int, stop: int, frame: Floats, log_size: Floats, exponent: Floats
        ) -> None:
            image = frame.reshape(count, -1, width)
            for k in range(start, stop):
                t = run.first_step + k
                here, x = at(t), _inputs(run, k)
                wide = {n: value[:, None] for n, value in x.items()} if x else None
                image = np.asarray(here.jvp(run.states[:, k, None], image, wide, t))
                if not known:
                    run.states[:, k + 1] = here.step(run.states[:, k], _plain(x), t)
                peak = np.abs(image).max(axis=(1, 2))
                power = np.where((peak > 0) & np.isfinite(peak), np.frexp(peak)[1], 0)
                image = np.ldexp(image, -power[:, None, None])
                exponent += power
                log_size[:, k - start] = log_length(image.reshape(count, -1))
                log_size[:, k - start] += exponent * np.log(2)
            frame[...] = image.reshape(frame.shape)

        return advance

    return Loops(
        forward=forward,
        pullback=pullback,
        push=lambda run: push(run, False),
        push_known=lambda run: push(run, True),
    )


def _inputs(run: Run, k: int) -> Mapping[str, Any]:
    """Return the inputs (trajectories, units) of the k-th step, from 0."""
    return {name: value[:, k] for name, value in run.inputs.items()}


def _plain(x: Mapping[str, Any]) -> Any:
    """Return one input as an array, which compiled code checks faster than a mapping."""
    return next(iter(x.values())) if len(x) == 1 else x or None
