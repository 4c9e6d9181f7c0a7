"""The network that is watched, as gradflow runs it: cell and arrays, read-out, probe."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.errors import GradflowError, InputError, UsageError
from gradflow.networks import Network, read
from gradflow.networks.formats.live import is_module
from gradflow.spectra import locate, run
from gradflow.spectra.trajectory import Trajectory
from gradflow.training.beside.reaching import Look, Ran, covector_of, look
from gradflow.training.loop.model import read_part

__all__ = ["Subject", "blamed"]

Floats = NDArray[np.float64]

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """A network with the sequences it is looked at on.

    Attributes
    ----------
    network
        A cell with its arrays, or a network that was read.
    params : mapping of str to array
        Those of the cell.
    head : (weight, bias), or None
        The read-out; without one the loss is a random linear one.
    x : (sequences, T, inputs)
    y : (sequences, S), or None
        Classes or values of the last steps; the last step's loss is looked at.
    """

    network: Cell | Network
    params: Mapping[str, Any]
    head: tuple[Floats, Floats] | None
    x: Floats
    y: NDArray[Any] | None

    @classmethod
    def of(cls, subject: Any, x: Floats, y: NDArray[Any] | None) -> Subject:
        """Return a module, a network, or a pair of cell and arrays, as it is now.

        Raises ``UsageError`` for anything else, and what ``gradflow.read`` raises.
        """
        if is_module(subject):
            cells = [m for m in subject.modules() if isinstance(_cell_of(m), Cell)]
            if len(cells) == 1:
                inner = cells[0]
                params = {n: _array(a) for n, a in inner.state_dict().items()}
                head = _head(subject)
                return cls(network=_cell_of(inner), params=params, head=head, x=x, y=y)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # what is assumed, at every look
                return cls._read(read(subject), x, y)
        if isinstance(subject, Network):
            return cls._read(subject, x, y)
        if isinstance(subject, tuple) and len(subject) == 2 and isinstance(subject[1], Mapping):
            return cls(network=get(subject[0]), params=subject[1], head=None, x=x, y=y)
        raise UsageError(
            f"watch: the subject is a {type(subject).__name__}; give a torch module, or a pair of "
            "a cell and its arrays."
        )

    @classmethod
    def _read(cls, network: Network, x: Floats, y: NDArray[Any] | None) -> Subject:
        dense, head = network.head, None
        if dense is not None:
            bias = np.zeros(len(dense.weight)) if dense.bias is None else dense.bias
            head = dense.weight, bias
        if any(layer.direction == "reverse" for layer in network.layers):
            raise UsageError(
                f"watch: {network.source} reads its input from both ends, so that none of its "
                "steps has a Jacobian; gradflow.diagnose looks at each direction by itself, and so "
                "does `gradflow diagnose FILES` at several checkpoints."
            )
        first, *others = network.layers
        bare = first.between.norm is None and not first.between.residual
        if not others and bare and first.direction == "forward" and first.initial is None:
            # one cell by itself costs a quarter of a stack of one
            return cls(network=first.cell, params=first.params, head=head, x=x, y=y)
        return cls(network=network, params={}, head=head, x=x, y=y)

    def run(self) -> Ran:
        """Run it over its sequences."""
        if isinstance(self.network, Cell):
            return run(self.network, self.params, self.x, backend="numpy")
        return self.network.run(self.x, backend="numpy")

    def look(self, lags: Sequence[int]) -> Look:
        """Look at it: reach, directions, exponent, units."""
        found = self.run()
        part = self.part(found)
        return look(found, self.covector(found), part, lags)

    def part(self, found: Ran) -> str:
        """Return the state part that is read."""
        if isinstance(found, Trajectory):
            return read_part(found.cell)
        return next(p for p in reversed(found.parts) if p.endswith(".h"))

    def covector(self, found: Ran) -> Floats:
        """Return the gradient (sequences, d) of the loss of the last step by the last state."""
        part = self.part(found)
        h = found.flat_states[:, -1, found.parts[part]]
        if self.head is None or self.y is None:
            row = np.random.default_rng(0).standard_normal(h.shape[1]) / math.sqrt(h.shape[1])
            gradient = np.broadcast_to(row, h.shape)
        elif isinstance(self.network, Cell):
            gradient = covector_of(h, *self.head, self.y[:, -1])
        else:  # the read-out is behind the normalisation of the last layer
            behind = self.network.layers[-1].between
            read_out = covector_of(behind.value(h, np.zeros_like(h)), *self.head, self.y[:, -1])
            gradient = behind.pull(h, read_out)[0]
        return np.broadcast_to(found.covector({part: gradient}), (len(h), found.width))


def blamed(subject: Any, x: Floats, update: int) -> str:
    """Say where a network stops being finite: update, step, equation and unit.

    ``x`` (B, T, inputs) is the batch of that update.
    """
    try:
        seen = Subject.of(subject, x, None)
    except InputError as error:  # no weights can be read that are no finite numbers
        return f"update {update}: {error}"
    lost = [n for n, a in seen.params.items() if not np.isfinite(np.asarray(a)).all()]
    if lost:
        return f"update {update}: {lost[0]} holds what is no finite number"
    try:
        if isinstance(seen.network, Cell):
            fault = locate(seen.network, seen.params, x, backend="numpy")
            if fault is not None:
                told = f"update {update}, step {fault.step}, gate {fault.equation}"
                return f"{told}, unit {fault.unit}: {fault.cause}"
        found = seen.run()
    except GradflowError as error:
        return f"update {update}: {error}"
    over = np.argwhere(np.abs(found.flat_states[:, 1:]) > _LARGEST)
    if len(over):
        _, step, unit = min(over.tolist(), key=lambda one: one[1])
        part, place = next((p, s) for p, s in found.parts.items() if s.start <= unit < s.stop)
        return (
            f"update {update}, step {step + 1}, gate {part}, unit {unit - place.start}: over "
            "what float32 holds"
        )
    return f"update {update}: the loss or its gradient is over what float32 holds; clip it"


def _cell_of(module: Any) -> Any:
    return getattr(module, "recurrent_cell", None)


def _array(tensor: Any) -> Floats:
    return np.asarray(tensor.detach().cpu().double().numpy(), dtype=np.float64)


def _head(module: Any) -> tuple[Floats, Floats] | None:
    """Return weight and bias of the module's last linear map, if it has one."""
    linear = [m for m in module.modules() if hasattr(m, "in_features") and hasattr(m, "weight")]
    if not linear:
        return None
    weight, bias = _array(linear[-1].weight), linear[-1].bias
    return weight, np.zeros(len(weight)) if bias is None else _array(bias)
