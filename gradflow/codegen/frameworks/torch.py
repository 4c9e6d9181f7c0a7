"""A cell as a trainable ``torch.nn.Module``, gradients by torch's autograd."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.cells.sized import Sized, sized_as, told_sizes
from gradflow.codegen.frameworks import library_torch
from gradflow.codegen.frameworks.run import run_states, without_masked_entries
from gradflow.errors import UsageError, shown

Tensor = Any


def to_torch(
    cell: Cell | str,
    params: Mapping[str, Any] | None = None,
    *,
    dtype: Any = None,
    **choices: Any,
) -> Any:
    """Return a cell as a trainable ``torch.nn.Module``.

    Parameters are registered under their names, constants as buffers; entries that a mask forbids
    are zero and get no gradient. ``module(x, state=None)`` takes inputs (..., T, input), batch
    axes first, and returns the states (..., T, d) after each step and the last state (..., d); a
    cell without input takes ``steps=``. Gradients are autograd's: a branch by condition that is
    not taken must stay finite.

    Parameters
    ----------
    cell
        A cell, or its name.
    params
        Arrays as ``cell.init`` makes them, or ``None``.
    dtype
        Floating type of torch, its default type by default.
    choices
        Where no ``params`` are given, sizes and choices of ``cell.init`` (``hidden=64``,
        ``inputs=10``, ``rng=0``).

    Raises
    ------
    UsageError
        If torch is missing, no cell has that name, shapes do not fit, a name is taken by torch, or
        params and choices are both given.

    Examples
    --------
    An LSTM over a batch of 5 sequences; its state has two parts of 64 entries::

        module = gf.to_torch("lstm", hidden=64, inputs=10, rng=0)
        states, last = module(torch.zeros(5, 100, 10))  # (5, 100, 128) and (5, 128)
    """
    cell = get(cell)
    torch = library_torch.torch("to_torch")
    if params is not None and choices:
        raise UsageError(
            f"cell {cell.name!r}, to_torch: both params and {next(iter(choices))}= given; keep one."
        )
    given: Mapping[str, Any] = cell.init(**choices) if params is None else params
    kind = torch.get_default_dtype() if dtype is None else dtype
    if not (isinstance(kind, torch.dtype) and kind.is_floating_point):
        raise UsageError(
            f"cell {cell.name!r}, to_torch: dtype={shown(dtype)}; it must be a floating "
            "type of torch, such as torch.float64."
        )
    host = {n: v.detach().cpu().numpy() if torch.is_tensor(v) else v for n, v in given.items()}
    arrays = without_masked_entries(cell, sized_as(given, host))
    module = _module_class()(cell, told_sizes(given))
    for name, array in arrays.items():
        if hasattr(module, name):
            raise UsageError(
                f"cell {cell.name!r}, to_torch: a torch module has an attribute {name!r} of its "
                "own; give the parameter another name."
            )
        tensor = torch.as_tensor(np.array(array)).to(kind)
        if name in cell.parameters:
            module.register_parameter(name, torch.nn.Parameter(tensor))
        else:
            module.register_buffer(name, tensor)
    return module


@lru_cache(maxsize=1)
def _module_class() -> Any:
    """Return the class, made when torch is first needed."""
    torch = library_torch.torch("to_torch")
    base: Any = torch.nn.Module

    class RecurrentCell(base):
        """A recurrent cell declared in gradflow; parameters carry the names of its equations.

        Masked entries of maps are zero and get no gradient; constants are buffers.
        """

        def __init__(self, cell: Cell, sizes: Mapping[str, int]) -> None:
            super().__init__()
            self.recurrent_cell, self.told_sizes = cell, sizes

        def forward(
            self, x: Any = None, state: Any = None, steps: int | None = None
        ) -> tuple[Tensor, Tensor]:
            """Return the states (..., T, d) after each step and the last one (..., d).

            Parameters
            ----------
            x
                (..., T, input), batch axes first; a mapping for several inputs, ``None`` for a
                cell without input.
            state
                Initial state, flat (..., d) or by part; zeros by default.
            steps
                Number of steps where there is no input.
            """
            arrays = dict(self.named_parameters()) | dict(self.named_buffers())
            like, params = torch.zeros(()), Sized(arrays, self.told_sizes)
            states = run_states(self.recurrent_cell, params, x, state, steps, like)
            return states, states[..., -1, :]

        def extra_repr(self) -> str:
            return f"{self.recurrent_cell.name}, {', '.join(self.recurrent_cell.parameters)}"

        def __reduce__(self) -> tuple[Any, ...]:
            """Pickle without the class, which has no module-level name."""
            return _bare, (), self.__dict__

    return RecurrentCell


def _bare() -> Any:
    kind = _module_class()
    return kind.__new__(kind)
