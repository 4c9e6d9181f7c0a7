"""The radius against exact arithmetic: a matrix whose square is zero, and Kreiss's theorem."""

from fractions import Fraction
from math import e, log, log10, sqrt

import pytest

from gradflow.reporting.publish.scripts import find_script


def check(numbers, hidden):
    """What theory says of the numbers, whatever the size."""
    assert numbers["spectral radius"] == pytest.approx(0.9, abs=1e-9)
    peak, kreiss = numbers["largest norm of U^t, non-normal"], numbers["Kreiss constant"]
    assert 1 < kreiss <= peak <= e * hidden * kreiss
    assert numbers["step of the largest"] > 1
    assert numbers["distance of z from the unit circle"] > 0
    # powers of a normal matrix are powers of its radius; 150 steps of rounding at 1e-15 each
    assert numbers["error of t log radius, normal"] < 1e-11


def exact_product(steps):
    """The entries of (diag(1, 1/4) W)^steps as fractions, W = [[2, -2], [2, -2]]."""
    j = [[Fraction(2), Fraction(-2)], [Fraction(1, 2), Fraction(-1, 2)]]
    product = [[Fraction(1), Fraction(0)], [Fraction(0), Fraction(1)]]
    for _ in range(steps):
        product = [[sum(row[k] * j[k][c] for k in (0, 1)) for c in (0, 1)] for row in product]
    return product


def test_radius_nought_explodes_as_the_theorem_says(quick):
    numbers = quick("radius_is_not_norm").numbers
    # a matrix of rank one: its largest singular value is its Frobenius norm
    exact = sqrt(sum(entry**2 for row in exact_product(40) for entry in row))
    assert numbers["log10 norm of P, [[2, -2], [2, -2]]"] == pytest.approx(log10(exact), abs=1e-7)
    assert numbers["growth of that P (nats a step)"] == pytest.approx(log(1.5), abs=1e-8)
    assert numbers["step from which U^t is zero, [[2, -2], [2, -2]]"] == 2


def test_the_transient_obeys_the_theorem_of_kreiss(quick):
    check(quick("radius_is_not_norm").numbers, 10)


@pytest.mark.slow
def test_the_full_figure(tmp_path):
    check(find_script("radius_is_not_norm").run(tmp_path, formats=["png"]), 32)
