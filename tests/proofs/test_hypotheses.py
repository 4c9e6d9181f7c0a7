"""Hypotheses on their way: from Coq to the words, to a margin, and what no network satisfies."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.proofs.theorems import theorems
from oracles.runs import product


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
