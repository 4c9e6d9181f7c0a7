"""The printed theorems about the LSTM's gates, its cell state, and what is not true of it."""

from types import SimpleNamespace

import numpy as np

from gradflow.proofs.weights.values import values_along
from oracles.runs import product
from proofs.printed.statement import Statement, at_most, changed, close, network, sigma, size


def lstm(i):
    return network("lstm", i.steps, len(i.h), x=i.x, start={"h": i.h, "c": i.c}, **i.params)


def draw_any(rng, units=2):
    """Weights of any size; the state starts inside [-1, 1]."""
    scale = rng.choice([0.1, 1.0, 4.0])
    params = {f"{m}_{k}": scale * rng.standard_normal((units, units)) for m in "UW" for k in "ifog"}
    params |= {f"b_{k}": rng.standard_normal(units) for k in "ifog"}
    h, c = rng.uniform(-1, 1, (2, units))
    x = rng.standard_normal(units)
    return SimpleNamespace(params=params, h=h, c=c, x=x, steps=int(rng.integers(1, 6)))


def gates(i):
    return values_along(lstm(i))["f"]


def along_the_direct_path(i, power):
    """dc'/dc with h held, step by step."""
    f, run = gates(i), lstm(i)
    direct = np.eye(len(i.h))
    for j in run.jacobians():
        direct = j[run.parts["c"], run.parts["c"]] @ direct
    entries = np.prod(f, 0)
    exact = np.allclose(direct, np.diag(entries), rtol=1e-12, atol=1e-300)
    return exact and f.min() ** power * (1 - 1e-12) <= entries.min() and entries.max() <= 1


DIRECT = Statement(
    draw=draw_any,
    conclusion=lambda i: along_the_direct_path(i, i.steps),
    bolder=lambda i: along_the_direct_path(i, i.steps / 2),
)


def draw_forget(rng):
    made = draw_any(rng, units=int(rng.integers(1, 4)))
    p = made.params
    made.k = {m: size(p[f"{m}_f"]) * rng.uniform(1, 1.2) for m in "UW"}
    made.X = np.linalg.norm(made.x) * rng.uniform(1, 1.2)
    made.b = p["b_f"].min() - rng.choice([0.0, 0.5])
    return made


def stays_open(i, less=1.0):
    taken = i.k["U"] * len(i.h) ** 0.5 + i.k["W"] * i.X
    return gates(i).min() >= sigma(i.b - less * taken) * (1 - 1e-9)


def against(i, name):
    """The direction that lowers the first forget gate most."""
    row = i.params[name][0]
    return -row / np.linalg.norm(row)


FORGET_BIAS = Statement(
    draw=draw_forget,
    hypotheses={
        "|U_f| is": lambda i: at_most(size(i.params["U_f"]), i.k["U"]),
        "|W_f| is": lambda i: at_most(size(i.params["W_f"]), i.k["W"]),
        "|h_t|": lambda i: np.abs(lstm(i).states["h"]).max() <= 1,
        "|x_t|": lambda i: at_most(np.linalg.norm(i.x), i.X),
        "b_f >= b": lambda i: i.params["b_f"].min() >= i.b,
    },
    conclusion=stays_open,
    bolder=lambda i: stays_open(i, less=0.1),
    breaks={
        "|U_f| is": lambda i, rng: {
            "k": i.k | {"U": 0.0},
            "h": np.sign(against(i, "U_f")),
            "x": 0 * i.x,
            "X": 0.0,
            "params": i.params | {"b_f": i.b},
        },
        "|W_f| is": lambda i, rng: {"k": i.k | {"W": 0.0}, "x": 50 * against(i, "W_f"), "X": 50.0},
        "|h_t|": lambda i, rng: {"h": 50 * against(i, "U_f")},
        "|x_t|": lambda i, rng: {"x": 50 * against(i, "W_f")},
        "b_f >= b": lambda i, rng: {"b": i.params["b_f"].max() + 50},
    },
)


def draw_height(rng):
    made = draw_any(rng)
    made.most = gates(made).max()
    made.C = 1 / (1 - made.most) * rng.uniform(1, 1.2)
    return made


def stays_within(i, share=1.0):
    return at_most(np.abs(lstm(i).states["c"]).max(), share * i.C)


def filling(i, **change):
    """The input is taken in at every step, and the forget gates are 0.73."""
    params = {k: 0 * np.asarray(v) for k, v in i.params.items()}
    full = params | {"b_i": 9.0, "b_g": 9.0, "b_f": 1.0}
    return {"params": full, "most": sigma(1.0), "c": np.zeros(2), "C": 4.0, "steps": 40} | change


CELL_STATE = Statement(
    draw=draw_height,
    hypotheses={
        "C (1": lambda i: at_most(1, i.C * (1 - i.most)),
        "|c_0|": lambda i: at_most(np.abs(i.c).max(), i.C),
        "f_t": lambda i: at_most(gates(i).max(), i.most),
    },
    conclusion=stays_within,
    bolder=lambda i: stays_within(i, 0.5),
    breaks={
        "C (1": lambda i, rng: filling(i, C=3.0),
        "|c_0|": lambda i, rng: {"c": 2 * np.full(2, i.C)},
        "f_t": lambda i, rng: filling(i, most=0.5, C=2.0),
    },
)


def draw_unconnected(rng):
    made = draw_any(rng)
    made.params |= {f"U_{k}": np.zeros((2, 2)) for k in "ifog"}
    made.v = np.array([*rng.standard_normal(2), 0.0, 0.0])
    return made


SOME_VANISH = Statement(
    draw=draw_unconnected,
    hypotheses={
        "every recurrent": lambda i: not any(i.params[f"U_{k}"].any() for k in "ifog"),
        "the change": lambda i: not i.v[2:].any(),
    },
    conclusion=lambda i: not (product(lstm(i)) @ i.v).any(),
    bolder=lambda i: not product(lstm(i)).any(),
    breaks={
        "every recurrent": lambda i, rng: {
            "params": i.params | {"U_g": rng.standard_normal((2, 2))}
        },
        "the change": lambda i, rng: {"v": rng.standard_normal(4)},
    },
)
DOUBLED = np.array([1.0, 2.0])


def draw_doubling(rng):
    """One unit; inputs that add nothing, since either they or their maps are 0; any other maps."""
    params = {f"W_{k}": np.array([[rng.standard_normal()]]) for k in "ifog"} | {"U_g": 6.0}
    x = np.zeros(1)
    if rng.random() < 0.5:
        params, x = {"U_g": 6.0}, rng.standard_normal(1)
    params |= {f"U_{k}": rng.uniform(-9, 9) for k in "ifo"}
    steps = int(rng.integers(1, 8))
    return SimpleNamespace(params=params, x=x, h=np.zeros(1), c=np.zeros(1), v=DOUBLED, steps=steps)


def doubles(i):
    v = np.outer(i.v, np.ones(len(i.h))).ravel()
    run = lstm(i)
    return not run.flat_states.any() and close(product(run) @ v, 2.0**i.steps * v)


def added(i):
    return [i.params.get(f"W_{k}", 0.0) * i.x for k in "ifog"]


CAN_EXPLODE = Statement(
    draw=draw_doubling,
    hypotheses={
        "one unit": lambda i: len(i.h) == 1 and i.params["U_g"] == 6,
        "the input adds": lambda i: not np.any(added(i)),
        "all biases": lambda i: not any(i.params.get(f"b_{k}", 0.0) for k in "ifog"),
        "the state starts": lambda i: not i.h.any() and not i.c.any(),
        "the gradient": lambda i: close(i.v, DOUBLED),
    },
    conclusion=doubles,
    bolder=lambda i: doubles(changed(i, params=i.params | {"U_g": 6.1})),
    breaks={
        "one unit": lambda i, rng: {"params": i.params | {"U_g": rng.uniform(0, 5)}},
        "the input adds": lambda i, rng: {"x": np.ones(1), "params": {"U_g": 6.0, "W_f": 1.0}},
        "all biases": lambda i, rng: {"params": i.params | {"b_i": rng.uniform(1, 3)}},
        "the state starts": lambda i, rng: {"h": rng.uniform(0.1, 1, 1)},
        "the gradient": lambda i, rng: {"v": rng.uniform(-1, 1, 2)},
    },
)
STATEMENTS = {
    "lstm.direct": DIRECT,
    "lstm.forget_bias": FORGET_BIAS,
    "lstm.cell_state": CELL_STATE,
    "lstm.some_vanish": SOME_VANISH,
    "lstm.can_explode": CAN_EXPLODE,
}
