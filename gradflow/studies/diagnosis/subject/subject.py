"""What is diagnosed: a network on its sequences, and the gradient that a loss sends into it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gradflow.codegen.backends import estimated_seconds
from gradflow.errors import UsageError
from gradflow.networks import Network
from gradflow.networks.joined import NetworkTrajectory
from gradflow.studies.diagnosis.subject.given import by_states, outputs
from gradflow.studies.diagnosis.subject.inputs import Windows
from gradflow.studies.diagnosis.subject.losses import Aim, Losses, gradient_of

__all__ = ["Subject", "backend_for", "subject_of"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_LOADING = 0.5  # seconds


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """A network that was run on sequences.

    Attributes
    ----------
    network
        What was read.
    inputs : (sequences, T, inputs)
    lengths : (sequences,)
        Where each sequence ends.
    run
        The run of all sequences, with the padding.
    losses
        Where the loss of each sits, and its gradient there.
    data
        Where the sequences come from, in words.
    names
        What each layer is called; by default ``layer 1``, ``layer 2``, ...
    """

    network: Network
    inputs: Floats
    lengths: Whole
    run: NetworkTrajectory
    losses: Losses
    data: str
    names: tuple[str, ...] = ()

    def name_of(self, index: int) -> str:
        """Return what a layer is called, by its place in the network."""
        if self.names:
            return self.names[index]
        return f"layer {self.network.layers[index].level + 1}"

    def single(self, index: int) -> NetworkTrajectory:
        """Return the run of one sequence up to its last step with a loss."""
        return self.run.one(index).until(int(self.losses.last[index]))

    def covector(self, index: int) -> Floats:
        """Return the gradient (d,) of the last loss of one sequence by the state there."""
        place = int(np.searchsorted(self.losses.step, self.losses.last[index]))
        return np.asarray(self.losses.rows[index, place])

    def long_enough(self, need: int) -> list[int]:
        """Return the sequences that have a loss with so many steps before it."""
        return [int(i) for i in np.flatnonzero(self.losses.last >= need)]

    def with_network(self, network: Network) -> Subject:
        """Return another network on the same sequences, with the same gradients at the losses.

        Raises ``UsageError`` where a part that a loss acts on is missing or has another size.
        """
        run = network.run(self.inputs, backend=backend_for(network, self.inputs))
        rows = np.zeros((*self.losses.rows.shape[:-1], run.width))
        for part, own in self.run.parts.items():
            given = self.losses.rows[..., own]
            if not given.any():
                continue
            place = run.parts.get(part)
            if place is None or place.stop - place.start != given.shape[-1]:
                raise UsageError(
                    f"with_network: the loss acts on {part!r} of size {given.shape[-1]}, and this "
                    f"network has {', '.join(run.parts)}; give one with that part."
                )
            rows[..., place] = given
        losses = replace(self.losses, rows=rows)
        return replace(self, network=network, run=run, losses=losses)


def backend_for(network: Network, inputs: Floats) -> str:
    """Return NumPy where a run takes less than it takes to load compiled loops, else the usual."""
    count, steps = inputs.shape[:2]
    seconds = sum(estimated_seconds(steps, count, layer.hidden) for layer in network.layers)
    return "numpy" if seconds < _LOADING else "auto"


def subject_of(network: Network, windows: Windows, aim: Aim, seed: int) -> Subject:
    """Run a network on its sequences and take the gradient of its loss.

    Raises ``UsageError`` for targets or a loss that do not fit the network.
    """
    run = network.run(windows.values, backend=backend_for(network, windows.values))
    count, ends = len(windows.values), windows.lengths
    given, own = outputs(run), np.arange(count)
    if aim.every:
        step = np.arange(1, run.steps + 1)
        counted = step <= ends[:, None]
        row, words = gradient_of(aim, given, counted, network.head, seed)
        rows = by_states(run, row, (slice(None), slice(1, None)))
    else:
        counted = np.ones(count, dtype=bool)
        row, words = gradient_of(aim, given[own, ends - 1], counted, network.head, seed)
        step = np.unique(ends)
        rows = np.zeros((count, len(step), run.width))
        rows[own, np.searchsorted(step, ends)] = by_states(run, row, (own, ends))
    return Subject(
        network=network,
        inputs=windows.values,
        lengths=ends,
        run=run,
        losses=Losses(step=step, rows=rows, words=words),
        data=windows.words,
    )
