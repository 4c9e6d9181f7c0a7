"""torch: vmap(jacrev), jvp and autograd in float64 on the CPU, the gates stacked."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

Tensors = dict[str, torch.Tensor]


def _rnn(w: Tensors, s: Any, x: Any) -> Any:
    return torch.tanh(w["U"] @ s + w["W"] @ x + w["b"])


def _lstm(w: Tensors, s: Any, x: Any) -> Any:
    n = w["U"].shape[1]
    a = w["U"] @ s[:n] + w["W"] @ x + w["b"]
    gates = torch.sigmoid(a[: 3 * n])
    new = gates[n : 2 * n] * s[n:] + gates[:n] * torch.tanh(a[3 * n :])
    return torch.cat([gates[2 * n :] * torch.tanh(new), new])


def _gru(w: Tensors, s: Any, x: Any) -> Any:
    n = s.shape[0]
    u, fed = w["U"] @ s, w["W"] @ x + w["b"]
    gates = torch.sigmoid(u[: 2 * n] + fed[: 2 * n])
    g = torch.tanh(fed[2 * n :] + gates[:n] * (u[2 * n :] + w["d"]))
    return (1 - gates[n:]) * g + gates[n:] * s


STEP = {"rnn": _rnn, "lstm": _lstm, "gru_reset_after": _gru}


def tensors(weights: dict[str, np.ndarray]) -> Tensors:
    return {key: torch.from_numpy(value) for key, value in weights.items()}


def jacobians(
    name: str, weights: dict[str, np.ndarray], s: np.ndarray, x: np.ndarray
) -> Callable[[], Any]:
    """``vmap(jacrev)`` over the steps."""
    w, s, x = tensors(weights), torch.from_numpy(s), torch.from_numpy(x)
    each = torch.func.vmap(torch.func.jacrev(lambda s, x: STEP[name](w, s, x)))
    return lambda: each(s, x)


def spectrum(
    name: str,
    weights: dict[str, np.ndarray],
    s: np.ndarray,
    x: np.ndarray,
    frame: np.ndarray,
    transient: int,
) -> Callable[[], Any]:
    """Exponents of the frame's columns: each pushed by jvp under vmap, then QR, step by step."""
    w, s, x = tensors(weights), torch.from_numpy(s), torch.from_numpy(x)
    first = torch.from_numpy(frame)

    def push(state: Any, now: Any, column: Any) -> Any:
        return torch.func.jvp(lambda s: STEP[name](w, s, now), (state,), (column,))[1]

    image = torch.func.vmap(push, (None, None, 1), 1)

    def call() -> Any:
        q, total = first, torch.zeros(first.shape[1], dtype=torch.float64)
        for t in range(len(s)):
            q, r = torch.linalg.qr(image(s[t], x[t], q))
            if t >= transient:
                total += torch.log(torch.abs(torch.diag(r)))
        return total / (len(s) - transient)

    return call


def decay(
    name: str, weights: dict[str, np.ndarray], x: np.ndarray, u: np.ndarray
) -> Callable[[], Any]:
    """Norms (1, T), lag 1 first: autograd by every state of one run from inputs (1, T, inputs)."""
    w, x, u = tensors(weights), torch.from_numpy(x[0]), torch.from_numpy(u[0])

    def call() -> Any:
        state = torch.zeros_like(u, requires_grad=True)
        states = [state]
        for now in x:
            state = STEP[name](w, state, now)
            states.append(state)
        found = torch.autograd.grad(u @ states[-1], states[:-1])
        return torch.stack([torch.linalg.vector_norm(g) for g in found[::-1]])[None]

    return call
