"""The printed theorems about the Clockwork RNN, the SCRN and the scalar toy."""

import re
from fractions import Fraction
from types import SimpleNamespace

import numpy as np

import gradflow as gf
from gradflow.proofs.theorems import theorems
from oracles.runs import product, random_run
from proofs.printed.statement import Statement, at_most, changed, close, network, size


def ticking(i):
    return network(
        "clockwork", i.steps, len(i.period), W_H=i.W, period=i.period, x=i.x, W_I=1.0, state=0.3
    )


def draw_clocks(rng):
    return SimpleNamespace(
        W=2 * rng.standard_normal((3, 3)),
        period=rng.choice([1.0, 2.0, 3.0], 3),
        x=rng.uniform(-0.3, 0.3, 3),
        steps=int(rng.integers(1, 8)),
    )


def idle_rows(i, late=0):
    """Whether the rows of idle units are those of the identity; ``late`` shifts the clock."""
    return all(
        close(j[(t + late) % i.period != 0], np.eye(3)[(t + late) % i.period != 0])
        for t, j in enumerate(ticking(i).jacobians(), start=1)
    )


IDLE = Statement(draw=draw_clocks, conclusion=idle_rows, bolder=lambda i: idle_rows(i, late=1))


def draw_one_period(rng):
    made = draw_clocks(rng)
    made.p = float(rng.integers(1, 4))
    made.period = np.full(3, made.p)
    made.k = size(made.W) * rng.uniform(1, 1.2)
    return made


def few_factors(i, spared=0):
    return at_most(size(product(ticking(i))), i.k ** (i.steps // i.p - spared))


def quiet(i, **change):
    """A large orthogonal map at the state 0, where every slope is 1."""
    return {"W": 3 * np.linalg.qr(i.W)[0], "k": 3.0, "x": np.zeros(3)} | change


FEW = Statement(
    draw=draw_one_period,
    hypotheses={
        "|W_H|": lambda i: at_most(size(i.W), i.k),
        "the period p": lambda i: i.p >= 1,
        "every unit has": lambda i: (i.period == i.p).all(),
    },
    conclusion=few_factors,
    bolder=lambda i: few_factors(changed(i, k=i.k / 9, steps=6)),
    breaks={
        "|W_H|": lambda i, rng: quiet(i, k=0.01, steps=6),
        "every unit has": lambda i, rng: quiet(i, period=np.ones(3), p=3.0, steps=2),
    },
    meaning={"the period p": "a unit of period 0 never ticks: T/p is not defined"},
)


def draw_modules(rng):
    """Periods 1 and 2 and the module of one of them, its own block bounded by k."""
    made = draw_clocks(rng)
    made.period = np.array([1.0, 2.0, rng.choice([1.0, 2.0])])
    made.p = float(rng.integers(1, 3))
    made.k = size(own_block(made)) * rng.uniform(1, 1.2)
    made.v = np.where(made.period <= made.p, rng.standard_normal(3), 0.0)
    return made


def own_block(i):
    own = i.period == i.p
    return i.W[np.ix_(own, own)]


def block_triangular(i):
    """What slower modules see of the change, and what becomes of the module's own part."""
    own, after = i.period == i.p, product(ticking(i)) @ i.v
    unseen = not np.abs(after[i.period > i.p]).any()
    start = np.linalg.norm(i.v[own])
    return unseen and at_most(np.linalg.norm(after[own]), i.k ** (i.steps // i.p) * start)


MODULES = Statement(
    draw=draw_modules,
    hypotheses={
        "the period p": lambda i: i.p >= 1,
        "a unit reads": lambda i: True,
        "unit i ticks": lambda i: True,
        "|W_(H,pp)|": lambda i: at_most(size(own_block(i)), i.k),
        "the change": lambda i: not i.v[i.period > i.p].any(),
    },
    conclusion=block_triangular,
    bolder=lambda i: block_triangular(changed(i, k=i.k / 9, steps=6)),
    breaks={
        "|W_(H,pp)|": lambda i, rng: {"k": i.k / 99, "x": np.zeros(3), "steps": 2},
        "the change": lambda i, rng: {"p": 1.0, "v": np.ones(3), "k": size(i.W), "W": i.W + 0.1},
    },
    meaning={
        "the period p": "a unit of period 0 never ticks: T/p is not defined",
        "a unit reads": "the declared mask sees to it; Coq has any matrix",
        "unit i ticks": "it says what a period is",
    },
)


def draw_scrn(rng):
    run, _ = random_run("scrn", int(rng.integers(1, 8)), seed=int(rng.integers(1000)))
    params = run.params | {"alpha": rng.uniform(-1.2, 1.2, 1)}
    return SimpleNamespace(run=gf.run("scrn", params, dict(run.inputs)))


def context(i, power=0):
    """The rows of the context units, the whole state before the step as columns."""
    run = i.run
    rows, s = product(run)[run.parts["s"]], run.parts["s"]
    wanted = np.zeros_like(rows)
    wanted[:, s] = run.params["alpha"][0] ** (run.steps + power) * np.eye(len(rows))
    return np.allclose(rows, wanted, rtol=1e-9, atol=1e-300)


def eigenvalue(i, share=1.0):
    """Left eigenvectors of every step, and the eigenvalues that are left."""
    run, alpha = i.run, share * i.run.params["alpha"][0]
    s, h = run.parts["s"], run.parts["h"]
    for j in run.jacobians():
        left = np.eye(run.width)[s]
        both = [*np.linalg.eigvals(j[h, h]), *[alpha] * len(left)]
        found = np.linalg.eigvals(j)
        if (
            not close(left @ j, alpha * left)
            or max(np.abs(found - one).min() for one in both) > 1e-6
        ):
            return False
    return True


CONTEXT = Statement(draw=draw_scrn, conclusion=context, bolder=lambda i: context(i, power=1))
EIGENVALUE = Statement(
    draw=draw_scrn, conclusion=eigenvalue, bolder=lambda i: eigenvalue(i, share=1.01)
)


def power(name, w, factor, exponent):
    """The printed decimals beside the power of a fraction, in whole numbers."""
    (claim,) = (c for c in theorems(gf.cells.scalar) if c.name == name)
    low, high = map(Fraction, re.search(r"between (\S+) and (\S+)", claim.words).groups())

    def between(i, low=low):
        return low <= factor * Fraction(w, 100) ** exponent <= high

    return Statement(
        draw=lambda rng: SimpleNamespace(),
        conclusion=between,
        bolder=lambda i: between(i, low=high),
    )


STATEMENTS = {
    "clockwork.idle": IDLE,
    "clockwork.few": FEW,
    "clockwork.modules": MODULES,
    "scrn.context": CONTEXT,
    "scrn.eigenvalue": EIGENVALUE,
}
for found in [
    ("scalar.power_101", 101, 1, 1000),
    ("scalar.power_99", 99, 1, 1000),
    ("scalar.derivative_101", 101, 1000, 999),
    ("scalar.derivative_99", 99, 1000, 999),
]:
    STATEMENTS[found[0]] = power(*found)
