"""Training, as plainly as it can be written: a batch, its gradient, a clip, a step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np

from gradflow.arrays import whole_number
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.codegen.frameworks import library_torch
from gradflow.errors import UsageError
from gradflow.given import choice, instance, real_number, several
from gradflow.networks.formats.live import is_module
from gradflow.training.beside.probing import PROBES
from gradflow.training.beside.reaching import Look
from gradflow.training.beside.subject import Subject, blamed
from gradflow.training.loop.bank import Bank, banked, flushed
from gradflow.training.loop.descending import OPTIMIZERS, clipped
from gradflow.training.loop.model import untrained
from gradflow.training.loop.record import Training
from gradflow.training.tasks.task import Task

__all__ = ["train"]

_COLUMNS = ("loss", "held_out", "measure", "gradient_norm", "rate_curvature")


def train(
    cell: Cell | str | Any,
    task: Task,
    *,
    updates: int = 1000,
    batch: int = 16,
    optimizer: str = "adam",
    rates: float | Sequence[float] = 0.003,
    clips: float | Sequence[float] = 1.0,
    seeds: Sequence[int] = (0,),
    every: int = 50,
    lags: Sequence[int] = (),
    hidden: int = 24,
    **choices: Any,
) -> Training:
    r"""Train networks of one cell on a task and record what their gradient does.

    Every seed with every rate and every clip is a network, and all of them learn at once, in one
    batched product. A network sees the batches of its seed whatever trains beside it, so that a run
    that is repeated gives the same numbers. One update, :math:`\theta \leftarrow \theta -
    \eta\, \mathrm{step}(g\,\min(1, c / \lVert g \rVert))`, with the norm over all arrays.

    Parameters
    ----------
    cell
        A cell or its name, with a linear read-out; or a torch module from (B, T, inputs) to (B, T,
        outputs), which is trained in place, one network with one seed.
    task
        As the functions of ``gradflow.training.tasks`` make it.
    updates, batch
        How many updates, of so many sequences each.
    optimizer
        ``"adam"`` or ``"sgd"``.
    rates, clips
        A number or several; ``inf`` clips nothing.
    seeds
        Of the parameters and of the batches.
    every
        Records are made every so many updates and at the end.
    lags
        Where reach is measured, on the first sequences held out; none by default.
    hidden
        Units of every size of the cell that ``choices`` do not tell.
    **choices
        Of ``cell.init``: ``forget_bias=1.0``, ``recurrent=...``, ``context=8``.

    Raises
    ------
    UsageError
        torch is missing, or an argument does not fit. A network that stops being finite raises
        nothing: it is told in ``fault``.

    Examples
    --------
    Which of three rates is best for an LSTM, three seeds each::

        task = gf.training.adding(60)
        found = gf.training.train("lstm", task, rates=[0.001, 0.003, 0.01], seeds=[0, 1, 2])
        found.best(), task.solved(found.best())
    """
    declared = cell if is_module(cell) else get(cell)
    torch = library_torch.torch("train")
    task = instance(task, "train: task", Task, "gradflow.training.adding")
    updates = whole_number(updates, "train: updates", 1, 10**8)
    batch = whole_number(batch, "train: batch", 1, 10**6)
    every = whole_number(every, "train: every", 1, 10**8)
    hidden = whole_number(hidden, "train: hidden", 1, 10**5)
    made = OPTIMIZERS[choice(optimizer, "train: optimizer", OPTIMIZERS)]()
    lags = [
        whole_number(n, "train: a lag", 0, task.steps) for n in several(lags, "train: lags", "lags")
    ]
    grid = list(product(_seeds(seeds), _numbers(rates, "rates"), _numbers(clips, "clips")))
    modules, name = _modules(declared, task, [seed for seed, _, _ in grid], hidden, choices)
    bank = banked(torch, modules)
    dtype = next(iter(bank.parameters.values())).dtype
    rate, clip = (torch.tensor([g[i] for g in grid], dtype=dtype) for i in (1, 2))
    rows: dict[str, list[np.ndarray]] = {column: [] for column in _COLUMNS}
    looks: list[list[Look]] = [[] for _ in grid]
    fault: dict[int, str] = {}
    held = _tensors(torch, [task.held_out] * len(grid), dtype)
    recorded = {*range(0, updates, every), updates}
    for at in range(updates + 1):
        # drawn anew from seed and update, so that nothing depends on what was drawn before
        batches = [task.draw(batch, np.random.default_rng((seed, at))) for seed, _, _ in grid]
        x, y = _tensors(torch, batches, dtype)
        with flushed(torch):
            loss, _ = bank.losses(task, x, y)
            if at in recorded:
                gradients, curvature = _twice(torch, bank, loss)
                norms = bank.norms(gradients)
                with torch.no_grad():
                    outside, measure = bank.losses(task, *held)
                found = (loss, outside, measure, norms, rate * curvature)
                for column, values in zip(_COLUMNS, found, strict=True):
                    rows[column].append(values.detach().double().numpy())
            else:
                gradients = bank.gradients(loss)
                norms = bank.norms(gradients)
        fine = (torch.isfinite(norms) & torch.isfinite(loss.detach())).tolist()
        for k in (k for k, good in enumerate(fine) if not good and k not in fault):
            _return(bank, k, modules[k])
            fault[k] = blamed(modules[k], batches[k].x, at)
        if at in recorded:
            for k in range(len(grid) if lags else 0):
                # a gradient whose squares alone float32 does not hold leaves the network as it is
                lost = not math.isfinite(loss[k].item())
                looks[k].append(_look(bank, k, modules[k], task, lags, lost))
        if at < updates:
            with flushed(torch), torch.no_grad():
                made.step(
                    list(bank.parameters.values()), clipped(gradients, norms, clip), rate, at + 1
                )
    for k, module in enumerate(modules):
        _return(bank, k, module)
    return Training(
        task=task,
        cell=name,
        seeds=np.array([seed for seed, _, _ in grid]),
        rates=np.array([rate for _, rate, _ in grid]),
        clips=np.array([clip for _, _, clip in grid]),
        update=np.array(sorted(recorded)),
        looks=tuple(map(tuple, looks)) if lags else (),
        modules=tuple(modules),
        fault=fault,
        **{column: np.stack(values, axis=1) for column, values in rows.items()},
    )


def _seeds(seeds: Any) -> list[int]:
    found = [
        whole_number(s, "train: one of seeds", 0, 10**6 - 1)
        for s in several(seeds, "train: seeds", "seeds")
    ]
    if not found:
        raise UsageError("train: seeds is empty; give one for each network.")
    return found


def _numbers(values: Any, name: str) -> list[float]:
    given = values if isinstance(values, Iterable) and not isinstance(values, str) else [values]
    found = [
        real_number(v, f"train: one of {name}", 0, above=True, infinite=name == "clips")
        for v in given
    ]
    if not found:
        raise UsageError(f"train: {name} is empty; give a number or several.")
    return found


def _modules(
    cell: Any, task: Task, seeds: list[int], hidden: int, choices: dict[str, Any]
) -> tuple[list[Any], str]:
    if not isinstance(cell, Cell):
        if len(seeds) > 1 or choices:
            raise UsageError(
                "train: a module is one network, with one seed, rate and clip and no choices of "
                "init; give a cell to train several."
            )
        return [cell], type(cell).__name__
    modules = [untrained(cell, task.inputs, task.outputs, hidden, choices, s) for s in seeds]
    return modules, cell.name


def _tensors(torch: Any, batches: Sequence[Any], dtype: Any) -> tuple[Any, Any]:
    x = torch.as_tensor(np.stack([b.x for b in batches])).to(dtype)
    y = torch.as_tensor(np.stack([b.y for b in batches]))
    return x, y.to(dtype) if y.is_floating_point() else y


def _twice(torch: Any, bank: Bank, loss: Any) -> tuple[list[Any], Any]:
    """Return gradients and curvatures, NaN for a fused module that torch differentiates once."""
    try:
        return bank.curvatures(loss)
    except RuntimeError:
        return bank.gradients(loss), torch.full_like(loss.detach(), math.nan)


def _return(bank: Bank, k: int, module: Any) -> None:
    """Write the arrays of a network of the bank into its module."""
    named = dict(module.named_parameters())
    with bank.torch.no_grad():
        for name, array in bank.member(k).items():
            named[name].copy_(array)


def _look(bank: Bank, k: int, module: Any, task: Task, lags: Sequence[int], lost: bool) -> Look:
    x, y = task.held_out.x[:PROBES], task.held_out.y[:PROBES]
    if lost:
        return Look.lost(len(x), len(lags))
    _return(bank, k, module)
    return Subject.of(module, x, y).look(lags)
