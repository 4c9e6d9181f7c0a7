"""Networks with fresh weights, without matrices, beside those that multiply them."""

import math

import numpy as np
import pytest

import gradflow as gf
from ensembles.cells import ANTISYMMETRIC, OWN
from ensembles.networks import redrawn
from gradflow.cells.initializers import gaussian, identity, orthogonal
from gradflow.ensembles import fresh_exponent
from gradflow.ensembles.fields import Field
from gradflow.ensembles.sampling import interval
from gradflow.errors import UsageError

SMALL = (0.0, 0.05)


def test_answers_scatter_as_those_of_a_matrix():
    # |G v|^2 / |v|^2 is chi^2 of n degrees over n; even noise has no scatter at all
    n, rng = 8, np.random.default_rng(0)
    v = rng.standard_normal(n)
    squares = {}
    for kind, how in {"plain": {"even": False}, "even": {}}.items():
        answers = [Field(n, n, rng, **how)(v) for _ in range(4000)]
        squares[kind] = np.array([a @ a / (v @ v) for a in answers])
    assert squares["plain"].mean() == pytest.approx(1, abs=4 * math.sqrt(2 / n / 4000))
    assert squares["plain"].var() == pytest.approx(2 / n, rel=0.15)
    assert np.ptp(squares["even"]) < 1e-6


def test_an_orthogonal_map_keeps_lengths_and_angles():
    rng = np.random.default_rng(1)
    u, v = rng.standard_normal((2, 12))
    field = Field(12, 12, rng, even=False, orthogonal=True)
    a, b = field(u), field(v)
    assert (a @ a, a @ b, b @ b) == pytest.approx((u @ u, u @ v, v @ v), rel=1e-5)
    assert abs(a.mean()) > 1e-3  # nothing is centred


def by_hand(rule, n, variance, steps, rng):
    """Return the exponent of ``h' = tanh(W h + b)``, all drawn afresh at every step."""
    h, v, logs = rng.standard_normal(n), rng.standard_normal(n), []
    for _ in range(steps):
        w = rule.draw(rng, (n, n))
        h = np.tanh(w @ h + math.sqrt(variance) * rng.standard_normal(n))
        v = (1 - h**2) * (w @ v)
        logs.append(math.log(np.linalg.norm(v)))
        v /= np.linalg.norm(v)
    return np.mean(logs[20:])


@pytest.mark.parametrize("rule", [gaussian(2.0), orthogonal(2.0)], ids=str)
def test_a_network_of_few_units_is_the_one_with_matrices(rule):
    n = 6
    theory = gf.mean_field("rnn", gains={"U": rule}, biases={"b": (0, 0.5)}, tied=False)
    found, error = fresh_exponent(theory, n, steps=200, draws=16)
    rng = np.random.default_rng(3)
    exact, scatter = interval(np.array([by_hand(rule, n, 0.5, 420, rng) for _ in range(16)]))
    assert abs(found - exact) < error + scatter < 0.08
    # few units are far from many, so that theory itself would not pass
    assert theory.exponent - found > 0.08


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "maps", "biases", "inputs"),
    [
        ("lstm", {f"U_{g}": gaussian(4.0) for g in "ifog"}, {"b_f": SMALL}, 1.0),
        ("gru", {"U_g": gaussian(3.0)}, {"b_g": SMALL}, 0.0),
        ("clockwork", {"W_H": gaussian(2.0)}, {}, 0.0),
        ("scrn", {}, {}, 1.0),
        (OWN, {"U": gaussian(1.5), "A": gaussian(1.5), "B": gaussian(1.5)}, {"b": SMALL}, 0.0),
        (ANTISYMMETRIC, {"W": gaussian(1.5)}, {"b": SMALL}, 0.0),
    ],
    ids=lambda v: getattr(v, "name", v) if not isinstance(v, (dict, float)) else "",
)
def test_every_kind_of_cell_with_matrices(cell, maps, biases, inputs):
    n = 16
    case = {"biases": biases, "inputs": inputs}
    theory = gf.mean_field(cell, gains=maps, tied=False, populations=2, size=256, steps=5, **case)
    found, error = fresh_exponent(theory, n, steps=200, draws=24)
    exact, scatter = redrawn(cell, n, 16, 200, maps=maps, burn=100, **case)
    assert abs(found - exact) < error + 2.5 * scatter
    assert error + 2.5 * scatter < 0.05


def test_degenerate_networks():
    still = gf.mean_field("rnn", gains=0.0, tied=False)
    assert fresh_exponent(still, 4, steps=2, draws=2) == (-math.inf, 0.0)
    carried = gf.mean_field("irnn", gains=identity(0.9), biases={"b": 0.1}, tied=False)
    found, error = fresh_exponent(carried, 2, steps=3, draws=2)
    assert (found, error) == pytest.approx((math.log(0.9), 0.0), abs=1e-12)


def test_what_is_refused():
    with pytest.raises(UsageError, match="the theory is of tied weights"):
        fresh_exponent(gf.mean_field("rnn"), 8)
    wide = gf.mean_field(
        "rnn", gains={"W": orthogonal()}, inputs=gf.ensembles.one_hot(20), tied=False,
        populations=2, size=256, steps=1,
    )  # fmt: skip
    with pytest.raises(UsageError, match="'W' is orthogonal and has more columns than rows"):
        fresh_exponent(wide, 8)
