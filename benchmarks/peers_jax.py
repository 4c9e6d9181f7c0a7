"""JAX: jit, vmap, jacfwd and scan in float64, the gates stacked, which is its faster form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

Arrays = dict[str, Any]


def _rnn(w: Arrays, s: Any, x: Any) -> Any:
    return jnp.tanh(w["U"] @ s + w["W"] @ x + w["b"])


def _lstm(w: Arrays, s: Any, x: Any) -> Any:
    n = w["U"].shape[1]
    a = w["U"] @ s[:n] + w["W"] @ x + w["b"]
    return _lstm_state(a, s[n:], n)


def _lstm_state(a: Any, c: Any, n: int) -> Any:
    gates = jax.nn.sigmoid(a[: 3 * n])
    new = gates[n : 2 * n] * c + gates[:n] * jnp.tanh(a[3 * n :])
    return jnp.concatenate([gates[2 * n :] * jnp.tanh(new), new])


def _gru(w: Arrays, s: Any, x: Any) -> Any:
    n = s.shape[0]
    u, fed = w["U"] @ s, w["W"] @ x + w["b"]
    gates = jax.nn.sigmoid(u[: 2 * n] + fed[: 2 * n])
    g = jnp.tanh(fed[2 * n :] + gates[:n] * (u[2 * n :] + w["d"]))
    return (1 - gates[n:]) * g + gates[n:] * s


STEP = {"rnn": _rnn, "lstm": _lstm, "gru_reset_after": _gru}


def arrays(weights: dict[str, np.ndarray]) -> Arrays:
    return {key: jnp.asarray(value) for key, value in weights.items()}


def _ready(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """A call of the compiled function that ends when its result is there."""
    fast = jax.jit(function)
    held = jax.tree.map(jnp.asarray, args)
    return lambda: jax.block_until_ready(fast(*held))


def jacobians(name: str, w: Arrays, s: np.ndarray, x: np.ndarray) -> Callable[[], Any]:
    """``jit(vmap(jacfwd))`` over the steps."""
    one = jax.jacfwd(STEP[name], 1)
    return _ready(jax.vmap(one, (None, 0, 0)), arrays(w), s, x)


def one_jacobian(name: str, w: Arrays, s: np.ndarray, x: np.ndarray) -> Callable[[], Any]:
    """``jit(jacfwd)`` of a single step."""
    return _ready(jax.jacfwd(STEP[name], 1), arrays(w), s, x)


def spectrum(
    name: str, w: Arrays, s: np.ndarray, x: np.ndarray, frame: np.ndarray, transient: int
) -> Callable[[], Any]:
    """Exponents of the frame's columns: a scan of ``J Q`` (all columns pushed by jvp) and QR.

    For a square frame the Jacobian is formed by jacfwd, once a step.
    """
    square = frame.shape[0] == frame.shape[1]

    def run(w: Arrays, s: Any, x: Any, frame: Any) -> Any:
        def step(q: Any, now: Any) -> Any:
            def f(state: Any) -> Any:
                return STEP[name](w, state, now[1])

            if square:
                image = jax.jacfwd(f)(now[0]) @ q
            else:
                push = jax.linearize(f, now[0])[1]
                image = jax.vmap(push, 1, 1)(q)
            q, r = jnp.linalg.qr(image)
            return q, jnp.log(jnp.abs(jnp.diag(r)))

        return jax.lax.scan(step, frame, (s, x))[1][transient:].mean(axis=0)

    return _ready(run, arrays(w), s, x, frame)


def _norms(name: str) -> Callable[..., Any]:
    """The gradient's norm (T,), lag 1 first, from inputs: a scan there and a scan back."""

    def run(w: Arrays, x: Any, u: Any) -> Any:
        def forward(s: Any, now: Any) -> Any:
            return STEP[name](w, s, now), s

        def back(u: Any, at: Any) -> Any:
            (u,) = jax.vjp(lambda s: STEP[name](w, s, at[1]), at[0])[1](u)
            return u, jnp.sqrt(u @ u)

        _, states = jax.lax.scan(forward, jnp.zeros_like(u), x)
        return jax.lax.scan(back, u, (states, x), reverse=True)[1][::-1]

    return run


def decay(name: str, w: Arrays, x: np.ndarray, u: np.ndarray) -> Callable[[], Any]:
    """Norms (batch, T) of inputs (batch, T, inputs), by vmap if there is more than one."""
    run = _norms(name)
    if len(x) == 1:
        return _ready(lambda w, x, u: run(w, x[0], u[0])[None], arrays(w), x, u)
    return _ready(jax.vmap(run, (None, 0, 0)), arrays(w), x, u)


def _autodiff_norms(name: str) -> Callable[..., Any]:
    """The same by one gradient through the scan, by a zero added to every state."""

    def run(w: Arrays, x: Any, u: Any) -> Any:
        def last(added: Any) -> Any:
            def forward(s: Any, now: Any) -> Any:
                return STEP[name](w, s + now[1], now[0]), None

            return u @ jax.lax.scan(forward, jnp.zeros_like(u), (x, added))[0]

        return jnp.linalg.norm(jax.grad(last)(jnp.zeros((len(x), len(u)))), axis=1)[::-1]

    return run


def compiled_decay(
    name: str, w: Arrays, x: np.ndarray, u: np.ndarray, autodiff: bool
) -> Callable[[], Any]:
    """The norms (T,) of one trajectory, compiled without being run."""
    args = (arrays(w), jnp.asarray(x), jnp.asarray(u))
    run = _autodiff_norms(name) if autodiff else _norms(name)
    fast = jax.jit(run).lower(*args).compile()
    return lambda: jax.block_until_ready(fast(*args))


def grid(
    w: Arrays, x: np.ndarray, gains: np.ndarray, shifts: np.ndarray, v: np.ndarray, skip: int
) -> Callable[[], Any]:
    """Leading exponent (points,) of an LSTM whose U is scaled and forget bias shifted, by vmap."""
    n = w["U"].shape[1]

    def run(w: Arrays, x: Any, gain: Any, shift: Any, v: Any) -> Any:
        def step(carry: Any, now: Any) -> Any:
            s, v = carry

            def f(s: Any) -> Any:
                a = gain * (w["U"] @ s[:n]) + now
                return _lstm_state(a.at[n : 2 * n].add(shift), s[n:], n)

            new, v = jax.jvp(f, (s,), (v,))
            size = jnp.sqrt(v @ v)
            return (new, v / size), jnp.log(size)

        fed = x @ w["W"].T + w["b"]
        return jax.lax.scan(step, (jnp.zeros(2 * n), v), fed)[1][skip:].mean()

    points = jax.vmap(run, (None, None, 0, 0, None))
    return _ready(points, arrays(w), x, gains, shifts, v)
