"""Cost against n and against T, to see that it follows the order of the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import decay
import lyapunov
import numpy as np
from measure import GRADFLOW, Row, Work, compare, gradflow
from problems import Problem

import gradflow as gf
from gradflow.spectra import singular_values


def rows(quick: bool) -> Iterator[Row]:
    widths = (8, 16, 32) if quick else (64, 128, 256, 512)
    lengths = (50, 100, 200) if quick else (1_000, 3_000, 10_000, 30_000)
    for n in widths:
        p = Problem("lstm", n, 10)
        yield _row(f"Jacobians, lstm, {p.steps} steps", "n", n, 2, gradflow(partial(_jacobian, p)))
    for n in widths:
        p = Problem("rnn", n, 20, gain=1.5)
        options = {**lyapunov.OPTIONS, "interval": 5, "transient": 2, "initial": p.frame(n)}
        works = gradflow(partial(lyapunov.from_states, p, options))
        yield _row(f"Lyapunov spectrum, rnn, {p.steps} steps", "n", n, 3, works)
    for n in widths:
        p = Problem("lstm", n, 100, batch=(32,))
        works = gradflow(partial(decay.ours, p))
        yield _row("gradient against lag, lstm, 32 x 100 steps", "n", n, 2, works)
    for steps in lengths:
        p = Problem("lstm", 64, steps, batch=(1,))
        works = gradflow(partial(decay.ours, p))
        yield _row("gradient against lag, lstm, n = 64", "T", steps, 1, works)
    for steps in lengths[:-1]:
        p = Problem("rnn", 32, steps, gain=1.5)
        options = {"transient": steps // 10, "initial": p.frame(32)}
        works = gradflow(partial(lyapunov.from_states, p, options))
        yield _row("Lyapunov spectrum, rnn, n = 32", "T", steps, 1, works)
    for steps in lengths[:-1]:
        jacobians = Problem("rnn", 16, steps, gain=1.2).run.jacobians()
        call = partial(singular_values, jacobians, [steps])
        work = Work("gradflow", GRADFLOW, call)
        yield _row("singular values of P, rnn, n = 16", "T", steps, 1, [work])


def _jacobian(p: Problem, backend: str) -> Callable[[], Any]:
    out = np.empty((p.steps, p.width, p.width))
    code = gf.compile(p.cell, backend)
    return partial(code.jacobian, p.params, p.before, p.x, p.t, out=out)


def _row(series: str, axis: str, at: int, order: int, works: list[Work]) -> Row:
    """Few rounds: a slope of four points is read, not a ratio."""
    work = f"{series}, {axis} = {at:,}"
    more = {"series": series, "axis": axis, "at": at, "order": order}
    return compare("scaling", work, works, None, quick=True, **more)


def slopes(rows: list[Row]) -> dict[tuple[str, str], float]:
    """Fitted power of ``at`` by (series, case), by least squares on logs."""
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in rows:
        for case in row.cases:
            if case.amount is not None:
                points.setdefault((row.series, case.label), []).append((row.at, case.amount))
    fitted = {}
    for key, found in points.items():
        if len(found) > 1:
            at, cost = np.log(np.array(found)).T
            fitted[key] = float(np.polyfit(at, cost, 1)[0])
    return fitted
