r"""The curvature of a loss along its gradient, which says whether a step downhill goes uphill.

To second order a step of rate :math:`\eta` changes the loss by :math:`-\eta\, g^T g +
\tfrac12 \eta^2 g^T H g`: it rises where :math:`\eta\, g^T H g / g^T g > 2`.
The product with the curvature is a central difference of two gradients, which any module has, a
fused one too.
"""

from __future__ import annotations

import math
from typing import Any

from gradflow.codegen.frameworks import library_torch

__all__ = ["curvature"]

# Length of the step to either side over that of the weights: its square, the error, is 1e-6, and
# the rounding of a float32 gradient over it 1e-4.
_STEP = 1e-3


def curvature(module: Any, x: Any, y: Any, loss: Any) -> float:
    r"""Return :math:`g^T H g / g^T g` of a probe's loss, to about three digits in float32.

    ``x`` (sequences, T, inputs) and ``y`` (sequences, S) are arrays; ``loss`` a function of the
    module, or ``None`` for the cross-entropy or squared error of its outputs. NaN for outputs that
    are laid out in another way, and where the gradient is zero.
    """
    torch = library_torch.torch("watch")
    arrays = [p for p in module.parameters() if p.requires_grad]
    saved = [p.detach().clone() for p in arrays]

    def gradient() -> list[Any]:
        with torch.enable_grad(), torch.random.fork_rng(devices=[]):  # drop-out as if unseen
            value = _loss(torch, module, x, y) if loss is None else loss(module)
            found = torch.autograd.grad(value, arrays, allow_unused=True)
        return [torch.zeros_like(p) if g is None else g for g, p in zip(found, arrays, strict=True)]

    def along(distance: float, direction: list[Any]) -> float:
        with torch.no_grad():
            for p, s, d in zip(arrays, saved, direction, strict=True):
                p.copy_(s + distance * d)
        pairs = zip(gradient(), direction, strict=True)
        return float(sum((g.double() * d.double()).sum() for g, d in pairs))

    try:
        here = gradient()
        length = _norm(here)
        step = _STEP * _norm(saved)
        if not (length > 0 and step > 0 and math.isfinite(length)):
            return math.nan
        direction = [g / length for g in here]
        return (along(step, direction) - along(-step, direction)) / (2 * step)
    except (RuntimeError, IndexError, ValueError):
        return math.nan
    finally:
        with torch.no_grad():
            for p, s in zip(arrays, saved, strict=True):
                p.copy_(s)


def _norm(arrays: list[Any]) -> float:
    return math.sqrt(sum(float((a.double() ** 2).sum()) for a in arrays))


def _loss(torch: Any, module: Any, x: Any, y: Any) -> Any:
    dtype = next(module.parameters()).dtype
    outputs = module(torch.as_tensor(x, dtype=dtype))
    target = torch.as_tensor(y)
    if outputs.ndim == 2:  # of the last step alone
        outputs = outputs[:, None]
    outputs = outputs[:, -target.shape[1] :]
    if target.is_floating_point():
        return ((outputs[..., 0] - target) ** 2).mean()
    return torch.nn.functional.cross_entropy(outputs.flatten(0, 1), target.flatten())
