"""A training step of ``gf.to_torch`` beside torch's fused module: forward, loss, backward.

One run has both, so that the ratio holds on a busy machine. gradflow's module takes any declared
cell, keeps every state part and can be differentiated twice and vectorised; the fused one cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from measure import GRADFLOW, PEER, Row, Work, compare, largest

import gradflow as gf

HIDDEN, INPUTS, BATCH = 100, 20, 16
FUSED = {"rnn": "RNN", "lstm": "LSTM", "gru_reset_after": "GRU"}


def rows(quick: bool) -> Iterator[Row]:
    for name in FUSED:
        for steps in (12, 24) if quick else (64, 400):
            work = f"{name}, one training step of T = {steps}, n = {HIDDEN}, batch {BATCH}"
            if find_spec("torch") is None:
                empty = [
                    Work("torch, fused", PEER, None, note="torch is not installed"),
                    Work("gradflow, torch", GRADFLOW, None, note="torch is not installed"),
                ]
                yield compare("training", work, empty, quick=quick)
                continue
            fused, ours, wanted = _steps(name, steps)
            works = [
                Work("torch, fused", PEER, fused),
                Work("gradflow, torch", GRADFLOW, ours),
            ]
            yield compare("training", work, works, largest(wanted), quick)


def _steps(name: str, steps: int) -> tuple[Callable[[], Any], Callable[[], Any], np.ndarray]:
    """Return both steps, whose result is the gradient by the input, and that gradient."""
    import torch

    torch.manual_seed(0)
    module = getattr(torch.nn, FUSED[name])(INPUTS, HIDDEN, batch_first=True)
    layer = gf.read(module).layers[0]
    ours = gf.to_torch(layer.cell, layer.params)
    x = torch.randn(BATCH, steps, INPUTS, requires_grad=True)
    weights = torch.randn(BATCH, steps, HIDDEN)

    def step(run: Any, parameters: Any) -> np.ndarray:
        x.grad = None
        for parameter in parameters:
            parameter.grad = None
        (run(x)[0][..., :HIDDEN] * weights).sum().backward()
        return x.grad.numpy().astype(np.float64)

    def fused() -> np.ndarray:
        return step(module, list(module.parameters()))

    def declared() -> np.ndarray:
        return step(ours, list(ours.parameters()))

    return fused, declared, fused()
