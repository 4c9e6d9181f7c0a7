"""NumPy by hand: Jacobians, QR at every step, the gradient pulled back. The references too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.linalg import lapack

Array = np.ndarray


def sigmoid(z: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def jacobians(name: str, w: dict[str, Array], s: Array, x: Array, out: Array) -> Array:
    """Fill ``out`` (T, d, d) for states ``s`` (T, d); all gates of a block in one matmul."""
    n = w["U"].shape[1]
    weights = w["U"].reshape(-1, n, n).transpose(1, 0, 2)  # (n, gates, n)
    fed = x @ w["W"].T + w["b"]
    if name == "rnn":
        new = np.tanh(s @ w["U"].T + fed)
        return np.multiply((1 - new**2)[:, :, None], w["U"], out=out)
    if name == "gru_reset_after":
        u = s @ w["U"].T
        r, z = np.split(sigmoid(u[:, : 2 * n] + fed[:, : 2 * n]), 2, axis=1)
        held = u[:, 2 * n :] + w["d"]
        g = np.tanh(fed[:, 2 * n :] + r * held)
        inner = (1 - z) * (1 - g**2)
        scales = [inner * held * r * (1 - r), (s - g) * z * (1 - z), inner * r]
        _products(scales, weights, out)
        out[:, np.arange(n), np.arange(n)] += z
        return out
    a = s[:, :n] @ w["U"].T + fed
    i, f, o = np.split(sigmoid(a[:, : 3 * n]), 3, axis=1)
    g, c = np.tanh(a[:, 3 * n :]), s[:, n:]
    squashed = np.tanh(f * c + i * g)
    through = o * (1 - squashed**2)
    di, df, dg = g * i * (1 - i), c * f * (1 - f), i * (1 - g**2)
    do = squashed * o * (1 - o)
    _products([through * di, through * df, do, through * dg], weights, out[:, :n, :n])
    _products([di, df, dg], weights[:, [0, 1, 3]], out[:, n:, :n])
    out[:, :, n:] = 0
    each = np.arange(n)
    out[:, each, n + each] = through * f
    out[:, n + each, n + each] = f
    return out


def _products(scales: list[Array], weights: Array, out: Array) -> None:
    """``sum_k diag(scales[k]) U_k`` for all steps: a matmul for every row of the result."""
    each = np.ascontiguousarray(np.stack(scales, axis=-1).transpose(1, 0, 2))
    np.matmul(each, weights, out=out.transpose(1, 0, 2))


def qr_each_step(steps: Iterable[Array], frame: Array, transient: int) -> Array:
    """Lyapunov exponents by gemm, geqrf and orgqr at every step, in place: limit and reference."""
    count, total = 0, np.zeros(frame.shape[1])
    q = np.asfortranarray(frame)
    room = int(lapack.dgeqrf_lwork(*frame.shape)[0])
    for step in steps:
        packed, tau, _, _ = lapack.dgeqrf(np.matmul(q.T, step.T).T, lwork=room, overwrite_a=1)
        count += 1
        if count > transient:
            total += np.log(np.abs(np.diag(packed)))
        q, _, _ = lapack.dorgqr(packed, tau, lwork=room, overwrite_a=1)
    return total / (count - transient)


def one_at_a_time(name: str, w: dict[str, Array], s: Array, x: Array) -> Iterable[Array]:
    """The Jacobians of :func:`jacobians`, one step in memory."""
    out = np.empty((1, s.shape[-1], s.shape[-1]))
    for t in range(len(s)):
        yield jacobians(name, w, s[t : t + 1], x[t : t + 1], out)[0]


def products_alone(weights: Array, steps: int, columns: int) -> Callable[[], Any]:
    """``steps`` products of ``weights`` with (n, columns), back to back: gemv for one column."""
    operand = np.random.default_rng(0).normal(size=(steps, weights.shape[1], columns))
    out = np.empty((steps, weights.shape[0], columns))
    return lambda: np.matmul(weights, operand, out=out)


def decay(name: str, w: dict[str, Array], x: Array, u: Array, dtype: Any = np.float64) -> Array:
    """Log of the gradient's norm (batch, T), lag 1 first, the scale kept apart at every step.

    From inputs ``x`` (batch, T, inputs), initial state 0, and ``u`` (batch, d). With
    ``dtype=numpy.longdouble`` it is the reference, where that type is longer than a double.
    """
    w = {key: value.astype(dtype) for key, value in w.items()}
    u, transposed = u.astype(dtype), np.ascontiguousarray(w["U"].T)
    fed = np.ascontiguousarray((x.astype(dtype) @ w["W"].T + w["b"]).swapaxes(0, 1))
    factors, back = _FORWARD[name](transposed, fed)
    norms = np.empty((len(fed), len(u)), dtype)
    scale = np.zeros(len(u), dtype)
    for lag, t in enumerate(range(len(fed) - 1, -1, -1)):
        u = back(u, w["U"], *(f[t] for f in factors))
        size = np.sqrt((u * u).sum(axis=-1))
        u = u / size[:, None]
        scale = scale + np.log(size)
        norms[lag] = scale
    return norms.T.astype(np.float64)


def _rnn(transposed: Array, fed: Array) -> Any:
    h, states = np.zeros_like(fed[0]), np.empty_like(fed)
    for t, z in enumerate(fed):
        states[t] = h = np.tanh(h @ transposed + z)
    return (1 - states * states,), lambda u, weights, slope: (u * slope) @ weights


def _lstm(transposed: Array, fed: Array) -> Any:
    steps, batch, n = fed.shape[0], fed.shape[1], transposed.shape[0]
    gates = np.empty_like(fed)
    cells = np.zeros((steps + 1, batch, n), fed.dtype)
    h = np.zeros((batch, n), fed.dtype)
    for t, z in enumerate(fed):
        a = h @ transposed + z
        a[:, : 3 * n] = sigmoid(a[:, : 3 * n])
        a[:, 3 * n :] = np.tanh(a[:, 3 * n :])
        gates[t] = a
        i, f, o, g = np.split(a, 4, axis=1)
        cells[t + 1] = f * cells[t] + i * g
        h = o * np.tanh(cells[t + 1])

    def back(u: Array, weights: Array, gates: Array, c: Array, new: Array) -> Array:
        i, f, o, g = np.split(gates, 4, axis=1)
        squashed = np.tanh(new)
        uc = u[:, n:] + u[:, :n] * o * (1 - squashed**2)
        by_gate = (
            uc * g * i * (1 - i),
            uc * c * f * (1 - f),
            u[:, :n] * squashed * o * (1 - o),
            uc * i * (1 - g * g),
        )
        return np.concatenate([np.concatenate(by_gate, axis=1) @ weights, uc * f], axis=1)

    return (gates, cells[:-1], cells[1:]), back


_FORWARD = {"rnn": _rnn, "lstm": _lstm}
