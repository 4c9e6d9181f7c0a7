"""What a watch sees of a torch loop by itself: gradients as summed and as used, the rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from gradflow.codegen.frameworks import library_torch

__all__ = ["Gradients", "hooked"]


class Gradients:
    """Norms of the gradient of one module, as they come by.

    ``bad`` is called with the module's last input where one is no finite number.
    """

    def __init__(self, bad: Callable[[Any], None]) -> None:
        self.rate = math.nan
        self._bad = bad
        self._norms: dict[int, Any] = {}
        self._used = math.nan
        self._input: Any = None

    def summed(self, parameter: Any) -> None:
        """Take note of the gradient of one parameter when backward has summed it."""
        self._norms[id(parameter)] = library_torch.norm(parameter.grad)

    def entered(self, inputs: Any) -> None:
        """Take note of the module's input."""
        self._input = inputs[0] if inputs else None

    def used(self, parameters: list[Any], rate: float) -> None:
        """Take note of the gradient that the optimizer is about to use."""
        self.rate = rate
        gradients = [p.grad for p in parameters if p.grad is not None]
        self._used = _together(map(library_torch.norm, gradients))
        if not math.isfinite(self._used):  # or float32 does not hold the squares alone
            self._used = _together(library_torch.norm(g.cpu().double()) for g in gradients)
        if not math.isfinite(self._used):
            given = self._input
            wide = given is not None and getattr(given, "ndim", 0) == 3
            self._bad(given.detach().cpu().double().numpy() if wide else None)

    def taken(self) -> tuple[float, float]:
        """Return both norms of the update that was made, and forget them."""
        before = _together(self._norms.values()) if self._norms else math.nan
        found = before, self._used
        self._norms.clear()
        self._used = math.nan
        return found


def _together(norms: Iterable[Any]) -> float:
    return math.hypot(*[norm.item() for norm in norms])


@contextmanager
def hooked(module: Any, gradients: Gradients) -> Iterator[None]:
    """Let ``gradients`` see backward, the optimizer's step and the input of ``module``."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    known = {id(p) for p in parameters}

    def before_step(optimizer: Any, args: Any, kwargs: Any) -> None:
        groups = [g for g in optimizer.param_groups if any(id(p) in known for p in g["params"])]
        if groups:
            gradients.used(parameters, max(float(g["lr"]) for g in groups))

    hooks = [p.register_post_accumulate_grad_hook(gradients.summed) for p in parameters]
    hooks.append(module.register_forward_pre_hook(lambda _, inputs: gradients.entered(inputs)))
    hooks.append(library_torch.before_steps(before_step))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
