"""The printed theorems about the LSTM whose norms bound what becomes of a change."""

from types import SimpleNamespace

import numpy as np

from gradflow.proofs.weights.values import values_along
from oracles.runs import product
from proofs.printed.statement import (
    EPS,
    Statement,
    at_most,
    changed,
    network,
    recovers,
    sigma,
    size,
)


def norms(p):
    return {k: size(p[f"U_{k}"]) for k in "ifog"}


def lstm(i):
    return network("lstm", i.steps, x=i.x, start={"h": i.h, "c": i.c}, **i.params)


def draw_open(rng):
    params = {f"U_{k}": 0.01 * rng.standard_normal((2, 2)) for k in "ifog"}
    params |= {"b_f": 6.0, "b_o": -1.0}
    made = SimpleNamespace(params=params, x=0.0, h=np.zeros(2), c=rng.uniform(-1, 1, 2), steps=3)
    run = lstm(made)
    made.l, made.C = values_along(run)["f"].min(), np.abs(run.states["c"]).max()
    made.b = share(made)
    made.kappa = 1.2 / made.l
    made.v = np.array([*np.zeros(2), *rng.standard_normal(2)])
    return made


def share(i):
    k = norms(i.params)
    return k["g"] + k["i"] / 4 + (1 - i.l) * i.C * k["f"]


def opened(i):
    dh, dc = np.split(product(lstm(i)) @ i.v, 2)
    first, c = np.linalg.norm(i.v[2:]), np.linalg.norm(dc)
    low, high = (i.l - i.b * i.kappa) ** i.steps, (1 + i.b * i.kappa) ** i.steps
    inside = at_most(np.linalg.norm(dh), i.kappa * c)
    return at_most(low * first, c) and at_most(c, high * first) and inside


def narrow(i):
    d = i.b + norms(i.params)["o"] / 4
    return at_most(1 + d * i.kappa, i.kappa * (i.l - i.b * i.kappa))


def without_maps(i):
    return {k: np.zeros((2, 2)) for k in ("U_i", "U_f", "U_o", "U_g")}


OPEN = Statement(
    draw=draw_open,
    hypotheses={
        "b is": lambda i: abs(i.b - share(i)) < EPS,
        "1 + (b": narrow,
        "f_t >= l": lambda i: at_most(i.l, values_along(lstm(i))["f"].min()),
        "|c_t| <= C": lambda i: at_most(np.abs(lstm(i).states["c"][:-1]).max(), i.C),
        "the change starts": lambda i: at_most(
            np.linalg.norm(i.v[:2]), i.kappa * np.linalg.norm(i.v[2:])
        ),
    },
    conclusion=opened,
    bolder=lambda i: opened(changed(i, b=0.0, l=1.0)),
    breaks={
        "b is": lambda i, rng: {"b": -0.3 / i.kappa},
        "1 + (b": lambda i, rng: {"kappa": 0.0},
        "f_t >= l": lambda i, rng: shut(i),
        "|c_t| <= C": lambda i, rng: steep(i),
        "the change starts": lambda i, rng: {"v": np.array([900.0, 900.0, 1.0, 0.0])},
    },
)


def shut(i):
    """The gates close, and l stays where it was."""
    made = SimpleNamespace(**vars(i) | {"params": i.params | {"b_f": -3.0}, "C": i.C + 1})
    made.b = share(made)
    return vars(made)


def steep(i):
    """A cell state far above C makes f depend on h: more is added than b allows."""
    params = without_maps(i) | {"U_f": 0.05 * np.eye(2), "b_f": 2.0, "b_o": 3.0}
    c = np.array([4000.0, 4000.0])
    made = SimpleNamespace(**vars(i) | {"params": params, "c": c, "C": 0.01})
    made.l = values_along(lstm(made))["f"].min() - 1e-6
    made.b = share(made)
    made.kappa, made.v = 1.5 / made.l, np.array([1.2, 0.0, 1.0, 0.0])
    return vars(made)


def draw_lstm_contracting(rng):
    params = {f"U_{k}": 0.1 * rng.standard_normal((2, 2)) for k in "ifog"}
    params |= {"b_f": rng.uniform(-1, 0.5), "b_i": rng.uniform(-1, 1), "b_o": rng.uniform(-1, 1)}
    c = rng.uniform(-0.5, 0.5, 2)
    made = SimpleNamespace(params=params, x=0.0, h=rng.uniform(-1, 1, 2), c=c, steps=3)
    made.a = {k: params[f"b_{k}"] + np.abs(params[f"U_{k}"]).sum(1).max() for k in "ifo"}
    f, i = sigma(made.a["f"]), sigma(made.a["i"])
    made.C = max(i / (1 - f), np.abs(c).max())
    n = comparison(made)
    values, left = np.linalg.eig(n.T)
    pair = np.abs(left[:, np.argmax(values.real)].real)
    made.rho, made.w = float(values.real.max()) + 1e-12, pair[1] / pair[0]
    made.v = rng.standard_normal(4)
    return made


def comparison(i):
    k = norms(i.params)
    f, gate, o = (sigma(i.a[name]) for name in "fio")
    b = i.C * k["f"] / 4 + k["i"] / 4 + gate * k["g"]
    return np.array([[f, b], [o * f, o * b + k["o"] / 4]])


def contracted(i):
    def length(v):
        return np.linalg.norm(v[2:]) + i.w * np.linalg.norm(v[:2])

    left = length(product(lstm(i)) @ i.v)
    return at_most(left, i.rho**i.steps * length(i.v)) and recovers(i.rho)


def unrestrained(i):
    """One step from a large cell state: f moves with h by more than C allows."""
    params = without_maps(i) | {"U_f": 0.3 * np.eye(2), "b_f": 0.0, "b_i": -3.0, "b_o": -3.0}
    made = SimpleNamespace(**vars(i) | {"params": params, "c": np.array([50.0, 50.0])})
    made.h, made.steps, made.v = np.zeros(2), 1, np.array([1.0, 0.0, 0.0, 0.0])
    made.a = {"f": 0.3, "i": -3.0, "o": -3.0}
    made.C = sigma(-3.0) / (1 - sigma(0.3))
    values, left = np.linalg.eig(comparison(made).T)
    pair = np.abs(left[:, np.argmax(values.real)].real)
    made.rho, made.w = float(values.real.max()) + 1e-12, pair[1] / pair[0]
    return vars(made)


LSTM_CONTRACTING = Statement(
    draw=draw_lstm_contracting,
    hypotheses={
        "C (1 - F)": lambda i: (
            at_most(sigma(i.a["i"]), i.C * (1 - sigma(i.a["f"])))
            and at_most(np.abs(i.c).max(), i.C)
        ),
        "w > 0": lambda i: i.w > 0,
        "F + w": lambda i: at_most(comparison(i)[:, 0] @ [1, i.w], i.rho),
        "b + w": lambda i: at_most(comparison(i)[:, 1] @ [1, i.w], i.w * i.rho),
        "rho < 1": lambda i: i.rho < 1,
    },
    conclusion=contracted,
    bolder=lambda i: contracted(changed(i, rho=0.25)),
    breaks={
        "C (1 - F)": lambda i, rng: unrestrained(i),
        "w > 0": lambda i, rng: {
            "w": -0.5,
            "params": without_maps(i) | {"U_o": 4.0 * np.eye(2), "b_i": -1.0, "b_f": 0.0},
            "a": {"i": -1.0, "f": 0.0, "o": 4.0},
            "h": np.zeros(2),
            "c": np.zeros(2),
            "C": 1.0,
            "rho": 0.4,
            "v": np.array([1.0, 0.0, 1.0, 0.0]),
            "steps": 1,
        },
        "F + w": lambda i, rng: {
            "rho": 0.3,
            "w": 0.01,
            "params": without_maps(i) | {"b_f": 0.0},
            "a": {"i": 0.0, "f": 0.0, "o": 0.0},
            "C": max(1.0, i.C),
            "v": np.array([0.0, 0.0, 1.0, 1.0]),
        },
        "b + w": lambda i, rng: {
            "params": without_maps(i) | {"U_g": 9.0 * np.eye(2), "b_f": -3.0},
            "a": {"i": 0.0, "f": -3.0, "o": 0.0},
            "C": max(1.0, i.C),
            "h": np.zeros(2),
            "w": 0.5,
            "rho": 0.5,
            "v": np.array([1.0, 0.0, 0.0, 0.0]),
            "steps": 1,
        },
        "rho < 1": lambda i, rng: {"rho": 1.5},
    },
)
STATEMENTS = {"lstm.open": OPEN, "lstm.contracting": LSTM_CONTRACTING}
