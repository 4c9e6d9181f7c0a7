"""Diagonal factors of every library cell: bounds with certificates, and how they are unbounded."""

from fractions import Fraction as Q

import numpy as np
import pytest
import sympy as sp

import gradflow as gf
from gradflow.cells.language.syntax import symbol
from gradflow.proofs.algebra.polynomial import constant, variable
from gradflow.proofs.algebra.wording import text
from gradflow.proofs.bounding.certificates import diagonal_from_json
from gradflow.proofs.bounding.facts import Facts, NotPolynomialError
from gradflow.proofs.bounding.gates import bound_diagonal
from gradflow.proofs.bounding.invariants import carousel_invariant, unit_invariants
from gradflow.proofs.bounding.step import facts_of
from proofs.user_cells import USER_CELLS, coupled_lstm

CELLS = [gf.cells.get(name) for name in gf.cells.names()] + list(USER_CELLS)


def diagonals(cell):
    blocks = gf.jacobian(cell).blocks().values()
    return sorted({d for b in blocks for t in b.terms for d in t.diagonals} - {sp.S.One}, key=str)


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.name)
def test_every_diagonal_factor_has_a_certificate(cell):
    facts = facts_of(cell)
    for diagonal in diagonals(cell):
        found = bound_diagonal(facts, diagonal)
        assert found.fault() == ""
        assert diagonal_from_json(found.to_json()).bound == found.bound


EXPECTED = {
    "rnn": {"1 - h'**2": "1"},
    "irnn": {"1[h' > 0]": "1"},
    "lstm": {
        "c*f*(1 - f)": "1/4 sup|c|",
        "g*i*(1 - i)": "1/4",
        "i*(1 - g**2)": "1",
        "f": "1",
        "f*o*(1 - tanh(c')**2)": "1",
        "o*(1 - o)*tanh(c')": "1/4",
        "g*i*o*(1 - i)*(1 - tanh(c')**2)": "1/4",
        "c*f*o*(1 - f)*(1 - tanh(c')**2)": "1/4 sup|c|",
        "i*o*(1 - g**2)*(1 - tanh(c')**2)": "1",
    },
    "gru": {
        "z": "1",
        "r": "1",
        "z*(1 - z)*(h - g)": "1/2",
        "h*r*(1 - r)": "1/4",
        "(1 - g**2)*(1 - z)": "1",
    },
    "scrn": {"h'*(1 - h')": "1/4", "alpha": "sup|alpha|"},
    "clockwork": {"1 - active": "1", "active*(1 - a**2)": "1"},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_bounds_are_the_best_ones(name):
    cell = gf.cells.get(name)
    found = [bound_diagonal(facts_of(cell), d) for d in diagonals(cell)]
    assert {b.text: text(b.bound) for b in found} == EXPECTED[name]


def test_each_bound_is_attained_or_nearly():
    rng = np.random.default_rng(0)
    for name in ("rnn", "gru", "scrn"):
        cell = gf.cells.get(name)
        facts = facts_of(cell)
        for diagonal in diagonals(cell):
            bound = bound_diagonal(facts, diagonal)
            if bound.suprema:
                continue
            names = sorted(diagonal.free_symbols, key=str)
            polynomial, values = facts.polynomial(diagonal), facts.values(diagonal)
            corners = [-1.0, 0.0, 0.5, 1.0]
            best = 0.0
            for _ in range(4000):
                point = {}
                for v in polynomial.variables:
                    low = 0.0 if values.hypotheses([variable(*v)])[0] == variable(*v) else -1.0
                    x = rng.choice(corners) if rng.random() < 0.8 else rng.uniform(-1, 1)
                    point[v] = max(low, x)
                best = max(best, abs(polynomial.number(point)))
            limit = float(bound.bound.at({}))
            assert best <= limit + 1e-12, (name, diagonal, names)
            assert best >= 0.95 * limit


def test_the_unbounded_direction_of_the_lstm():
    cell = gf.cells.get("lstm")
    c, f = symbol("c"), symbol("f")
    bound = bound_diagonal(facts_of(cell), c * f * (1 - f))
    (direction,) = bound.directions
    assert direction.statement() == "unbounded as c grows: the slope in c is 1/4 at f = 1/2"
    assert bound_diagonal(facts_of(cell), f * (1 - f)).directions == ()


def test_a_least_gate_sharpens_the_bound():
    gru = gf.cells.get("gru")
    z, g = symbol("z"), symbol("g")
    near = facts_of(gru, frozenset({"z"}))
    assert text(bound_diagonal(near, (1 - g**2) * (1 - z)).bound) == "(1 - min z)"
    assert text(bound_diagonal(facts_of(gru), (1 - g**2) * (1 - z)).bound) == "1"


def test_what_is_no_polynomial_stays_a_supremum():
    cell = gf.Cell(
        name="odd",
        state="h",
        inputs="x",
        maps="W U",
        vectors="b",
        equations="h_next = tanh(W @ x + U @ h) / (1 + exp(b))",
    )
    facts = facts_of(cell)
    (diagonal,) = diagonals(cell)
    bound = bound_diagonal(facts, diagonal)
    assert bound.fault() == ""
    assert any(v[0] == "sup" for v in bound.bound.variables)
    with pytest.raises(NotPolynomialError):
        facts.polynomial(sp.log(symbol("b")))


def test_invariant_boxes():
    kept = {c.name: sorted(unit_invariants(c)) for c in CELLS}
    assert kept == {
        "scalar": [],
        "rnn": ["h"],
        "irnn": [],
        "lstm": ["h"],
        "gru": ["h"],
        "gru_reset_after": ["h"],
        "clockwork": ["h"],
        "scrn": ["h"],
        "coupled_lstm": ["c", "h"],
        "leaky": [],
        "antisymmetric": [],
    }
    for cell in CELLS:
        for invariant in unit_invariants(cell).values():
            assert invariant.fault() == ""


def test_the_bound_of_the_cell_state():
    found = carousel_invariant(gf.cells.get("lstm"), "c", "f")
    assert found.fault() == ""
    assert found.statement() == (
        "|c| <= sup|c| is kept by every step, if max f - f >= 0, if sup|c| - 1 - max f sup|c| >= 0"
    )
    assert carousel_invariant(gf.cells.get("rnn"), "h", "h_next") is None
    assert carousel_invariant(coupled_lstm, "h", "o") is None


def test_a_wrong_pair_of_identities_is_found_out():
    facts = facts_of(gf.cells.get("lstm"))
    i = symbol("i")
    good = bound_diagonal(facts, i * (1 - i))
    data = good.to_json()
    data["groups"][0] = [data["groups"][0][0]] * 2
    assert "signs" in diagonal_from_json(data).fault()
    data = good.to_json()
    data["suprema"] = [constant(Q(1, 9)).to_json()]
    assert "is no supremum" in diagonal_from_json(data).fault()


def test_facts_keep_kinds_apart():
    facts = Facts(gf.cells.get("lstm"))
    value = facts.polynomial(symbol("c"))
    assert value == variable("value", "c")
    assert facts.sup(symbol("c")) == variable("sup", "c") != value
