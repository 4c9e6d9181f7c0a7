"""Many small networks of one shape, trained side by side: every product is one batched product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gradflow.training.tasks.task import Task

__all__ = ["Bank", "banked", "flushed"]

Tensor = Any


@dataclass(frozen=True, eq=False, kw_only=True)
class Bank:
    """``K`` networks with the arrays of all of them side by side.

    Attributes
    ----------
    torch
        The package.
    module
        One of them, for its shape.
    parameters, buffers : mapping of str to tensor
        (K, ...) each.
    """

    torch: Any
    module: Any
    parameters: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]

    def outputs(self, x: Tensor) -> Tensor:
        """Return what the networks make of their own inputs (K, B, T, inputs)."""
        call = self.torch.func.functional_call

        def one(parameters: Any, buffers: Any, x: Tensor) -> Tensor:
            return call(self.module, {**parameters, **buffers}, (x,))

        if len(x) > 1:
            return self.torch.func.vmap(one)(self.parameters, self.buffers, x)
        # alone it may be fused, such as nn.LSTM, of which torch can make no batch of networks
        first, fixed = ({n: a[0] for n, a in of.items()} for of in (self.parameters, self.buffers))
        return one(first, fixed, x[0])[None]

    def losses(self, task: Task, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return each network's mean loss (K,) and its measure of the task (K,), on its batch.

        The loss is the squared error, or the cross-entropy in nats.
        """
        torch = self.torch
        found = self.outputs(x)[..., -y.shape[-1] :, :]
        if task.measure == "squared error":
            loss = ((found[..., 0] - y) ** 2).mean(dim=(1, 2))
            return loss, loss.detach()
        logs = torch.log_softmax(found, -1)
        loss = -logs.gather(-1, y[..., None])[..., 0].mean(dim=(1, 2))
        if task.measure == "bits":
            return loss, loss.detach() / torch.log(torch.tensor(2.0))
        right = (found.argmax(-1) == y).to(loss.dtype)
        return loss, right.mean(dim=(1, 2))

    def gradients(self, losses: Tensor, *, again: bool = False) -> list[Tensor]:
        """Return the gradient of each network's loss by its own arrays, (K, ...) each.

        With ``again`` it can be differentiated once more.
        """
        arrays = list(self.parameters.values())
        found = self.torch.autograd.grad(losses.sum(), arrays, create_graph=again)
        return list(found)

    def norms(self, gradients: Sequence[Tensor]) -> Tensor:
        """Return the norms (K,) of gradients, all arrays of a network together."""
        squares = [(g**2).flatten(1).sum(1) for g in gradients]
        return self.torch.stack(squares).sum(0).sqrt()

    def curvatures(self, losses: Tensor) -> tuple[list[Tensor], Tensor]:
        r"""Return the gradients, and :math:`g^T H g / g^T g` (K,) of each network's loss."""
        gradients = self.gradients(losses, again=True)
        still = [g.detach() for g in gradients]
        along = sum((g * s).sum() for g, s in zip(gradients, still, strict=True))
        arrays = list(self.parameters.values())
        turned = self.torch.autograd.grad(along, arrays)
        products = [(h * s).flatten(1).sum(1) for h, s in zip(turned, still, strict=True)]
        return still, self.torch.stack(products).sum(0) / self.norms(still) ** 2

    def member(self, k: int) -> dict[str, Tensor]:
        """Return the parameters of one network."""
        return {name: array[k].detach() for name, array in self.parameters.items()}


def banked(torch: Any, modules: Sequence[Any]) -> Bank:
    """Return modules of one shape as a bank; their arrays are copied."""

    def together(kind: str) -> dict[str, Tensor]:
        named = [dict(getattr(module, kind)()) for module in modules]
        return {n: torch.stack([one[n].detach() for one in named]) for n in named[0]}

    parameters = {n: a.requires_grad_() for n, a in together("named_parameters").items()}
    buffers = together("named_buffers")
    return Bank(torch=torch, module=modules[0], parameters=parameters, buffers=buffers)


@contextmanager
def flushed(torch: Any) -> Iterator[None]:
    """Let the processor take denormal numbers for zero, which a vanishing gradient is full of.

    They cost a hundred times as much. What gradflow itself computes has to keep them.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
