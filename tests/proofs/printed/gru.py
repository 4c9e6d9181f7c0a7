"""The printed theorems about the GRU."""

from types import SimpleNamespace

import numpy as np

from oracles.runs import product
from proofs.printed.statement import Statement, at_most, changed, network, recovers, sigma


def gru(i):
    return network("gru", i.steps, start={"h": i.h}, **i.params)


def draw_gru(rng):
    params = {f"U_{k}": rng.uniform(0.02, 0.2) * rng.standard_normal((2, 2)) for k in "grz"}
    params |= {"b_z": rng.uniform(-2, 1), "b_r": rng.uniform(-1, 1)}
    made = SimpleNamespace(params=params, h=rng.uniform(-1, 1, 2), steps=int(rng.integers(1, 4)))
    made.rho = gru_rate(made) + 1e-12
    if made.rho >= 1:
        return draw_gru(rng)
    made.v = rng.uniform(-1, 1, 2)
    return made


def gru_rate(i):
    p = i.params
    u = {k: np.abs(p[f"U_{k}"]).sum(1).max() for k in "grz"}
    z, r = sigma(p["b_z"] + u["z"]), sigma(p["b_r"] + u["r"])
    return z + (1 - z) * u["g"] * (r + u["r"] / 4) + u["z"] / 2


def gru_contracts(i):
    left = np.abs(product(gru(i)) @ i.v).max()
    return at_most(left, i.rho**i.steps * np.abs(i.v).max()) and recovers(i.rho)


GRU_CONTRACTING = Statement(
    draw=draw_gru,
    hypotheses={
        "Z + (1 - Z)": lambda i: at_most(gru_rate(i), i.rho),
        "rho < 1": lambda i: i.rho < 1,
    },
    conclusion=gru_contracts,
    bolder=lambda i: gru_contracts(changed(i, rho=0.25)),
    breaks={
        "Z + (1 - Z)": lambda i, rng: {"rho": 0.1, "params": i.params | {"b_z": 3.0}},
        "rho < 1": lambda i, rng: {"rho": 1.5},
    },
)


def draw_inside(rng):
    params = {f"U_{k}": 3 * rng.standard_normal((2, 2)) for k in "grz"}
    params |= {f"b_{k}": rng.standard_normal() for k in "grz"}
    return SimpleNamespace(params=params, h=rng.uniform(-1, 1, 2), steps=int(rng.integers(1, 6)))


def largest(i):
    return np.abs(gru(i).states["h"]).max()


INVARIANT = Statement(
    draw=draw_inside,
    hypotheses={"|h_0| <= 1": lambda i: np.abs(i.h).max() <= 1},
    conclusion=lambda i: largest(i) <= 1,
    bolder=lambda i: largest(i) <= 0.5,
    breaks={"|h_0| <= 1": lambda i, rng: {"h": i.h + np.array([2.5, 0.0])}},
)
STATEMENTS = {"gru.contracting": GRU_CONTRACTING, "gru.invariant": INVARIANT}
