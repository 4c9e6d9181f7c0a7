"""A file that a framework wrote, with an input and what the framework's top layer gives for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Sample:
    """``y`` (T, units of all directions) is the framework's answer to ``x`` (T, inputs).

    ``advance`` takes a state (n,) of all layers, h before c, and inputs (steps, inputs), and
    returns the state behind them, in arrays that ``library`` differentiates; ``None`` of two
    directions.
    """

    path: Path
    x: np.ndarray
    y: np.ndarray
    facts: Mapping[str, Any] = field(default_factory=dict)
    advance: Callable[[Any, np.ndarray], Any] | None = None
    library: str = "torch"


def drawn_input(steps=6, inputs=3):
    """Numbers large enough that hard and clipped functions reach their ends."""
    return 2 * np.random.default_rng(7).normal(size=(steps, inputs)).astype(np.float32)


def drawn(shape, rng, scale=0.8):
    """Weights of float32 without symmetry."""
    return (scale * rng.normal(size=shape)).astype(np.float32)


def top_outputs(network, x):
    """What the top layer of a network that was read gives, its directions side by side."""
    runs = network.layer_runs(x)
    top = network.layers[-1].level
    found = []
    for layer, run in zip(network.layers, runs, strict=True):
        if layer.level == top:
            h = run.states["h"][1:]
            found.append(h[::-1] if layer.direction == "reverse" else h)
    return np.concatenate(found, axis=-1)
