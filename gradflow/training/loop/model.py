"""A cell with a linear read-out of every step, as one torch module."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from gradflow.cells.cell import Cell
from gradflow.codegen import compile, to_torch
from gradflow.codegen.frameworks import library_torch

__all__ = ["read_part", "untrained", "with_read_out"]

Module = Any


def read_part(cell: Cell) -> str:
    """Return the state part that is read: ``h`` where there is one."""
    return "h" if "h" in cell.states else next(iter(cell.states))


def untrained(
    cell: Cell, inputs: int, outputs: int, hidden: int, choices: Mapping[str, Any], seed: int
) -> Module:
    """Return the network of a seed before its training, as :func:`with_read_out` makes it.

    ``hidden`` is the size of every state part that ``choices``, those of ``cell.init``, do not
    tell.
    """
    rng = np.random.default_rng(seed)
    sizes = {s: hidden for s in cell.sizes if s != "input"} | {"inputs": inputs}
    return with_read_out(cell, cell.init(rng=rng, **{**sizes, **choices}), outputs, rng)


def with_read_out(
    cell: Cell, params: Mapping[str, Any], outputs: int, rng: np.random.Generator
) -> Module:
    """Return a module from inputs (..., T, inputs) to outputs (..., T, outputs).

    ``module.recurrent`` is the cell, ``module.head`` the read-out, drawn uniformly from
    ``+-1/sqrt(units)`` as torch draws its own.
    """
    torch = library_torch.torch("train")
    start = 0
    for part, units in compile(cell, "numpy").bind(params).part_sizes().items():
        if part == read_part(cell):
            break
        start += units
    head = torch.nn.Linear(units, outputs)
    bound = 1 / math.sqrt(units)
    with torch.no_grad():
        for array in head.parameters():
            drawn = rng.uniform(-bound, bound, tuple(array.shape))
            array.copy_(torch.as_tensor(drawn))
    return _class()(to_torch(cell, params), head, slice(start, start + units))


@lru_cache(maxsize=1)
def _class() -> Any:
    """Return the class, made when torch is first needed."""
    base: Any = library_torch.torch("train").nn.Module

    class ReadOut(base):
        """A recurrent cell and a linear map of one part of its state."""

        def __init__(self, recurrent: Module, head: Module, part: slice) -> None:
            super().__init__()
            self.recurrent, self.head, self.part = recurrent, head, part

        def forward(self, x: Any) -> Any:
            """Return the outputs (..., T, outputs) after each step."""
            return self.head(self.recurrent(x)[0][..., self.part])

        def __reduce__(self) -> tuple[Any, ...]:
            """Pickle without the class, which has no module-level name."""
            return _bare, (), self.__dict__

    return ReadOut


def _bare() -> Any:
    kind = _class()
    return kind.__new__(kind)
