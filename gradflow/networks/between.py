"""What stands behind a layer of a stack: layer normalisation, and the residual connection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Between", "Normalisation"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Normalisation:
    r"""Layer normalisation, ``gain (h - mean h) / sqrt(var h + epsilon) + shift``.

    Source: Ba, Kiros & Hinton, arXiv:1607.06450, eq. 4; epsilon and the biased variance as in
    torch.nn.LayerNorm.
    """

    gain: Floats
    shift: Floats
    epsilon: float = 1e-5

    def value(self, h: Floats) -> Floats:
        """Return the normalised vectors (..., units)."""
        return self._unit(h)[0] * self.gain + self.shift

    def push(self, h: Floats, change: Floats) -> Floats:
        """Return the derivative at ``h`` (..., units) applied to columns (..., units, m)."""
        unit, size = self._unit(h)
        centred = change - change.mean(-2, keepdims=True)
        along = (unit[..., None] * change).mean(-2, keepdims=True)
        scale = (self.gain / size)[..., None]
        return np.asarray(scale * (centred - unit[..., None] * along))

    def pull(self, h: Floats, covector: Floats) -> Floats:
        """Return the transposed derivative applied to covectors (..., units)."""
        unit, size = self._unit(h)
        scaled = covector * self.gain
        centred = scaled - scaled.mean(-1, keepdims=True)
        along = (unit * scaled).mean(-1, keepdims=True)
        return np.asarray((centred - unit * along) / size)

    def _unit(self, h: Floats) -> tuple[Floats, Floats]:
        centred = h - h.mean(-1, keepdims=True)
        size = np.sqrt((centred**2).mean(-1, keepdims=True) + self.epsilon)
        return centred / size, size


@dataclass(frozen=True, eq=False, kw_only=True)
class Between:
    """From the output ``h`` of a layer and its input ``x`` to what the next layer reads.

    ``normalised(h)`` where there is a normalisation, plus ``x`` where the layer is residual.
    """

    norm: Normalisation | None = None
    residual: bool = False

    def value(self, h: Floats, x: Floats) -> Floats:
        """Return what the next layer reads."""
        given = h if self.norm is None else self.norm.value(h)
        return given + x if self.residual else given

    def push(self, h: Floats, change: Floats, below: Floats | None) -> Floats:
        """Return the change of what is given, from those of ``h`` and of the input (``below``)."""
        given = change if self.norm is None else self.norm.push(h, change)
        return given + below if self.residual and below is not None else given

    def pull(self, h: Floats, covector: Floats) -> tuple[Floats, Floats | None]:
        """Return covectors on ``h`` and, where the layer is residual, on its input."""
        back = covector if self.norm is None else self.norm.pull(h, covector)
        return back, covector if self.residual else None
