"""Steps downhill, with a rate and a clipping for each network of a bank."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

__all__ = ["OPTIMIZERS", "Adam", "Sgd", "clipped"]

Tensor = Any


def clipped(gradients: list[Tensor], norms: Tensor, clips: Tensor) -> list[Tensor]:
    """Return gradients (K, ...) scaled so that each network's norm (K,) is at most its clip."""
    factor = (clips / norms.clamp(min=1e-30)).clamp(max=1.0)
    return [g * _beside(factor, g) for g in gradients]


@dataclass(frozen=True, eq=False)
class Sgd:
    """Plain descent: ``theta - rate g``."""

    moments: tuple[list[Tensor], ...] = ()

    def step(self, arrays: list[Tensor], gradients: list[Tensor], rates: Tensor, at: int) -> None:
        """Move the arrays (K, ...) in place."""
        for array, gradient in zip(arrays, gradients, strict=True):
            array -= _beside(rates, array) * gradient


@dataclass(frozen=True, eq=False)
class Adam:
    """Adam with its usual constants (Kingma & Ba, ICLR 2015, Algorithm 1).

    ``moments`` are the running means of the gradient and of its square.
    """

    moments: tuple[list[Tensor], ...] = field(default_factory=lambda: ([], []))

    def step(self, arrays: list[Tensor], gradients: list[Tensor], rates: Tensor, at: int) -> None:
        """Move the arrays (K, ...) in place; ``at`` counts updates from 1."""
        mean, square = self.moments
        if not mean:
            mean += [a * 0 for a in arrays]
            square += [a * 0 for a in arrays]
        for array, g, m, v in zip(arrays, gradients, mean, square, strict=True):
            m.mul_(0.9).add_(g, alpha=0.1)
            v.mul_(0.999).addcmul_(g, g, value=0.001)
            away = v.sqrt().div_(math.sqrt(1 - 0.999**at)).add_(1e-8)
            array -= _beside(rates, array) * (m / (1 - 0.9**at)) / away


OPTIMIZERS: dict[str, type[Adam] | type[Sgd]] = {"adam": Adam, "sgd": Sgd}
"""By the word that :func:`gradflow.training.train` takes."""


def _beside(values: Tensor, array: Tensor) -> Tensor:
    """Return (K,) values as (K, 1, ...), one for each network of ``array`` (K, ...)."""
    return values.reshape(-1, *[1] * (array.ndim - 1))
