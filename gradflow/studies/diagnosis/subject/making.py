"""From what is given to what is diagnosed: one subject, or one for each layer and direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow.errors import UsageError
from gradflow.networks import Network
from gradflow.studies.diagnosis.subject.inputs import Windows, windows_of
from gradflow.studies.diagnosis.subject.losses import Aim, Callback, aim_of
from gradflow.studies.diagnosis.subject.subject import Subject, subject_of
from gradflow.studies.diagnosis.subject.ways import has_ways, ways_of

__all__ = ["subjects_of"]


def subjects_of(
    network: Network,
    x: Any,
    *,
    need: int,
    targets: ArrayLike | None,
    lengths: ArrayLike | None,
    loss: str | Callback | None,
    at: str | None,
    vocabulary: str | Sequence[str] | None,
    seed: int,
) -> list[Subject]:
    """Run a network and take the gradient of its loss; several where it reads from both ends.

    Sequences without a loss, all of whose targets are masked, are left out. Raises ``UsageError``
    for inputs, targets or a loss that do not fit the network; see ``diagnose``.
    """
    windows = windows_of(
        network,
        x,
        steps=2 * need,
        targets=targets,
        lengths=lengths,
        vocabulary=vocabulary,
        seed=seed,
    )
    aim = aim_of(loss, at, windows.targets, windows.following, windows.lengths)
    found = _subjects(network, windows, aim, seed)
    there = np.asarray(found[0].losses.rows.any(axis=(1, 2)))
    if not there.any():
        raise UsageError(
            "diagnose: the gradient of the loss is exactly zero on all sequences; give targets and "
            "a loss that what the network gives changes."
        )
    if there.all():
        return found
    if callable(loss):
        raise UsageError(
            f"diagnose: loss returns a gradient of exactly zero for {int((~there).sum())} of "
            f"{len(there)} sequences; leave those out."
        )
    some = _chosen(windows, np.flatnonzero(there))
    fewer = replace(aim, targets=None if aim.targets is None else aim.targets[there])
    return _subjects(network, some, fewer, seed)


def _subjects(network: Network, windows: Windows, aim: Aim, seed: int) -> list[Subject]:
    if has_ways(network):
        return ways_of(network, windows, aim, seed)
    return [subject_of(network, windows, aim, seed)]


def _chosen(windows: Windows, kept: np.ndarray[Any, np.dtype[np.int64]]) -> Windows:
    return replace(
        windows,
        values=windows.values[kept],
        lengths=windows.lengths[kept],
        words=f"{windows.words}, {len(kept)} of which have a loss",
    )
