"""Certificates: exact, readable, and rejected once any number in them is changed."""

import copy
from dataclasses import replace
from fractions import Fraction as Q

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from gradflow.errors import InputError
from gradflow.proofs.algebra.finder import find_bound, solve_exactly
from gradflow.proofs.algebra.identity import Identity, Summand, identity_from_json
from gradflow.proofs.algebra.polynomial import ONE, Polynomial, constant, from_json, variable

s, g, z, h = (variable("value", n) for n in "sgzh")
HALF = constant(Q(1, 2))
SIGMOID = Identity(
    bound=constant(Q(1, 4)),
    sign=1,
    factors=(s, ONE - s),
    hypotheses=(s, ONE - s),
    summands=(Summand(Q(1), (), (s - HALF,)),),
    witness=((("value", "s"), Q(1, 2)),),
)


def unit(x):
    return [x, ONE - x]


def symmetric(x):
    return [ONE + x, ONE - x]


def found(factors, hypotheses):
    names = sorted({v for p in [*factors, *hypotheses] for v in p.variables})
    return find_bound(factors, hypotheses, [()], [(v, Q(1, 2)) for v in names])


small = st.fractions(-5, 5, max_denominator=7)
polynomials = st.lists(
    st.tuples(small, st.dictionaries(st.sampled_from("xyz"), st.integers(1, 3), max_size=2)),
    max_size=4,
).map(
    lambda terms: Polynomial.of(
        {tuple(sorted((("value", k), p) for k, p in powers.items())): c for c, powers in terms}
    )
)


def to_sympy(p):
    return sum(
        (sp.Rational(c.numerator, c.denominator) * sp.prod(sp.Symbol(v[1]) ** k for v, k in m))
        for m, c in p.terms
    )


@given(polynomials, polynomials)
def test_the_arithmetic_agrees_with_sympy(a, b):
    assert sp.expand(to_sympy(a * b) - to_sympy(a) * to_sympy(b)) == 0
    assert sp.expand(to_sympy(a - b + b * b) - (to_sympy(a) - to_sympy(b) + to_sympy(b) ** 2)) == 0
    assert from_json(a.to_json()) == a


def test_equal_names_of_another_kind_are_other_variables():
    assert variable("value", "c") != variable("sup", "c")
    assert (variable("value", "c") - variable("sup", "c")).terms
    assert variable("value", "tanh(c')") * ONE == variable("value", "tanh(c')")


def test_the_textbook_proof():
    assert SIGMOID.check()
    assert SIGMOID.statement() == "s (1 - s) <= 1/4"
    assert SIGMOID.proof() == "1/4 - s (1 - s) = (s - 1/2)^2"


@pytest.mark.parametrize(
    ("factors", "hypotheses", "bound"),
    [
        ([s, ONE - s], unit(s), Q(1, 4)),
        ([ONE - g * g], symmetric(g), Q(1)),
        ([z, ONE - z, g - h], [*unit(z), *symmetric(g), *symmetric(h)], Q(1, 2)),
        ([s, s, ONE - s], unit(s), Q(4, 27)),
        ([g], symmetric(g), Q(1)),
    ],
)
def test_the_finder_finds_the_least_bound(factors, hypotheses, bound):
    upper, lower = found(factors, hypotheses)
    assert upper.check()
    assert lower.check()
    assert upper.bound == lower.bound == constant(bound)


def test_nothing_is_found_where_nothing_holds():
    assert found([g], []) is None


def mutations(data, path=()):
    """Every copy of a certificate with one number, sign or power changed."""
    if isinstance(data, dict):
        for key in data:
            if key not in ("statement", "proof"):
                for new in mutations(data[key]):
                    yield {**data, key: new}
    elif isinstance(data, list):
        for k, item in enumerate(data):
            for new in mutations(item):
                yield [*data[:k], new, *data[k + 1 :]]
    elif isinstance(data, bool):
        return
    elif isinstance(data, int):
        yield data + 1
        yield -data - 1
    elif isinstance(data, str):
        try:
            yield str(Q(data) + Q(1, 7))
            yield str(-Q(data) - 1)
        except ValueError:
            yield data + "x"


def refused(data):
    try:
        return not identity_from_json(data).check()
    except InputError:
        return True


def same_claim(a, b):
    return (a.bound, a.sign, a.factors, a.hypotheses) == (b.bound, b.sign, b.factors, b.hypotheses)


@pytest.mark.parametrize(
    "identity",
    [SIGMOID, found([z, ONE - z, g - h], [*unit(z), *symmetric(g), *symmetric(h)])[0]],
    ids=["sigmoid", "gru"],
)
def test_every_changed_number_is_rejected(identity):
    data = identity.to_json()
    assert identity_from_json(copy.deepcopy(data)) == identity
    accepted = [m for m in mutations(data) if not refused(m)]
    for mutant in accepted:
        other = identity_from_json(mutant)
        # what may survive: another point at which the hypotheses hold, or a weaker hypothesis
        # that the certificate does not use; never another claim from the same hypotheses
        unused = set(range(len(other.hypotheses))) - {
            k for term in other.summands for k in term.hypotheses
        }
        changed = {
            k
            for k, (a, b) in enumerate(zip(other.hypotheses, identity.hypotheses, strict=True))
            if a != b
        }
        assert changed <= unused
        assert (other.bound, other.sign, other.factors) == (
            identity.bound,
            identity.sign,
            identity.factors,
        )


def test_a_false_bound_has_no_certificate():
    tight = replace(SIGMOID, bound=constant(Q(1, 5)))
    assert not tight.check()
    assert "differ by" in tight.fault()


def test_contradictory_hypotheses_are_vacuous():
    x = variable("value", "x")
    hypotheses = (x - constant(2), ONE - x)
    # (x - 2) + 2 (1 - x) = -x, so "x <= 0" would follow from a contradiction
    summands = (Summand(Q(1), (0,)), Summand(Q(2), (1,)))
    nowhere = Identity(
        bound=constant(0), sign=1, factors=(x,), hypotheses=hypotheses, summands=summands
    )
    assert "no value" in nowhere.fault()
    for point in (Q(0), Q(1), Q(3, 2), Q(2), Q(5)):
        witness = ((("value", "x"), point),)
        with_point = replace(nowhere, witness=witness)
        assert "does not hold at the witness" in with_point.fault()


def test_negative_coefficients_and_unknown_hypotheses_are_refused():
    flipped = replace(SIGMOID, summands=(Summand(Q(-1), (), (s - HALF,)),))
    assert "negative" in flipped.fault()
    missing = replace(SIGMOID, summands=(Summand(Q(1), (7,)),))
    assert "not there" in missing.fault()


def test_exact_elimination():
    columns = [{0: Q(1), 1: Q(2)}, {0: Q(1), 1: Q(-1)}]
    assert solve_exactly(columns, [Q(1), Q(1, 3)]) == [Q(4, 9), Q(5, 9)]
    assert solve_exactly([{0: Q(1)}, {0: Q(2)}], [Q(1), Q(1)]) is None
    assert solve_exactly([{0: Q(1)}, {0: Q(2)}], [Q(3)]) == [Q(3), Q(0)]


@pytest.mark.parametrize(
    "bad", [None, [["1/4"]], [["x", []]], [[1, []]], [["1", [["odd", "f", 1]]]]]
)
def test_unreadable_polynomials_are_one_sentence(bad):
    with pytest.raises(InputError, match="polynomial in a certificate cannot be read"):
        from_json(bad)
