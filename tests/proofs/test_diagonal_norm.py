"""The diagonal norm in which a matrix is smallest: found in floats, certified in whole numbers."""

import copy
from dataclasses import replace
from fractions import Fraction as Q

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.proofs.algebra.integers import singular_fault
from gradflow.proofs.claims import evidence
from gradflow.proofs.weights.diagonal_norm import certify_diagonal, diagonal_norm
from oracles.runs import product


def scaled(seed, units=6, spread=1.5, size=0.45):
    rng = np.random.default_rng(seed)
    d = np.exp(spread * rng.standard_normal(units))
    return size * rng.standard_normal((units, units)) / np.sqrt(units) * d[:, None] / d


def norm(q, w):
    return float(np.linalg.norm(q[:, None] * w / q, 2))


@pytest.mark.parametrize(
    "matrix", [np.zeros((1, 1)), [[-3.0]], np.zeros((3, 3)), [[0.0, 9.0], [0.0, 0.0]], np.eye(4)]
)
def test_degenerate_matrices(matrix):
    found = diagonal_norm(matrix)
    w = np.asarray(matrix, float)
    assert found.value == norm(found.q, w) <= np.linalg.norm(w, 2)
    assert found.q.min() == 1
    assert found.spread <= 2.0**25
    certified = certify_diagonal(matrix, found.q)
    assert certified is None or certified[0] >= Q(found.value) * (1 - Q(1, 10**12))


def test_of_a_positive_matrix_the_least_norm_is_the_spectral_radius():
    # closed form: the Perron vectors are the weights
    for seed in range(5):
        w = np.abs(scaled(seed))
        assert diagonal_norm(w).value == pytest.approx(np.abs(np.linalg.eigvals(w)).max(), rel=1e-6)


def test_no_weights_nearby_do_better_by_a_thousandth():
    rng = np.random.default_rng(0)
    for seed in range(5):
        w = scaled(seed)
        found = diagonal_norm(w)
        assert found.value < np.linalg.norm(w, 2)
        assert found.value >= np.abs(np.linalg.eigvals(w)).max() * (1 - 1e-12)
        for size in (1e-3, 1e-2, 1e-1, 1.0):
            other = found.q * np.exp(size * rng.standard_normal((50, len(w))))
            assert min(norm(q, w) for q in other) > found.value * (1 - 2e-3)


def test_what_is_certified_holds_in_exact_arithmetic():
    w = scaled(1, units=3)
    found = diagonal_norm(w)
    bound, certificate = certify_diagonal(w, found.q)
    assert found.value <= bound <= Q(found.value * (1 + 1e-6))
    # k^2 Q^2 - W^T Q^2 W is positive definite: its leading minors, in fractions
    q, a = [Q(x) for x in found.q], [[Q(x) for x in row] for row in w]
    size = range(3)
    form = [
        [
            bound**2 * q[i] ** 2 * (i == j) - sum(q[k] ** 2 * a[k][i] * a[k][j] for k in size)
            for j in size
        ]
        for i in size
    ]
    two = form[0][0] * form[1][1] - form[0][1] ** 2
    three = (
        form[2][2] * two
        - form[2][1] * (form[0][0] * form[2][1] - form[0][1] * form[2][0])
        + form[2][0] * (form[0][1] * form[2][1] - form[1][1] * form[2][0])
    )
    assert form[0][0] > 0
    assert two > 0
    assert three > 0
    assert singular_fault(certificate) == ""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bound": "1/1000"}, "not diagonally dominant"),
        ({"weights": [1, 1, 1]}, "not diagonally dominant"),
        ({"weights": [1, 1]}, "one weight for every row"),
        ({"weights": [1, 0, 1]}, "no whole number above 0"),
        ({"weights": [1, -1, 1]}, "no whole number above 0"),
        ({"weights": [1, True, 1]}, "no whole number above 0"),
        ({"weights": "111"}, "one weight for every row"),
        ({"weight_shift": -1}, "shift of the weights"),
        ({"weight_shift": 10**9}, "shift of the weights"),
    ],
)
def test_planted_a_forged_certificate_is_refused(change, says):
    w = scaled(1, units=3)
    _, certificate = certify_diagonal(w, diagonal_norm(w).q)
    assert says in singular_fault(certificate | change)


def test_the_weights_of_the_side_from_below_are_those_of_before():
    bound = gf.proofs.sigma_min(np.eye(2) * 3)
    assert bound.bound > 2.99
    assert bound.fault() == ""


@pytest.mark.parametrize("bad", [np.ones((2, 3)), np.ones(2), np.zeros((0, 0)), [[np.nan]]])
def test_what_is_no_square_matrix_is_refused(bad):
    with pytest.raises(UsageError, match="diagonal norm"):
        diagonal_norm(bad)


def proved(seed=0):
    cell = gf.cells.get("rnn")
    params = cell.init(hidden=4, inputs=2, rng=seed) | {"U": scaled(seed, units=4)}
    return params, gf.prove(cell, params)


def test_the_claim_about_given_weights_holds_on_runs(tmp_path):
    params, claims = proved()
    claim = claims["rnn.diagonal"]
    assert np.linalg.norm(params["U"], 2) > 1  # where the norm alone says nothing
    assert not claims["rnn.upper"].margin.informs
    assert claims["rnn.vanishing"].margin.informs
    data = claim.evidence[0]
    rate, weights = float(Q(data["rate"])), data["singular"]["weights"]
    rng = np.random.default_rng(0)
    for steps in (1, 2, 9, 30):
        run = gf.run("rnn", params, 0.1 * rng.standard_normal((steps, 2)))
        most = max(weights) / min(weights) * rate**steps
        assert np.linalg.norm(product(run), 2) <= most * (1 + 1e-9)
    gf.proofs.write(claim, tmp_path)
    (found,) = gf.proofs.verify(tmp_path)
    assert found.level == "CERTIFIED", found


def test_a_forged_claim_in_a_diagonal_norm_is_found_out(tmp_path):
    _, claims = proved()
    claim = claims["rnn.diagonal"]
    bolder = replace(claim, words=claim.words.replace("vanishes", "vanishes at once"))
    gf.proofs.write(bolder, tmp_path)
    (found,) = gf.proofs.verify(tmp_path)
    assert (found.level, found.note) == ("foreign", "the words is not what the evidence shows")
    data = copy.deepcopy(dict(claim.evidence[0]))
    assert evidence.check(data) == ""
    assert "rate" in evidence.check(data | {"rate": "1/2"})
    assert "entries" in evidence.check(data | {"more": 1})
    data["singular"]["weights"] = [1, 1, 1, 1]
    assert "not diagonally dominant" in evidence.check(data)
    lstm = evidence.step(gf.proofs.bounds("lstm"))["derivation"]
    assert "several parts" in evidence.check(dict(claim.evidence[0]) | {"derivation": lstm})
    gru = evidence.step(gf.proofs.bounds("gru"))["derivation"]
    assert "several maps" in evidence.check(dict(claim.evidence[0]) | {"derivation": gru})


def test_no_claim_where_a_weighted_norm_shows_no_decay():
    cell = gf.cells.get("rnn")
    params = cell.init(hidden=4, inputs=2, rng=0)
    for u in (2 * np.eye(4), 0.5 * np.eye(4)):  # growth; nothing better than the norm itself
        assert "rnn.diagonal" not in [c.name for c in gf.prove(cell, params | {"U": u})]
