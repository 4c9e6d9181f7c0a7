"""The diagnosis of a network: one verdict with its number, and everything that stands behind it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array, whole_number
from gradflow.errors import GradflowError, UsageError
from gradflow.given import flag, function, real_number
from gradflow.networks import Dense, Network, read
from gradflow.studies.diagnosis.measures.band import band_of
from gradflow.studies.diagnosis.measures.growth import growth_of
from gradflow.studies.diagnosis.measures.layers import LayerFindings, layer_findings
from gradflow.studies.diagnosis.measures.paths import path_shares
from gradflow.studies.diagnosis.measures.reach import TOLERANCE, Reach, reach_of
from gradflow.studies.diagnosis.measures.spread import Spread
from gradflow.studies.diagnosis.measures.training import Training, training_of
from gradflow.studies.diagnosis.record import Diagnosis
from gradflow.studies.diagnosis.subject.losses import Callback
from gradflow.studies.diagnosis.subject.making import subjects_of
from gradflow.studies.diagnosis.subject.subject import Subject
from gradflow.studies.diagnosis.telling.verdict import together, verdict_of

__all__ = ["STAGES", "diagnose"]

Floats = NDArray[np.float64]
Progress = Callable[[str], None]

STAGES = ("running the network", "reach", "layers", "paths", "training")
"""What a diagnosis announces, in order; of a network of both directions, for each of them."""

_WIDEST = 300  # states beyond which paths are not split
_PARAMETERS = 5_000_000  # beyond which their gradients are not computed: several are held at once
_WORK = 3e13  # products of numbers that they may take


def diagnose(
    network: Network | str | os.PathLike[str] | Any,
    x: Any = None,
    *,
    need: int = 100,
    targets: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
    loss: str | Callback | None = None,
    at: str | None = None,
    head: ArrayLike | tuple[ArrayLike, ArrayLike] | None = None,
    vocabulary: str | Sequence[str] | None = None,
    lose: float = 0.05,
    paths: bool = False,
    seed: int = 0,
    progress: Progress = lambda stage: None,
    **facts: Any,
) -> Diagnosis:
    """Say how far the gradient of a network reaches on its data, where it is lost, and what helps.

    Parameters
    ----------
    network
        A network, or what ``gradflow.read`` takes: a file of weights, a torch module.
    x
        Sequences (sequences, T, inputs) or one (T, inputs); symbols as whole numbers, for a network
        with an embedding or one-hot inputs; or the name of a file of numbers or text. Made-up input
        by default, which the verdict says. Long ones are cut into windows of twice ``need``.
    need
        The lag that the task needs.
    targets
        What the loss compares the head's output with: one a sequence for a loss at the last step,
        (sequences, T) or (T,) for one at every step, with an axis of outputs behind for a squared
        error. A negative symbol, or a row with NaN, counts as none.
    lengths
        Where padded sequences end, (sequences,).
    loss
        ``"cross-entropy"``, ``"squared error"``, or a function of what the network gives, at the
        last step (sequences, units) or at every step (sequences, T, units), that returns the
        gradient by it, or a mapping from state parts (``"1.c"``) to gradients. By default the
        cross-entropy of the head where there is one, else a random linear read-out.
    at
        Where the loss is: ``"last"`` step of each sequence, or ``"every"`` step, for which the
        targets of text and symbols are those that follow. By default what ``targets`` shows, else
        the last step.
    head
        Weight (outputs, units), or weight and bias; by default that of the file.
    vocabulary
        The network's symbols in their order, for a file of text.
    lose
        Share of the parameter gradient that truncation may leave out, for the window advised.
    paths
        Split the gradient by path in networks of over 300 states too: a Jacobian a path and step.
    seed
        Of what is made up: input, read-out, freshly drawn remedies.
    progress
        Called with each of ``STAGES`` before it starts.
    **facts
        What ``gradflow.read`` takes besides.

    Raises
    ------
    UsageError
        Inputs, targets, head or loss that do not fit the network.
    InputError
        A file that cannot be read.

    Examples
    --------
    >>> import gradflow as gf
    >>> network = gf.stack("lstm", 2, hidden=8, inputs=3, rng=0, forget_bias=0.0)
    >>> found = gf.diagnose(network, need=20)
    >>> found.good, found.reach.loss_horizon.median < 20
    (False, True)
    """
    need = whole_number(need, "diagnose: need", 1, 10**6)
    seed = whole_number(seed, "diagnose: seed", 0)
    lose = real_number(lose, "diagnose: lose", 0.0, 1.0, above=True)
    widest = math.inf if flag(paths, "diagnose: paths") else _WIDEST
    function(progress, "diagnose: progress")
    if not isinstance(network, Network):
        network = read(network, **facts)
    if head is not None:
        network = replace(network, head=_head(head, network))
    progress(STAGES[0])
    subjects = subjects_of(
        network,
        x,
        need=need,
        targets=targets,
        lengths=lengths,
        loss=loss,
        at=at,
        vocabulary=vocabulary,
        seed=seed,
    )
    found = [_one(subject, need, lose, seed, widest, progress) for subject in subjects]
    return found[0] if len(found) == 1 else together(network, found)


def _one(
    subject: Subject, asked: int, lose: float, seed: int, widest: float, progress: Progress
) -> Diagnosis:
    """Diagnose one subject."""
    need = min(asked, subject.losses.longest)
    progress(STAGES[1])
    reach = reach_of(subject, need)
    left_out: dict[str, str] = dict(reach.reasons)
    if need < asked:
        left_out[f"lag {asked}"] = (
            f"no loss has more than {need} steps before it, so lag {need} is told; "
            "give longer sequences"
        )
    growth = growth_of(subject, reach.gradient, widest)
    progress(STAGES[2])
    layers = _layers(subject, reach)
    progress(STAGES[3])
    paths = _paths(subject, need, widest, left_out)
    band, reason = band_of(subject, need)
    if reason:
        left_out["certified band of the product"] = reason
    progress(STAGES[4])
    training = _training(subject, need, left_out)
    good = reach.log10_left.median >= math.log10(TOLERANCE)
    return Diagnosis(
        verdict=verdict_of(subject, reach, need, good),
        good=good,
        need=need,
        subject=subject,
        reach=reach,
        layers=layers,
        growth=growth,
        paths=paths,
        band=band,
        training=training,
        window=None if training is None else training.window(lose),
        lose=lose,
        seed=seed,
        left_out=left_out,
    )


def _head(head: Any, network: Network) -> Dense:
    weight, bias = head if isinstance(head, tuple) and len(head) == 2 else (head, None)
    matrix = real_array(weight, "diagnose: head", "weight")
    top = max(layer.level for layer in network.layers)
    units = sum(layer.hidden for layer in network.layers if layer.level == top)
    if matrix.ndim != 2 or matrix.shape[1] != units or not len(matrix):
        raise UsageError(
            f"diagnose: head has a weight of shape {matrix.shape}; it is (outputs, {units})."
        )
    vector = None if bias is None else real_array(bias, "diagnose: head", "bias")
    if vector is not None and vector.shape != (len(matrix),):
        raise UsageError(
            f"diagnose: head has a bias of shape {vector.shape}; it is ({len(matrix)},)."
        )
    return Dense(name="head that was given", weight=matrix, bias=vector)


def _layers(subject: Subject, reach: Reach) -> tuple[LayerFindings, ...]:
    run = subject.run
    logs = reach.gradient.by_unit
    assert logs is not None
    known = np.where(np.isnan(logs), -np.inf, logs)
    lives = replace(reach.gradient, by_unit=known).unit_half_lives()
    return tuple(
        layer_findings(
            subject.name_of(k), layer, run.runs[k], subject.lengths, logs[..., own], lives[own]
        )
        for k, (layer, own) in enumerate(zip(subject.network.layers, run.layers, strict=True))
    )


def _paths(
    subject: Subject, need: int, widest: float, left_out: dict[str, str]
) -> dict[str, Spread]:
    if subject.run.width > widest:
        left_out["paths"] = (
            f"paths of {subject.run.width} states are not split (at most {_WIDEST} unless they "
            "are asked for, by --paths or paths=True)"
        )
        return {}
    return path_shares(subject, need)


def _training(subject: Subject, need: int, left_out: dict[str, str]) -> Training | None:
    run = subject.run
    parameters = sum(a.size for layer in subject.network.layers for a in layer.params.values())
    work = 2.0 * len(subject.lengths) * run.steps * parameters
    if parameters > _PARAMETERS or work > _WORK:
        left_out["truncation"] = (
            f"the gradients by {parameters:,} parameters over {len(subject.lengths)} x {run.steps} "
            f"steps are not computed (at most {_PARAMETERS:,} parameters, and not for hours)"
        )
        return None
    try:
        return training_of(subject, need)
    except GradflowError as error:
        left_out["truncation"] = str(error)
        return None
