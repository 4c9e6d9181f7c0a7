"""The printed theorems about the ReLU network."""

from types import SimpleNamespace

import numpy as np

from oracles.runs import product
from proofs.printed.statement import (
    EPS,
    Statement,
    at_most,
    between,
    changed,
    close,
    near_one,
    network,
    size,
    turn,
)


def active(i):
    pre, h = [], np.asarray(i.state, float)
    for _ in range(i.steps):
        pre.append(i.U @ h + i.b)
        h = np.maximum(pre[-1], 0)
    return np.array(pre) > 0


def relu(i):
    return product(network("irnn", i.steps, U=i.U, b=i.b, state=i.state, units=len(i.b)))


def draw_surviving(rng):
    """The first units are always active and the last switches at random."""
    e, units = rng.uniform(0, 0.2), 3
    u = np.eye(units) + e * turn(rng, units)
    b = np.array([3.0, 3.0, rng.choice([-3.0, 0.05])])
    state = np.array([4.0, 4.0, 0.5])
    made = SimpleNamespace(U=u, e=e, b=b, state=state, steps=int(rng.integers(1, 5)))
    made.always = active(made).all(0)
    made.v = np.where(made.always, rng.standard_normal(units), 0.0)
    return made


def survive(i):
    left, first = np.linalg.norm(relu(i) @ i.v), np.linalg.norm(i.v)
    top = (1 + i.e) ** i.steps
    return at_most((2 - top) * first, left) and at_most(left, top * first)


SURVIVORS = Statement(
    draw=draw_surviving,
    hypotheses={
        "|U - I|": lambda i: at_most(size(i.U - np.eye(len(i.U))), i.e),
        "no unit sits": lambda i: True,
        "a unit counted": lambda i: active(i)[:, i.always].all(),
        "the change at": lambda i: not i.v[~i.always].any(),
    },
    conclusion=survive,
    bolder=lambda i: survive(changed(i, e=1e-9)),
    breaks={
        "|U - I|": lambda i, rng: {"U": i.U + 2 * np.diag([1.0, 1.0, 0.0])},
        "a unit counted": lambda i, rng: {
            "b": np.array([3.0, 3.0, -9.0]),
            "always": np.ones(3, bool),
            "v": np.array([0.0, 0.0, 1.0]),
        },
        "the change at": lambda i, rng: {
            "b": np.array([3.0, 3.0, -9.0]),
            "always": np.array([True, True, False]),
            "v": np.array([0.0, 0.0, 1.0]),
        },
    },
    meaning={"no unit sits": "there is no derivative, so no product to speak of"},
)


def draw_unread(rng):
    """The last unit may be inactive; the change is one that it does not read."""
    e, units = rng.uniform(0, 0.3), 3
    angle = rng.uniform(-0.5, 0.5)
    around = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    inner = around @ np.diag([1 - e, 1 + e])
    u = np.eye(units)
    u[:2, :2] = inner
    b = np.array([9.0, 9.0, rng.choice([-9.0, 1.0])])
    v = np.array([*rng.standard_normal(2), 0.0 if b[2] < 0 else rng.standard_normal()])
    steps = int(rng.integers(1, 4))
    return SimpleNamespace(U=u, e=e, b=b, state=np.array([1.0, 1.0, 0.5]), steps=steps, v=v)


def unread(i):
    v = i.v
    for on in active(i):
        if (np.abs((i.U @ v)[~on]) > EPS).any():
            return False
        v = np.where(on, i.U @ v, 0.0)
    return True


def kept(i):
    left, first = np.linalg.norm(relu(i) @ i.v), np.linalg.norm(i.v)
    return at_most((1 - i.e) ** i.steps * first, left) and at_most(
        left, (1 + i.e) ** i.steps * first
    )


UNREAD = Statement(
    draw=draw_unread,
    hypotheses={
        "0 <= e": lambda i: 0 <= i.e <= 1,
        "every singular value": near_one,
        "no unit sits": lambda i: True,
        "dh_t is the derivative": lambda i: True,
        "no inactive unit": unread,
    },
    conclusion=kept,
    bolder=lambda i: kept(changed(i, e=1e-9)),
    breaks={
        "0 <= e": lambda i, rng: {"e": 4.0, "steps": 2},
        "every singular value": lambda i, rng: {"U": np.diag([3.0, 3.0, 1.0]), "v": np.eye(3)[0]},
        "no inactive unit": lambda i, rng: {"b": np.array([9.0, 9.0, -9.0]), "v": np.eye(3)[2]},
    },
    meaning={
        "no unit sits": "there is no derivative, so no product to speak of",
        "dh_t is the derivative": "it says what a letter stands for",
    },
)


def every_unit(i):
    return active(i).all()


def draw_ones(rng):
    """Weights of the inputs and biases switch units off and on."""
    return SimpleNamespace(
        U=np.eye(3),
        b=rng.standard_normal(3),
        state=3 * rng.standard_normal(3),
        steps=int(rng.integers(1, 6)),
    )


def zero_or_one(i):
    return close(relu(i), np.diag(active(i).all(0).astype(float)))


IDENTITY = Statement(
    draw=draw_ones,
    hypotheses={
        "U = I": lambda i: close(i.U, np.eye(3)),
        "no pre-activation": lambda i: True,
    },
    conclusion=zero_or_one,
    bolder=lambda i: close(relu(i), np.eye(3)),
    breaks={"U = I": lambda i, rng: {"U": i.U + 0.3 * rng.standard_normal((3, 3))}},
    meaning={"no pre-activation": "there is no derivative, so no product to speak of"},
)


def draw_scaled(rng):
    a = rng.uniform(0.2, 1.5)
    return SimpleNamespace(
        U=a * np.eye(2), a=a, b=np.full(2, 9.0), state=np.ones(2), steps=int(rng.integers(1, 6))
    )


SCALED = Statement(
    draw=draw_scaled,
    hypotheses={"U = a I": lambda i: close(i.U, i.a * np.eye(2)), "every unit": every_unit},
    conclusion=lambda i: close(relu(i), i.a**i.steps * np.eye(2)),
    bolder=lambda i: close(relu(i), i.a ** (i.steps + 1) * np.eye(2)),
    breaks={
        "U = a I": lambda i, rng: {"U": i.U + 0.1 * rng.standard_normal((2, 2))},
        "every unit": lambda i, rng: {"b": np.array([9.0, -99.0])},
    },
)


def draw_near(rng):
    step, e = rng.standard_normal((2, 2)), rng.uniform(0, 0.3)
    u = np.eye(2) + step * e / size(step) * rng.choice([1.0, 0.5])
    return SimpleNamespace(
        U=u, e=e, b=np.full(2, 99.0), state=np.ones(2), steps=int(rng.integers(1, 4))
    )


def stays_near(i):
    return between(relu(i), (1 - i.e) ** i.steps, (1 + i.e) ** i.steps)


NEAR = Statement(
    draw=draw_near,
    hypotheses={
        "0 <= e": lambda i: 0 <= i.e <= 1,
        "|U - I|": lambda i: at_most(size(i.U - np.eye(2)), i.e),
        "every unit": every_unit,
    },
    conclusion=stays_near,
    bolder=lambda i: stays_near(changed(i, e=i.e / 4)),
    breaks={
        "0 <= e": lambda i, rng: {"e": 3.0, "steps": 2},
        "|U - I|": lambda i, rng: {"U": i.U + np.diag([0.0, 1.0])},
        "every unit": lambda i, rng: {"b": np.array([99.0, -999.0])},
    },
)
STATEMENTS = {
    "irnn.identity": IDENTITY,
    "irnn.scaled": SCALED,
    "irnn.near": NEAR,
    "irnn.survivors": SURVIVORS,
    "irnn.orthogonal": UNREAD,
}
