"""Printed theorems as predicates: hypotheses and conclusion, on random networks.

A statement is taken from the words alone: what it draws, what each printed hypothesis asks of it,
and what is concluded. Where every hypothesis holds the conclusion must; a network that breaks one
hypothesis and no other must break the conclusion sometimes, or the table says why the hypothesis
is not needed. A statement without one of its hypotheses, or with a bolder conclusion, is found out.
"""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest

import gradflow as gf
from gradflow.proofs.theorems import theorems
from gradflow.proofs.weights.values import values_along
from oracles.runs import product

# endings of sentences that say what a letter stands for
LETTERS = ("or above it", "or above them", "over units and steps")
EPS = 1e-9
DRAWS = 15


def size(matrix):
    return float(np.linalg.norm(matrix, 2))


def sigma(a):
    return 1 / (1 + np.exp(-a))


def at_most(a, b):
    return a <= b + EPS * max(1.0, abs(b))


def network(cell, steps, units=2, state=0.0, x=0.0, **params):
    """A run with every array 0 but those given; a constant input and start."""
    cell = gf.cells.get(cell)
    drawn = cell.init(rng=0, hidden=units, inputs=units)
    full = {k: np.asarray(params.get(k, 0.0), float) * np.ones(v.shape) for k, v in drawn.items()}
    start = {p: np.broadcast_to(np.asarray(state, float), units) for p in cell.states}
    start |= params.get("start", {})
    return gf.run(cell, full, np.broadcast_to(np.asarray(x, float), (steps, units)), start)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What is printed: ``draw(rng)`` makes an instance in which every hypothesis holds.

    ``hypotheses`` are predicates by the beginning of their sentence; ``breaks`` changes an instance
    so that only that one fails; ``needless`` says why breaking one need not matter.
    """

    draw: object
    hypotheses: dict
    conclusion: object
    breaks: dict
    needless: dict = field(default_factory=dict)


def recovers(rho):
    """After log eps / log rho steps rho^T is at most eps."""
    steps = [max(int(np.ceil(np.log(e) / np.log(abs(rho)))), 0) for e in (0.5, 1e-3)]
    return all(rho**t <= e * (1 + 1e-12) for t, e in zip(steps, (0.5, 1e-3), strict=True))


# the vanilla RNN


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
    breaks={
        "0 < q_min": lambda i, rng: {"lo": -i.lo},
        "q_min <= q_i": lambda i, rng: {"lo": i.hi},
        "0 < rho": lambda i, rng: {"rho": 1.5},
        "|Q U v|": lambda i, rng: {"U": 30 * i.U},
    },
)


def turn(rng, units=2):
    return np.linalg.qr(rng.standard_normal((units, units)))[0]


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


def between(found, low, high):
    values = np.linalg.svd(found, compute_uv=False)
    return at_most(low, values.min()) and at_most(values.max(), high)


def turned(i):
    found = product(network("rnn", i.steps, U=i.U, state=i.state))
    return between(found, (i.m * (1 - i.e)) ** i.steps, (1 + i.e) ** i.steps)


def near_one(i):
    values = np.linalg.svd(i.U, compute_uv=False)
    return at_most(1 - i.e, values.min()) and at_most(values.max(), 1 + i.e)


TURNED = Statement(
    draw=draw_turned,
    hypotheses={
        "0 <= e": lambda i: 0 <= i.e <= 1,
        "every singular value": near_one,
        "m >= 0": lambda i: i.m >= 0,
        "tanh'": lambda i: at_most(i.m, slope(i)),
    },
    conclusion=turned,
    breaks={
        "0 <= e": lambda i, rng: {"e": 4.0, "steps": 2},
        "every singular value": lambda i, rng: {"U": 3 * i.U, "state": 0 * i.state, "m": 0.0},
        "m >= 0": lambda i, rng: {"m": -3.0, "steps": 2},
        "tanh'": lambda i, rng: {"m": 5.0},
    },
)


# the ReLU network


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
    needless={"no unit sits": "there is no derivative, so no product to speak of"},
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
    breaks={
        "0 <= e": lambda i, rng: {"e": 4.0, "steps": 2},
        "every singular value": lambda i, rng: {"U": np.diag([3.0, 3.0, 1.0]), "v": np.eye(3)[0]},
        "no inactive unit": lambda i, rng: {"b": np.array([9.0, 9.0, -9.0]), "v": np.eye(3)[2]},
    },
    needless={
        "no unit sits": "there is no derivative, so no product to speak of",
        "dh_t is the derivative": "it says what a letter stands for",
    },
)


# the LSTM


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
        "0 <= l": lambda i: 0 <= i.l <= 1,
        "kappa >= 0": lambda i: i.kappa >= 0,
        "l - b kappa": lambda i: at_most(0, i.l - i.b * i.kappa),
        "1 + (b": narrow,
        "f_t >= l": lambda i: at_most(i.l, values_along(lstm(i))["f"].min()),
        "|c_t| <= C": lambda i: at_most(np.abs(lstm(i).states["c"][:-1]).max(), i.C),
        "the change starts": lambda i: at_most(
            np.linalg.norm(i.v[:2]), i.kappa * np.linalg.norm(i.v[2:])
        ),
    },
    conclusion=opened,
    breaks={
        "b is": lambda i, rng: {"b": -0.3 / i.kappa},
        "0 <= l": lambda i, rng: {"l": -1.0, "params": without_maps(i), "b": 0.0, "kappa": 0.0},
        "1 + (b": lambda i, rng: {"kappa": 0.0},
        "f_t >= l": lambda i, rng: shut(i),
        "|c_t| <= C": lambda i, rng: steep(i),
        "the change starts": lambda i, rng: {"v": np.array([900.0, 900.0, 1.0, 0.0])},
    },
    needless={
        "0 <= l": "below 0 it makes l - b kappa negative, which another hypothesis forbids",
        "kappa >= 0": "a start in the cone has kappa >= 0, unless the change is 0",
        "l - b kappa": "kappa (l - b kappa) is at least 1, and kappa at least 0",
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


# the GRU


def gru(i):
    return network("gru", i.steps, start={"h": i.h}, **i.params)


def draw_gru(rng):
    params = {f"U_{k}": rng.uniform(0.02, 0.2) * rng.standard_normal((2, 2)) for k in "grz"}
    params |= {"b_z": rng.uniform(-2, 1), "b_r": rng.uniform(-1, 1)}
    made = SimpleNamespace(params=params, h=rng.uniform(-1, 1, 2), steps=int(rng.integers(1, 4)))
    made.rho = gru_rate(made) + 1e-12
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
    breaks={
        "Z + (1 - Z)": lambda i, rng: {"rho": 0.1, "params": i.params | {"b_z": 3.0}},
        "rho < 1": lambda i, rng: {"rho": 1.5},
    },
)

PRINTED = {
    "rnn.vanishing": VANISHING,
    "rnn.orthogonal": TURNED,
    "irnn.survivors": SURVIVORS,
    "irnn.orthogonal": UNREAD,
    "lstm.open": OPEN,
    "lstm.contracting": LSTM_CONTRACTING,
    "gru.contracting": GRU_CONTRACTING,
}


def seeded(name):
    return np.random.default_rng(sorted(PRINTED).index(name))


def true_of_all(statement, rng, left_out="", count=DRAWS):
    """Whether the conclusion holds wherever the hypotheses (but one) do, and how often they did."""
    held, fine = 0, True
    for _ in range(count):
        instance = statement.draw(rng)
        tried = [instance]
        if left_out in statement.breaks:
            tried.append(changed(instance, statement.breaks[left_out], rng))
        for one in tried:
            if all(p(one) for start, p in statement.hypotheses.items() if start != left_out):
                held += 1
                fine = fine and bool(statement.conclusion(one))
    return held, fine


def changed(instance, change, rng):
    return SimpleNamespace(**vars(instance) | change(instance, rng))


@pytest.mark.parametrize("name", PRINTED)
def test_the_predicates_are_those_that_are_printed(name):
    cell = gf.cells.get(name.split(".")[0])
    (claim,) = (c for c in theorems(cell) if c.name == name)
    said = [h for h in claim.plain().hypotheses if not h.endswith(LETTERS)]
    statement = PRINTED[name]
    assert len(said) == len(statement.hypotheses), said
    for start in statement.hypotheses:
        assert sum(h.startswith(start) for h in said) == 1, (start, said)
        assert start in statement.breaks or statement.needless[start], start


@pytest.mark.parametrize("count", [DRAWS, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", PRINTED)
def test_the_conclusion_follows_from_the_hypotheses(name, count):
    held, fine = true_of_all(PRINTED[name], seeded(name), count=count)
    assert held == count  # every draw satisfies them
    assert fine


@pytest.mark.parametrize(
    ("name", "start"), [(n, s) for n, found in PRINTED.items() for s in found.breaks]
)
def test_each_hypothesis_is_needed_or_is_said_not_to_be(name, start):
    statement, rng = PRINTED[name], seeded(name)
    alone, broken = 0, 0
    for _ in range(DRAWS):
        instance = changed(statement.draw(rng), statement.breaks[start], rng)
        assert not statement.hypotheses[start](instance)
        if all(p(instance) for other, p in statement.hypotheses.items() if other != start):
            alone += 1
            broken += not statement.conclusion(instance)
    if start in statement.needless:
        assert broken == 0
    else:
        assert alone > DRAWS // 2
        assert broken > 0


@pytest.mark.parametrize(
    ("name", "start"),
    [(n, s) for n, found in PRINTED.items() for s in found.breaks if s not in found.needless],
)
def test_planted_a_hypothesis_left_out_is_found(name, start):
    held, fine = true_of_all(PRINTED[name], seeded(name), left_out=start)
    assert held > DRAWS
    assert not fine


@pytest.mark.parametrize("name", PRINTED)
def test_planted_a_bolder_conclusion_is_found(name):
    """A conclusion about twice the change, which no bound of the change allows, is refused."""
    statement = PRINTED[name]

    def bolder(instance):
        more = {"rho": 0.25} if hasattr(instance, "rho") else {"e": 1e-9}
        if name == "lstm.open":
            more = {"b": 0.0, "l": 1.0}
        if name == "rnn.vanishing":
            more |= {"steps": 1, "hi": instance.lo}
        return statement.conclusion(SimpleNamespace(**vars(instance) | more))

    _, fine = true_of_all(replace(statement, conclusion=bolder), seeded(name))
    assert not fine
