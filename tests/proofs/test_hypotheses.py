"""Every hypothesis that a library theorem prints: without it the printed conclusion is false.

Each theorem has an instance that satisfies all hypotheses and the conclusion, and for each
hypothesis a change that breaks it alone, after which the conclusion, taken from the words, fails. A
hypothesis that only says what a letter means has no row.
"""

import numpy as np
import pytest

import gradflow as gf
from gradflow.proofs.theorems import theorems
from gradflow.proofs.weights.values import values_along
from oracles.runs import product
from proofs.test_printed_statements import LETTERS, PRINTED

EPS = 1e-9


def run(name, steps=2, hidden=1, state=None, x=0.0, **params):
    """A run with all parameters 0 but those given, and a constant input."""
    cell = gf.cells.get(name)
    drawn = cell.init(rng=0, hidden=hidden, inputs=hidden)
    full = {k: 0 * v for k, v in drawn.items()} | {
        k: np.asarray(v, float) * np.ones(drawn[k].shape) for k, v in params.items()
    }
    return gf.run(cell, full, x * np.ones((steps, hidden)), state)


def close(a, b):
    return np.allclose(a, b, rtol=1e-9, atol=1e-12)


def gru_above(state=0.5, **params):
    found = run("gru", 1, state={"h": np.array([state])}, **{"U_z": -0.01, "b_z": -10.0} | params)
    size = {k: abs(found.params[k][0, 0]) for k in ("U_g", "U_z", "U_r")}
    rate = 1 + size["U_g"] + size["U_z"] / 2 + size["U_g"] * size["U_r"] / 4
    return np.linalg.norm(product(found), 2) <= rate + EPS


def gru_below(state=0.5, steps=1, least=None, **params):
    chosen = {"U_z": 0.01, "b_z": np.log(99) + 10} | params
    found = run("gru", steps, state={"h": np.array([state])}, **chosen)
    z = values_along(found)["z"].min() if least is None else least
    g, u, r = (abs(found.params[k][0, 0]) for k in ("U_g", "U_z", "U_r"))
    kept = z - g * (1 - z) - 2 * u * (1 - z) - g * r * (1 - z) / 4
    return abs(product(found)[0, 0]) >= kept**steps - EPS


def cone(kappa=0.2, steps=10, start=(0.0, 1.0), **params):
    """The LSTM's cone with one unit; the change is (dh, dc)."""
    found = run("lstm", steps, **{"b_f": 6.0, "U_g": 0.01, "U_o": 0.0} | params)
    f = values_along(found)["f"].min()
    c = np.abs(found.states["c"]).max()
    i, u, o, w = (abs(found.params[k][0, 0]) for k in ("U_i", "U_g", "U_o", "U_f"))
    b = u + i / 4 + w * (1 - f) * c
    rate = f - b * kappa
    holds = kappa >= 0 and rate >= 0 and 1 + (b + o / 4) * kappa <= kappa * rate
    return holds, abs((product(found) @ start)[1]) >= rate**steps * abs(start[1]) - EPS


def tanh_network(U, state, x, b, steps=3):
    return run(
        "rnn", steps, len(U), state=np.asarray(state, float), x=x, U=U, W=np.eye(len(U)), b=b
    )


def attained(U=0.5, state=0.0, x=0.0, b=0.0):
    return close(product(tanh_network([[U, 0], [0, 0.5]], [state, 0.0], x, b)), 0.125 * np.eye(2))


def radius(U=((2, -2), (2, -2)), held=(0.0, 3**0.5 / 2), start=(4.0, 1.0)):
    """Inputs hold the state; W = I and b = 0."""
    matrix, steps = np.asarray(U, float), 4
    cell = gf.cells.get("rnn")
    params = {"U": matrix, "W": np.eye(2), "b": np.zeros(2)}
    target = np.arctanh(held)
    states = [np.zeros(2), *[np.asarray(held)] * (steps - 1)]
    found = gf.run(cell, params, np.array([target - matrix @ h for h in states]), np.zeros(2))
    return close(product(found) @ start, 1.5**steps * np.array([4.0, 1.0]))


def ones(U=((1, 0), (0, 1)), b=1.0, state=(1.0, 1.0), steps=3):
    return run("irnn", steps, 2, state=np.asarray(state, float), U=U, b=b)


def zero_one(**changed):
    whole = product(ones(**changed))
    return close(whole, np.diag(np.diag(whole))) and set(np.diag(whole)) <= {0.0, 1.0}


def scaled(a=0.5, **changed):
    return close(product(ones(**{"U": a * np.eye(2)} | changed)), 0.125 * np.eye(2))


def near(e=0.5, **changed):
    found = ones(**{"U": np.diag([1.5, 0.5]), "steps": 2} | changed)
    values = np.linalg.svd(product(found), compute_uv=False)
    return (1 - e) ** 2 <= values.min() + EPS and values.max() <= (1 + e) ** 2 + EPS


def stays(state=0.5):
    found = run("gru", 3, state={"h": np.array([state])}, b_z=1.0, U_g=2.0)
    return np.abs(found.states["h"]).max() <= 1


def forget(h=1.0, x=1.0, b=0.5, bound=0.5):
    found = run(
        "lstm", 1, state={"h": np.array([h]), "c": np.zeros(1)}, x=x, U_f=-1.0, W_f=-1.0, b_f=b
    )
    return values_along(found)["f"].min() >= 1 / (1 + np.exp(-(bound - 1 - 1))) - EPS


def cell_state(height=2.0, most=0.5, c=2.0, b_f=0.0):
    found = run("lstm", 50, state={"h": np.zeros(1), "c": np.array([c])}, b_f=b_f, b_i=9.0, b_g=9.0)
    assert height == 2.0 or height * (1 - most) < 1
    return np.abs(found.states["c"]).max() <= height + EPS


def vanish(change=(1.0, 0.0), **params):
    return close(product(run("lstm", 2, **params)) @ change, 0)


def doubles(start=(1.0, 2.0), hidden=1, state=0.0, x=0.0, **params):
    both = {"h": np.full(hidden, state), "c": np.full(hidden, state)}
    found = run("lstm", 3, hidden, state=both, x=x, **{"U_g": 6.0} | params)
    first = np.zeros(2 * hidden)
    first[0], first[hidden] = start
    whole = product(found) @ first
    return close(whole[[0, hidden]], [8.0, 16.0])


def ticking(period=2.0, units=(2.0, 2.0), W=2.0):
    found = run("clockwork", 3, 2, W_H=W * np.eye(2), period=np.asarray(units))
    return np.linalg.norm(product(found), 2) <= W ** (3 // period) + EPS


def modules(W=((2, 2), (0, 2)), units=(1.0, 2.0), change=(0.0, 0.0), own=2.0):
    """The module of period 1 beside one of period 2, and how it starts."""
    found = run("clockwork", 3, 2, W_H=W, period=np.asarray(units))
    start = np.array([1.0, change[1]])
    whole = product(found) @ start
    return abs(whole[1]) <= EPS and abs(whole[0]) <= own**3 + EPS


CASES = {
    "rnn.attained": (attained, {"U = a I": {"U": 0.6}, "W x_t = 0": {"x": 1.0},
                                "b = 0": {"b": 1.0}, "h_0 = 0": {"state": 1.0}}),
    "rnn.radius": (radius, {"two units": None, "U = ": {"U": ((2, -2), (2, -1))},
                            "the inputs hold": {"held": (0.0, 0.5)},
                            "the gradient starts": {"start": (4.0, 2.0)}}),
    "irnn.identity": (zero_one, {"U = I": {"U": ((1, 0.5), (0, 1))}, "no pre-activation": None}),
    "irnn.scaled": (scaled, {"U = a I": {"U": np.diag([0.5, 0.6])}, "every unit": {"b": -9.0}}),
    "irnn.near": (near, {"0 <= e": {"e": 3.0}, "|U - I|": {"U": np.diag([1.7, 0.5])},
                         "every unit": {"b": -9.0}}),
    "lstm.forget_bias": (forget, {"|h_t|": {"h": 9.0}, "|x_t|": {"x": 9.0}, "b_f": {"b": 0.0}}),
    "lstm.cell_state": (cell_state, {"C (1": {"height": 1.9, "c": 1.9}, "|c_0|": {"c": 3.0},
                                     "f_t": {"b_f": 3.0}}),
    "lstm.some_vanish": (vanish, {"every recurrent": {"U_g": 1.0},
                                  "the change": {"change": (1.0, 1.0)}}),
    "lstm.can_explode": (doubles, {"one unit": {"U_g": 5.0}, "U_i, U_f": {"U_o": 1.0, "state": 0.1},
                                   "the input adds": {"x": 1.0, "W_f": 1.0},
                                   "all biases": {"b_f": 1.0}, "the state starts": {"state": 1.0},
                                   "the gradient": {"start": (1.0, 1.0)}}),
    "gru.upper": (gru_above, {"|h| <= 1": {"state": -1000.0}}),
    "gru.invariant": (stays, {"|h_0| <= 1": {"state": 1.5}}),
    "gru.lower": (gru_below, {"min z": {"U_g": 9.0, "b_z": -9.0, "steps": 2},
                              "|h| <= 1": {"state": -1000.0}}),
    "clockwork.few": (ticking, {"the period": None, "every unit has": {"units": (1.0, 2.0)}}),
    "clockwork.modules": (modules, {"the period": None,
                                    "a unit reads": None,
                                    "unit i ticks": None,
                                    "the change": {"change": (1.0, 1.0)}}),
}  # fmt: skip

UNBROKEN = {
    ("rnn.radius", "two units"): "the matrix has two rows, so it is part of 'U ='",
    ("irnn.identity", "no pre-activation"): "there is no derivative, so no product to speak of",
    ("clockwork.few", "the period"): "a unit of period 0 never ticks: T/p is not defined",
    ("clockwork.modules", "the period"): "the same",
    ("clockwork.modules", "a unit reads"): "the declared mask sees to it; Coq has any matrix",
    ("clockwork.modules", "unit i ticks"): "it says what a period is",
    ("scalar.lower", "min w"): "for one unit |w|^T >= w^T for any w; for several it is needed",
    ("irnn.upper", "no unit sits"): "there is no derivative, so no product to speak of",
    ("clockwork.upper", "active is 0 or 1"): "it says what a clock is",
}


def hypotheses(name):
    cell = gf.cells.get(name.split(".")[0])
    (claim,) = (c for c in theorems(cell) if c.name == name)
    return [h for h in claim.plain().hypotheses if not h.endswith(LETTERS)]


@pytest.mark.parametrize("name", CASES)
def test_each_hypothesis_is_needed(name):
    conclusion, changes = CASES[name]
    assert conclusion()
    said = hypotheses(name)
    assert len(said) == len(changes), said
    for start, change in changes.items():
        assert sum(h.startswith(start) for h in said) == 1, (start, said)
        if change is None:
            assert UNBROKEN[name, start]
        else:
            assert not conclusion(**change), start


@pytest.mark.parametrize("name", ["lstm.lower", "scrn.lower"])
def test_the_cone_needs_each_of_its_conditions(name):
    said = hypotheses(name)
    assert [h.split(" ")[0] for h in said] == ["kappa", "a", "g", "the"]
    kappa = 1.2
    assert cone(kappa) == (True, True)
    # a negative kappa satisfies the other two and promises growth
    broken = cone(-10.0, U_g=0.1, b_f=0.0, U_o=6.0)
    assert broken == (False, False)
    # too small a kappa: the rest of the state takes more than is said
    assert cone(0.0, 40, U_g=-0.9, b_f=6.0) == (False, False)
    # a start outside the cone
    assert cone(kappa, 1, start=(-90.0, 1.0)) == (True, False)
    # a negative rate to an even power
    assert cone(1000.0, 2) == (False, False)


def test_every_theorem_has_its_rows():
    for name in gf.cells.names():
        for claim in theorems(gf.cells.get(name)):
            said = [h for h in claim.plain().hypotheses if not h.endswith(LETTERS)]
            known = {"lstm.lower", "scrn.lower", *CASES, *PRINTED}
            if claim.name.startswith("gru_reset_after."):
                continue  # the words of gru
            for line in said:
                told = any(n == claim.name and line.startswith(s) for n, s in UNBROKEN)
                assert claim.name in known or told, (claim.name, line)


@pytest.mark.parametrize("name", gf.cells.names())
def test_no_premise_of_coq_is_lost_on_the_way_to_the_words(name):
    quiet = ("along size s r ds", "0 <= ", "smooth t", "forall t, (t < T)%nat -> smooth t")
    for claim in theorems(gf.cells.get(name)):
        assert claim.script is not None
        for premise in claim.script.premises:
            if premise.binds or premise.words or premise.about:
                continue
            assert premise.coq.startswith(quiet), (claim.name, premise.coq)


def test_a_start_outside_the_box_has_no_margin_and_another_bound():
    params = {k: 0 * v for k, v in gf.cells.get("gru").init(rng=0, hidden=1, inputs=1).items()}
    for z, b in ((0.01, np.log(99) + 10), (-0.01, -10.0)):
        chosen = params | {"U_z": np.array([[z]]), "b_z": np.array([b])}
        found = gf.run(gf.cells.get("gru"), chosen, np.zeros((1, 1)), state={"h": np.array([-1e3])})
        measured = abs(product(found)[0, 0])
        assert measured <= np.exp(gf.proofs.bound_above(found)[1])
        below = gf.proofs.bound_below(found)
        assert below is None or np.exp(below[1]) <= measured
        for claim in theorems(found.cell)[:2]:
            assert claim.measure(found).bound is None
    weights = gf.prove("gru", chosen)["gru.weights"].plain()
    assert weights.hypotheses == ("|h| <= 1 at the start, in every unit",)


@pytest.mark.parametrize(
    ("equations", "more"),
    [
        ("h_next = tanh(U @ h - h)", {"maps": "U"}),
        (
            "g = tanh(W @ x)\nh_next = (1 + 2 * g) * h + tanh(U @ h)",
            {"maps": "W U", "inputs": "x"},
        ),
    ],
)
def test_what_no_network_satisfies_is_not_stated(equations, more):
    claims = gf.prove(gf.Cell(name="none", state="h", equations=equations, **more))
    assert [c.name for c in claims] == ["none.upper"]
    (reason,) = claims.unstated
    assert reason.startswith("none.lower is not stated")
    assert "no network satisfies" in str(claims)
