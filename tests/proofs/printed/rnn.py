"""The printed theorems about the vanilla RNN."""

from types import SimpleNamespace

import numpy as np

from oracles.runs import product
from proofs.printed.statement import (
    Statement,
    at_most,
    between,
    changed,
    close,
    near_one,
    network,
    recovers,
    size,
    turn,
)


def draw_weighted(rng):
    q = np.exp(rng.uniform(0, 2, 2))
    u = rng.standard_normal((2, 2)) * q[None, :] / q[:, None]
    rho = rng.uniform(0.3, 0.9)
    u *= rho / size(q[:, None] * u / q)
    steps = int(rng.integers(1, 6))
    return SimpleNamespace(q=q, U=u, rho=rho, lo=q.min(), hi=q.max(), steps=steps)


def vanishes(i):
    found = size(product(network("rnn", i.steps, U=i.U)))
    return at_most(found, i.hi / i.lo * i.rho**i.steps) and recovers(i.rho)


VANISHING = Statement(
    draw=draw_weighted,
    hypotheses={
        "0 < q_min": lambda i: 0 < i.lo <= i.hi,
        "q_min <= q_i": lambda i: (i.lo <= i.q).all() and (i.q <= i.hi).all(),
        "0 < rho": lambda i: 0 < i.rho < 1,
        "|Q U v|": lambda i: at_most(size(i.q[:, None] * i.U / i.q), i.rho),
    },
    conclusion=vanishes,
    bolder=lambda i: vanishes(changed(i, rho=0.25, steps=1, hi=i.lo)),
    breaks={
        "0 < q_min": lambda i, rng: {"lo": -i.lo},
        "q_min <= q_i": lambda i, rng: {"lo": i.hi},
        "0 < rho": lambda i, rng: {"rho": 1.5},
        "|Q U v|": lambda i, rng: {"U": 30 * i.U},
    },
)


def draw_turned(rng):
    e = rng.uniform(0, 0.5)
    u = turn(rng) @ np.diag([1 - e, 1 + e]) @ turn(rng)
    h = rng.uniform(-0.2, 0.2, 2)
    made = SimpleNamespace(U=u, e=e, state=h, steps=int(rng.integers(1, 4)), m=0.0)
    made.m = slope(made)
    return made


def slope(i):
    return float(
        1 - np.abs(network("rnn", i.steps, U=i.U, state=i.state).states["h"][1:]).max() ** 2
    )


def turned(i):
    found = product(network("rnn", i.steps, U=i.U, state=i.state))
    return between(found, (i.m * (1 - i.e)) ** i.steps, (1 + i.e) ** i.steps)


TURNED = Statement(
    draw=draw_turned,
    hypotheses={
        "0 <= e": lambda i: 0 <= i.e <= 1,
        "every singular value": near_one,
        "m >= 0": lambda i: i.m >= 0,
        "tanh'": lambda i: at_most(i.m, slope(i)),
    },
    conclusion=turned,
    bolder=lambda i: turned(changed(i, e=1e-9)),
    breaks={
        "0 <= e": lambda i, rng: {"e": 4.0, "steps": 2},
        "every singular value": lambda i, rng: {"U": 3 * i.U, "state": 0 * i.state, "m": 0.0},
        "m >= 0": lambda i, rng: {"m": -3.0, "steps": 2},
        "tanh'": lambda i, rng: {"m": 5.0},
    },
)


def norm_at_least(i):
    return at_most(size(i.U), i.k)


def draw_enlarging(rng):
    u = rng.standard_normal((2, 2)) * rng.choice([0.5, 3.0])
    return SimpleNamespace(U=u, k=size(u) * rng.uniform(1, 1.2), steps=int(rng.integers(1, 5)))


def explodes_only_above_one(i):
    return size(product(network("rnn", i.steps, U=i.U))) <= 1 + 1e-9 or i.k > 1


EXPLODING = Statement(
    draw=draw_enlarging,
    hypotheses={"|U|": norm_at_least},
    conclusion=explodes_only_above_one,
    bolder=lambda i: size(product(network("rnn", i.steps, U=i.U))) <= 1 or i.k > 9,
    breaks={"|U|": lambda i, rng: {"k": 0.9, "U": 3 * turn(rng)}},
)


def draw_attained(rng):
    """The map of the inputs ignores the input that is given."""
    x = rng.standard_normal(2)
    a = rng.uniform(-2, 2)
    return SimpleNamespace(
        U=a * np.eye(2),
        a=a,
        W=np.outer(rng.standard_normal(2), [-x[1], x[0]]),
        x=x,
        b=np.zeros(2),
        h=np.zeros(2),
        steps=int(rng.integers(1, 6)),
    )


def attained(i):
    whole = product(network("rnn", i.steps, U=i.U, W=i.W, x=i.x, b=i.b, state=i.h))
    return close(whole, i.a**i.steps * np.eye(2)) and close(size(whole), size(i.U) ** i.steps)


ATTAINED = Statement(
    draw=draw_attained,
    hypotheses={
        "U = a I": lambda i: close(i.U, i.a * np.eye(2)),
        "W x_t": lambda i: close(i.W @ i.x, 0),
        "b = 0": lambda i: not i.b.any(),
        "h_0": lambda i: not i.h.any(),
    },
    conclusion=attained,
    bolder=lambda i: attained(changed(i, a=i.a * 1.01)),
    breaks={
        "U = a I": lambda i, rng: {"U": i.U * [[1.0, 0.0], [0.0, 0.5]]},
        "W x_t": lambda i, rng: {"x": i.x + rng.standard_normal(2)},
        "b = 0": lambda i, rng: {"b": rng.standard_normal(2)},
        "h_0": lambda i, rng: {"h": rng.standard_normal(2)},
    },
)
SHEAR = np.array([[2.0, -2.0], [2.0, -2.0]])
HELD = np.array([0.0, 3**0.5 / 2])


def draw_held(rng):
    """Inputs that hold the state; their map, the bias and the start are anything."""
    return SimpleNamespace(
        U=SHEAR,
        W=turn(rng) @ np.diag([1.0, 2.0]),
        b=rng.standard_normal(2),
        h=rng.uniform(-1, 1, 2),
        held=HELD,
        v=np.array([4.0, 1.0]),
        steps=int(rng.integers(1, 8)),
    )


def held(i):
    """The inputs are found from the equations, so that the state is the one that is held."""
    states = [i.h, *[i.held] * (i.steps - 1)]
    x = [np.linalg.solve(i.W, np.arctanh(i.held) - i.U @ h - i.b) for h in states]
    return product(network("rnn", i.steps, U=i.U, W=i.W, b=i.b, x=x, state=i.h)) @ i.v


RADIUS = Statement(
    draw=draw_held,
    hypotheses={
        "U = ": lambda i: close(i.U, SHEAR) and close(i.U @ i.U, 0),
        "the inputs hold": lambda i: close(i.held, HELD) and close(1 - i.held**2, [1, 0.25]),
        "the gradient starts": lambda i: close(i.v, [4, 1]),
    },
    conclusion=lambda i: close(held(i), 1.5**i.steps * np.array([4.0, 1.0])),
    bolder=lambda i: close(held(i), 1.6**i.steps * np.array([4.0, 1.0])),
    breaks={
        "U = ": lambda i, rng: {"U": SHEAR + rng.standard_normal((2, 2))},
        "the inputs hold": lambda i, rng: {"held": np.array([0.0, rng.uniform(0, 0.8)])},
        "the gradient starts": lambda i, rng: {"v": rng.standard_normal(2)},
    },
)
STATEMENTS = {
    "rnn.vanishing": VANISHING,
    "rnn.exploding": EXPLODING,
    "rnn.attained": ATTAINED,
    "rnn.orthogonal": TURNED,
    "rnn.radius": RADIUS,
}
