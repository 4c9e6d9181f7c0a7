"""What a change would do to the gradient of this network, computed by making it.

Each remedy is applied to the weights that were read, or to freshly drawn ones where it is a rule of
initialisation, and the network is run again on the same sequences. What comes out is what the
gradient would do; whether the network would then learn is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gradflow.cells import get
from gradflow.cells.initializers import chrono
from gradflow.errors import GradflowError
from gradflow.jacobians.blocks import counted
from gradflow.networks import Layer, Network
from gradflow.studies.diagnosis.measures.reach import Reach, reach_of
from gradflow.studies.diagnosis.measures.spread import Spread, told
from gradflow.studies.diagnosis.measures.training import Training
from gradflow.studies.diagnosis.subject import Subject
from gradflow.studies.diagnosis.telling.numbers import factor, percent, power

__all__ = ["Remedy", "remedies", "remedies_of_training"]

Floats = NDArray[np.float64]
Change = Callable[[Layer], Layer | None]


@dataclass(frozen=True, eq=False, kw_only=True)
class Remedy:
    """A change and what it does to the gradient at the lag needed.

    Attributes
    ----------
    name
        What is changed, in words.
    log10_left
        As in ``Reach``, after the change; ``None`` where the network does not run with it.
    directions
        Usable directions after the change, where known.
    network
        The changed network; of a change in how it is trained, the network as it is.
    effect
        What else the change does, in words.
    reason
        Why there is no number.
    """

    name: str
    log10_left: Spread | None
    directions: Spread | None
    network: Network
    effect: str = ""
    reason: str = ""

    @property
    def left(self) -> str:
        """What is left at the lag needed, the median of the sequences, or why that is not known."""
        return self.reason if self.log10_left is None else power(self.log10_left.median)

    def __repr__(self) -> str:
        """Return one line with the change and what is left."""
        return f"<Remedy {self.name}: {self.left}>"


def remedies(subject: Subject, need: int, seed: int) -> Iterator[Remedy]:
    """Yield every remedy of the weights that means something for the cells of this network."""
    for name, change in _changes(need, seed).items():
        changed = [change(layer) for layer in subject.network.layers]
        if all(one is None for one in changed):
            continue
        layers = tuple(new or old for new, old in zip(changed, subject.network.layers, strict=True))
        network = replace(subject.network, layers=layers)
        try:
            found = reach_of(subject.with_network(network), need, whole=False)
        except GradflowError as error:
            yield Remedy(
                name=name, log10_left=None, directions=None, network=network, reason=str(error)
            )
            continue
        yield Remedy(
            name=name,
            log10_left=found.log10_left,
            directions=found.directions,
            network=network,
        )


def remedies_of_training(
    subject: Subject, reach: Reach, training: Training, need: int
) -> Iterator[Remedy]:
    """Yield what a clip and a longer window do: neither changes the network.

    A clip scales a whole gradient, so that every lag keeps its share of it. A window of truncation
    lets through what it reaches, unchanged, and of the rest nothing: the shortest that lets through
    the lag needed is told.
    """
    for one in training.clipping:
        count = len(training.log_norms)
        yield Remedy(
            name=f"a clip at norm {one.threshold:g}",
            log10_left=reach.log10_left,
            directions=reach.directions,
            network=subject.network,
            effect=f"shortens {one.shortened} of {count} gradients, to "
            f"{told(one.factors, factor)} times their norm; every lag keeps its share",
        )
    longer = [(window, lost) for window, lost in training.missing() if window > need]
    for window, lost in longer[:1]:
        yield Remedy(
            name=f"truncation to windows of {window} steps",
            log10_left=reach.log10_left,
            directions=reach.directions,
            network=subject.network,
            effect=f"leaves out {told(lost, percent)} of the parameter gradient; windows of up to "
            f"{need} steps bring nothing from lag {need}",
        )


def _changes(need: int, seed: int) -> Mapping[str, Change]:
    rng = np.random.default_rng(seed)
    return {
        **{f"forget bias {value:g}": _forget_bias(value) for value in (1.0, 3.0, 5.0)},
        f"chrono biases for {counted(need, 'step')}": _chrono(need, rng),
        "recurrent maps scaled to spectral norm 1": _recurrent(_scaled),
        "recurrent maps made orthogonal": _recurrent(_orthogonal),
        "recurrent map the identity": _identity,
        "a GRU of the same size, freshly drawn": _gru(rng),
    }


def _with(layer: Layer, **arrays: Floats) -> Layer:
    return replace(layer, params={**layer.params, **arrays})


def _forget_bias(value: float) -> Change:
    def change(layer: Layer) -> Layer | None:
        name = layer.cell.forget_bias
        if not name:
            return None
        return _with(layer, **{name: np.full_like(layer.params[name], value)})

    return change


def _chrono(need: int, rng: np.random.Generator) -> Change:
    """Tallec & Ollivier, ICLR 2018: b_f = log U(1, T - 1), and the input bias its negative."""

    def change(layer: Layer) -> Layer | None:
        name = layer.cell.forget_bias
        if not name:
            return None
        drawn = chrono(float(max(need, 3))).draw(rng, layer.params[name].shape)
        arrays = {name: drawn}
        if layer.cell.declaration.input_bias:
            arrays[layer.cell.declaration.input_bias] = -drawn
        return _with(layer, **arrays)

    return change


def _recurrent(made: Callable[[Floats], Floats]) -> Change:
    def change(layer: Layer) -> Layer | None:
        names = [n for n in layer.cell.recurrent_maps() if n in layer.params]
        square = [n for n in names if len(set(layer.params[n].shape)) == 1]
        if not square:
            return None
        return _with(layer, **{n: made(layer.params[n]) for n in square})

    return change


def _scaled(matrix: Floats) -> Floats:
    size = float(np.linalg.norm(matrix, 2))
    return matrix / size if size else matrix


def _orthogonal(matrix: Floats) -> Floats:
    """The nearest orthogonal matrix, the first factor of the polar decomposition."""
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ right)


def _identity(layer: Layer) -> Layer | None:
    names = [n for n in layer.cell.recurrent_maps() if n in layer.params]
    if layer.cell.forget_bias or len(names) != 1:
        return None
    matrix = layer.params[names[0]]
    return (
        _with(layer, **{names[0]: np.eye(len(matrix))})
        if matrix.shape[0] == len(matrix.T)
        else None
    )


def _gru(rng: np.random.Generator) -> Change:
    def change(layer: Layer) -> Layer | None:
        if "gru" in layer.kind or "P" in layer.params:
            return None
        cell = get("gru_reset_after")
        params = cell.init(hidden=layer.hidden, inputs=layer.inputs, rng=rng)
        return replace(layer, kind=cell.name, cell=cell, params=params, initial=None)

    return change
