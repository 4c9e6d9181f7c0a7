"""Slices of parameter space: closed forms, mpmath, central differences, and beyond floats."""

import mpmath
import numpy as np
import pytest
from matplotlib.figure import Figure

import gradflow as gf
from gradflow.errors import PrecisionError, UsageError
from gradflow.spectra import Loss, cross_entropy, error_surface, squared_error
from oracles.runs import random_run

LINEAR = gf.Cell(name="linear", state="h", vectors="a b", equations="h_next = a * h + b")
FED = gf.Cell(
    name="fed", state="h", inputs="x[one]", vectors="a c", equations="h_next = a * h + c * x"
)
UNIT = gf.Cell(name="unit", state="x", vectors="w b", equations="x_next = w * sigmoid(x) + b")
ONE = {"a": np.ones(1), "b": np.ones(1)}


def last(run):
    """The last state itself as the error."""
    return Loss(run.flat_states[-1, 0], np.ones(1), "last state")


def entry(name, values):
    return (name, 0), values


def test_a_linear_unit_has_its_closed_form():
    a, b, steps, start = np.array([0.5, 1.5, 2.0]), np.array([-1.0, 0.25]), 9, 0.75
    found = error_surface(
        LINEAR, ONE, last, entry("a", a), entry("b", b), state=[start], steps=steps
    )
    grown = (a**steps - 1) / (a - 1)
    by_a = (steps * a ** (steps - 1) - grown) / (a - 1)
    slopes = [steps * a ** (steps - 1) * start + b[:, None] * by_a, np.tile(grown, (2, 1))]
    np.testing.assert_allclose(found.error, a**steps * start + b[:, None] * grown, rtol=1e-14)
    length = np.hypot(*slopes)
    np.testing.assert_allclose(found.log_gradient, np.log(length), rtol=0, atol=1e-13)
    for k, slope in enumerate(slopes):
        np.testing.assert_allclose(found.direction[..., k], slope / length, rtol=0, atol=1e-13)
    assert found.label == "last state"
    np.testing.assert_array_equal(found.x, a)
    np.testing.assert_array_equal(found.y, b)


def test_the_surface_of_pascanu_beside_its_cliff_in_forty_digits():
    """E = (sigma(x_50) - 0.7)^2 with one derivative carried along, by mpmath."""
    steps, w, shift = 50, [4.5, 5.0], [-1e-3, 0.0, 1e-4]

    def loss(run):
        s = 1 / (1 + np.exp(-run.flat_states[-1]))
        return Loss((s[0] - 0.7) ** 2, 2 * (s - 0.7) * s * (1 - s), "E")

    half = 1 / (1 + np.exp(-0.5))
    biases = [0.5 - 5.0 * half + d for d in shift]
    params = {"w": np.ones(1), "b": np.ones(1)}
    found = error_surface(
        UNIT, params, loss, entry("w", w), entry("b", biases), state=[0.5], steps=steps
    )
    with mpmath.workdps(40):
        for i, bias in enumerate(biases):
            for j, weight in enumerate(w):
                x, by_w, by_b = mpmath.mpf("0.5"), mpmath.mpf(0), mpmath.mpf(0)
                for _ in range(steps):
                    s = 1 / (1 + mpmath.exp(-x))
                    slope = weight * s * (1 - s)
                    x, by_w, by_b = weight * s + bias, s + slope * by_w, 1 + slope * by_b
                s = 1 / (1 + mpmath.exp(-x))
                outer = 2 * (s - 0.7) * s * (1 - s)
                exact = outer * mpmath.sqrt(by_w**2 + by_b**2)
                # rounding of one step, 1e-16, is multiplied by 3200 at w = 5
                assert found.error[i, j] == pytest.approx(float((s - 0.7) ** 2), rel=1e-10)
                assert found.log_gradient[i, j] == pytest.approx(
                    float(mpmath.log(abs(exact))), abs=1e-9
                )
                assert found.direction[i, j, 0] == pytest.approx(
                    float(outer * by_w / abs(exact)), abs=1e-10
                )


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
@pytest.mark.parametrize("every_step", [False, True])
def test_a_slice_of_any_cell_agrees_with_central_differences(name, every_step):
    run, rng = random_run(name, 6)
    weights = rng.standard_normal((6, run.width))
    weights[:-1] *= every_step
    keys = list(run.cell.parameters)
    directions = [
        {k: rng.standard_normal(np.shape(run.params[k])) for k in chosen}
        for chosen in (keys, keys[:1])
    ]

    def loss(moved):
        gradient = weights if every_step else weights[-1]
        return Loss((weights * moved.flat_states[1:]).sum(), gradient, "L")

    inputs, start = run.inputs or None, run.flat_states[0]

    def surface(x, y):
        axes = ((d, v) for d, v in zip(directions, (x, y), strict=True))
        return error_surface(run.cell, run.params, loss, *axes, inputs, state=start, steps=6)

    here = surface([0.0], [0.0])
    slopes = here.direction[0, 0] * np.exp(here.log_gradient[0, 0])
    errors = []
    for h in (2e-4, 1e-4):
        x, y = surface([-h, h], [0.0]).error[0], surface([0.0], [-h, h]).error[:, 0]
        differences = np.array([x[1] - x[0], y[1] - y[0]]) / (2 * h)
        errors.append(np.abs(differences - slopes).max())
    # halving the step quarters the error, or it is rounding already
    assert errors[1] < 0.3 * errors[0] or errors[1] < 1e-8 * max(1, np.abs(slopes).max())


def test_an_entry_takes_its_coordinate_and_a_direction_adds_to_it():
    run, rng = random_run("lstm", 5)
    readout = rng.standard_normal((3, 5))

    def loss(moved):
        found = cross_entropy(readout, moved.states["h"][-1], 1)
        return Loss(found.value, moved.covector({"h": found.gradient}), found.label)

    x = run.inputs["x"]
    by_entry = error_surface(
        run.cell, run.params, loss, (("U_f", (2, 3)), [0.4]), (("b_i", 1), [-0.3, 0.9]), x
    )
    for b, error in zip((-0.3, 0.9), by_entry.error[:, 0], strict=True):
        params = {n: np.array(v) for n, v in run.params.items()}
        params["U_f"][2, 3], params["b_i"][1] = 0.4, b
        assert error == loss(gf.run(run.cell, params, x)).value
    unit = np.zeros((5, 5))
    unit[2, 3] = 1
    shift = 0.4 - run.params["U_f"][2, 3]
    added = error_surface(
        run.cell, run.params, loss, ({"U_f": unit}, [shift]), (("b_i", 1), [0.9]), x
    )
    assert added.error[0, 0] == pytest.approx(by_entry.error[1, 0], rel=1e-14)
    assert added.log_gradient[0, 0] == pytest.approx(by_entry.log_gradient[1, 0], abs=1e-12)


def test_gradients_beyond_floats_keep_their_logarithms():
    """Only the first of 400 inputs is not zero, so that dL/dc is exactly a^399."""
    x = np.zeros((400, 1))
    x[0] = 1.0
    params = {"a": np.array([0.01]), "c": np.zeros(1)}
    for direct in (np.ones(1), np.eye(400, 1, -399)):  # of the last state, and of all steps

        def loss(run, direct=direct):
            return Loss(run.flat_states[-1, 0], direct, "last state")

        found = error_surface(
            FED, params, loss, entry("c", [0.0]), ({"c": np.array([2.0])}, [0.0]), x
        )
        exact = 399 * np.log(0.01) + np.log(np.hypot(1, 2))
        assert found.log_gradient[0, 0] == pytest.approx(exact, abs=1e-9)
        np.testing.assert_allclose(found.direction[0, 0], np.array([1, 2]) / 5**0.5, atol=1e-15)


def test_scales_far_apart_are_added_and_not_lost():
    """A loss at the last step alone reaches inputs at lag 0 and at lag 399; one is negligible."""
    x = np.zeros((400, 1))
    x[[0, -1]] = 1.0
    found = error_surface(
        FED,
        {"a": np.array([0.01]), "c": np.ones(1)},
        last,
        entry("c", [1.0]),
        ({"c": np.array([0.0])}, [0.0]),
        x,
    )
    assert found.log_gradient[0, 0] == pytest.approx(0, abs=1e-15)
    grown = error_surface(
        LINEAR, ONE, lambda run: Loss(0.0, np.full(1, 1e300), "L"), *two_entries(9.0), steps=30
    )
    # dL/db = 1e300 (9^30 - 1) / 8 is no float
    exact = 300 * np.log(10) + np.log((9.0**30 - 1) / 8)
    by_b = grown.log_gradient[0, 0] + np.log(grown.direction[0, 0, 1])
    assert by_b == pytest.approx(exact, abs=1e-9)


def two_entries(a):
    return entry("a", [a]), entry("b", [1.0])


def test_a_flat_surface_has_an_exact_zero():
    found = error_surface(
        LINEAR, ONE, lambda run: Loss(3.0, np.zeros(1), "none"), *two_entries(1.0), steps=4
    )
    assert np.isneginf(found.log_gradient).all()
    assert not found.direction.any()


def test_it_draws_and_prints_itself():
    found = error_surface(
        LINEAR, ONE, last, entry("a", [0.5, 1.0]), entry("b", [0.0, 1.0, 2.0]), steps=3
    )
    assert "3 x 2 points" in found._repr_html_()
    ax = Figure().subplots()
    assert found.plot(ax) is ax
    np.testing.assert_array_equal(ax.images[0].get_array(), found.error)


GOOD = entry("a", [1.0]), entry("b", [1.0])


@pytest.mark.parametrize(
    ("across", "words"),
    [
        ((("q", 0), [1.0]), "names 'q', which is no parameter; there are a, b"),
        (({"q": np.ones(1)}, [1.0]), "names 'q'"),
        ((("a", 3), [1.0]), "an index picks one entry"),
        ((("a", (0, 0)), [1.0]), "an index picks one entry"),
        (({"a": np.ones(2)}, [1.0]), r"shape \(2,\) in a, which has \(1,\)"),
        (({"a": np.array([np.nan])}, [1.0]), "direction's a hold nan"),
        (entry("a", []), r"coordinates across have shape \(0,\)"),
        (entry("a", [[1.0]]), "one axis"),
        (entry("a", [np.inf]), "coordinates across hold inf"),
    ],
)
def test_directions_and_coordinates_that_do_not_fit_are_refused(across, words):
    with pytest.raises(UsageError, match=words):
        error_surface(LINEAR, ONE, last, across, GOOD[1], steps=2)


def test_one_entry_has_one_coordinate():
    with pytest.raises(UsageError, match="the same entry"):
        error_surface(LINEAR, ONE, last, (("a", 0), [1.0]), (("a", -1), [2.0]), steps=2)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda run: Loss(np.ones(2), np.ones(1), "L"), "one finite number"),
        (lambda run: Loss(np.nan, np.ones(1), "L"), "one finite number"),
        (lambda run: Loss(1.0, np.ones(5), "L"), r"shape \(5,\); it needs \(1,\)"),
        (lambda run: Loss(1.0, np.full(1, np.inf), "L"), "gradient of the loss"),
    ],
)
def test_losses_that_do_not_fit_are_refused(loss, words):
    with pytest.raises(UsageError, match=words):
        error_surface(LINEAR, ONE, loss, *GOOD, steps=2)


def test_one_sequence_only_and_no_infinite_slope():
    with pytest.raises(UsageError, match="needs one trajectory"):
        error_surface(LINEAR, ONE, last, *GOOD, state=np.ones((2, 1)), steps=2)
    root = gf.Cell(name="root", state="h", vectors="a b", equations="h_next = a * sqrt(h) + b")
    with pytest.raises(PrecisionError, match="slope is not finite at 1 points"):
        error_surface(root, ONE, last, entry("a", [1.0]), entry("b", [0.0]), steps=3)


def test_the_squared_error_of_the_library_fits_too():
    def loss(run):
        return squared_error(np.eye(1), run.flat_states[-1], [2.0])

    found = error_surface(LINEAR, ONE, loss, *GOOD, state=[1.0], steps=3)
    # h_3 = 1 + 3, off by 2
    assert found.error[0, 0] == 2.0
    assert found.direction[0, 0, 1] * np.exp(found.log_gradient[0, 0]) == pytest.approx(6)
