"""The toy against exact arithmetic."""

from decimal import Decimal, getcontext
from math import log10

import pytest


def exact(w):
    """log10 of w^1000 and of 1000 w^999, at 60 digits."""
    getcontext().prec = 60
    weight = Decimal(w)
    return float((weight**1000).log10()), float((1000 * weight**999).log10())


@pytest.mark.parametrize("w", ["1.01", "1", "0.99", "0.01"])
def test_the_power_and_its_slope(quick, w):
    numbers = quick("toy_power").numbers
    y, slope = exact(w)
    assert numbers[f"log10 y, w={w}"] == pytest.approx(y, abs=1e-9)
    assert numbers[f"log10 dy/dw, w={w}"] == pytest.approx(slope, abs=1e-9)


def test_no_learning_rate_serves_both_sides(quick):
    numbers = quick("toy_power").numbers
    apart = numbers["decades between the learning rates of 0.99 and 1.01"]
    assert apart == pytest.approx(999 * (log10(1.01) - log10(0.99)), abs=1e-9)
    assert apart > 8
