"""The diagnosis of a network: one verdict with its number, and everything that stands behind it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import real_array
from gradflow.errors import GradflowError, UsageError
from gradflow.networks import Dense, Network, read
from gradflow.spectra import Truncation
from gradflow.studies.diagnosis.layers import LayerFindings, layer_findings
from gradflow.studies.diagnosis.reach import TOLERANCE, Reach, reach_of
from gradflow.studies.diagnosis.record import Diagnosis
from gradflow.studies.diagnosis.remedies import remedies
from gradflow.studies.diagnosis.spread import Spread, spread
from gradflow.studies.diagnosis.subject import Subject, checked_need, subject_of
from gradflow.studies.diagnosis.words import verdict_of

__all__ = ["STAGES", "diagnose"]

Floats = NDArray[np.float64]
Progress = Callable[[str], None]

STAGES = ("running the network", "reach", "layers", "paths", "truncation", "remedies")
"""What a diagnosis announces, in order."""

_WIDEST = 300  # states beyond which paths and truncation are not computed
_WINDOWS = (5, 10, 20, 35, 50, 100, 200)


def diagnose(
    network: Network | str | os.PathLike[str] | Any,
    x: Any = None,
    *,
    need: int = 100,
    targets: ArrayLike | None = None,
    loss: str | Callable[[Floats], ArrayLike] | None = None,
    head: ArrayLike | tuple[ArrayLike, ArrayLike] | None = None,
    vocabulary: str | Sequence[str] | None = None,
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
        What the loss compares the head's output at the last step with, one a sequence.
    loss
        ``"cross-entropy"``, ``"squared error"``, or a function of the top layer's last ``h``
        (sequences, units) that returns the gradient by it. By default the cross-entropy of the head
        where there is one, else a random linear read-out.
    head
        Weight (outputs, units), or weight and bias; by default that of the file.
    vocabulary
        The network's symbols in their order, for a file of text.
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
    need = checked_need(need)
    if not isinstance(network, Network):
        network = read(network, **facts)
    if head is not None:
        network = replace(network, head=_head(head, network))
    progress(STAGES[0])
    subject = subject_of(
        network, x, need=need, targets=targets, loss=loss, vocabulary=vocabulary, seed=seed
    )
    run, covector = subject.run, subject.covector
    need = min(need, run.steps)
    progress(STAGES[1])
    reach = reach_of(run, covector, need)
    left_out: dict[str, str] = dict(reach.reasons)
    progress(STAGES[2])
    layers = _layers(subject, reach)
    progress(STAGES[3])
    paths = _paths(subject, need, left_out)
    progress(STAGES[4])
    truncation, clipping = _training(subject, need, left_out)
    good = reach.log10_left.median >= math.log10(TOLERANCE)
    progress(STAGES[5])
    tried = () if good else tuple(remedies(subject, need, seed))
    return Diagnosis(
        verdict=verdict_of(subject, reach, need, good),
        good=good,
        need=need,
        subject=subject,
        reach=reach,
        layers=layers,
        paths=paths,
        truncation=truncation,
        clipping=clipping,
        remedies=tried,
        left_out=left_out,
    )


def _head(head: Any, network: Network) -> Dense:
    weight, bias = head if isinstance(head, tuple) and len(head) == 2 else (head, None)
    matrix = real_array(weight, "diagnose: head", "weight")
    units = network.layers[-1].hidden
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
    lives = reach.gradient.unit_half_lives()
    assert logs is not None
    return tuple(
        layer_findings(layer, own, logs[..., place], lives[place])
        for layer, own, place in zip(subject.network.layers, run.runs, run.layers, strict=True)
    )


def _paths(subject: Subject, need: int, left_out: dict[str, str]) -> dict[str, float]:
    if subject.run.width > _WIDEST:
        left_out["paths"] = f"paths of {subject.run.width} states are not split (at most {_WIDEST})"
        return {}
    single = subject.run.one(0)
    shares = single.paths(subject.covector[0]).share()
    found = {path: float(values[need - 1]) for path, values in shares.items()}
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def _training(
    subject: Subject, need: int, left_out: dict[str, str]
) -> tuple[Truncation | None, Spread | None]:
    run = subject.run
    if run.width > _WIDEST:
        left_out["truncation"] = (
            f"parameter gradients of {run.width} states are not computed (at most {_WIDEST})"
        )
        return None, None
    windows = [w for w in _WINDOWS if w < run.steps]
    try:
        cut = run.one(0).truncation(subject.covector[0], windows or [1])
        norms = []
        for i in range(len(subject.covector)):
            total = run.one(i).parameter_gradient(subject.covector[i], 1).log_total
            squares = [2 * float(np.ravel(log)[0]) for log in total.values()]
            norms.append(float(np.logaddexp.reduce(squares)) / 2)
    except GradflowError as error:
        left_out["truncation"] = str(error)
        return None, None
    return cut, spread(norms)
