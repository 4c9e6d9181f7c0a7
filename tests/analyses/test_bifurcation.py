"""The one-unit bifurcation against its closed form, at 50 digits."""

import mpmath as mp
import numpy as np
import pytest

import gradflow as gf


def sigma(x):
    return 1 / (1 + mp.exp(-x))


def folds(w):
    """The biases at which sigma'(x) = 1/w, the lower first."""
    with mp.workdps(50):
        places = [(1 + sign * mp.sqrt(1 - mp.mpf(4) / w)) / 2 for sign in (1, -1)]
        return [float(mp.log(s / (1 - s)) - w * s) for s in places]


def test_folds_are_where_the_closed_form_has_them(quick):
    numbers = quick("bifurcation").numbers
    lower, upper = folds(5)
    assert numbers["fold: lower b"] == pytest.approx(lower, abs=1e-14)
    assert numbers["fold: upper b"] == pytest.approx(upper, abs=1e-14)
    # published digits
    assert numbers["fold: lower b"] == pytest.approx(-2.655610338631, abs=5e-13)
    assert numbers["fold: upper b"] == pytest.approx(-2.344389661369, abs=5e-13)
    assert numbers["fold: |dF/dx - 1|"] < 1e-14


def test_three_fixed_points_between_the_folds_and_one_outside(quick):
    numbers = quick("bifurcation").numbers
    counted = [
        numbers[f"fixed points {where} the folds"] for where in ("below", "between", "above")
    ]
    assert counted == [1, 3, 1]


@pytest.mark.parametrize("aside", [1e-4, -1e-4])
def test_the_count_changes_at_the_fold(aside):
    """A sign wrong by hand would leave one point on both sides."""
    unit = gf.Cell(
        name="unit", state="x", scalars="w", vectors="b", equations="x_next = w * sigmoid(x) + b"
    )
    found = gf.fixed_points(
        unit,
        {"w": [5.0], "b": [folds(5)[0] + aside]},
        starts=np.linspace(-4, 4, 200)[:, None],
    )
    assert len(found.states) == (3 if aside > 0 else 1)


@pytest.mark.parametrize("steps", [10, 25, 50])
def test_the_slope_on_the_boundary_is_a_power(quick, steps):
    with mp.workdps(50):
        s = sigma(mp.mpf("0.5"))
        exact = float((5 * s * (1 - s)) ** steps)
        place = float(mp.mpf("0.5") - 5 * s)
    numbers = quick("bifurcation").numbers
    assert numbers["boundary: b"] == pytest.approx(place, abs=1e-15)
    # the start is on the boundary to rounding, and the slope multiplies what it is off
    error = 1e-15 * exact * steps
    assert numbers[f"dx_T/dx_0 on the boundary, T = {steps}"] == pytest.approx(
        exact, rel=1e-12, abs=error
    )


def test_beside_the_boundary_the_gradient_vanishes(quick):
    numbers = quick("bifurcation").numbers
    b = numbers["boundary: b"] + 0.1
    x, slope = 0.5, 1.0
    for _ in range(50):
        s = 1 / (1 + np.exp(-x))
        x, slope = 5 * s + b, slope * 5 * s * (1 - s)
    # interpolated between points of the figure, a decade apart at most
    assert numbers["log10 dx_50/dx_0 at 0.1 beside"] == pytest.approx(np.log10(slope), abs=0.5)
