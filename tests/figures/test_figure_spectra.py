"""Singular values, eigenvalues and Lyapunov exponents: the plotted data and their names."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from gradflow.errors import UsageError
from gradflow.figures import plot_eigenvalues, plot_lyapunov, plot_singular_values
from gradflow.figures.look.axes import axes_or_new
from gradflow.reporting import draw_svg


def axes():
    return Figure(figsize=(5.2, 3.1), layout="constrained").subplots()


def data(line):
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    found = ax.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


def fan(lag, rates):
    return SimpleNamespace(lag=np.asarray(lag), log_sigma=-np.outer(lag, rates))


def test_every_singular_value_is_a_line_from_dark_to_light():
    ax = axes()
    result = fan(np.arange(1, 51), [0.1, 1.0, 5.0, 75.94])
    assert plot_singular_values(ax, result) is ax
    for line, column in zip(ax.lines, result.log_sigma.T, strict=True):
        x, y = data(line)
        np.testing.assert_array_equal(x, result.lag)
        np.testing.assert_allclose(y, column / math.log(10))
    assert data(ax.lines[-1])[1][-1] == pytest.approx(-1649, abs=0.1)
    shades = [int(line.get_color()[1:3], 16) for line in ax.lines]
    assert shades == sorted(shades)
    assert texts(ax) == [r"$\sigma_{1}$", r"$\sigma_{4}$"]


@pytest.mark.parametrize("lag", [[0, 1, 2, 4, 8, 16, 32], [5, 500], [5]])
def test_an_exponential_is_a_straight_line_however_the_lags_are_spaced(lag):
    ax = axes()
    plot_singular_values(ax, fan(lag, [0.1, 0.2]))
    assert ax.get_xscale() == "linear"
    if len(lag) > 1:
        assert ax.get_xlim() == (lag[0], lag[-1])


def test_exact_zeros_end_in_dots_and_are_counted():
    result = fan(np.arange(1, 11), [0.1, 0.2, 0.3])
    result.log_sigma[4:, 2] = -np.inf
    result.log_sigma[:, 1] = -np.inf
    ax = axes()
    plot_singular_values(ax, result)
    (dot,) = ax.lines[3:]
    assert data(dot) == (pytest.approx([4]), pytest.approx([-1.2 / math.log(10)]))
    assert legend(ax) == [
        r"$\sigma_{1}$",
        r"$\sigma_{3}$",
        "2 of 3 exactly 0 at lag 10",
    ]


@pytest.mark.parametrize(
    ("lag", "log_sigma", "complaint"),
    [
        ([1, 2], np.zeros(2), "must be lags by values"),
        ([1, 2], np.zeros((2, 0)), "must be lags by values"),
        ([1, 2], np.zeros((3, 2)), "do not fit|lag has shape"),
        ([1, 2], np.full((2, 2), np.nan), "nan"),
    ],
)
def test_wrong_singular_values_are_refused(lag, log_sigma, complaint):
    with pytest.raises(UsageError, match=complaint):
        plot_singular_values(axes(), SimpleNamespace(lag=np.asarray(lag), log_sigma=log_sigma))


def test_eigenvalues_lie_over_the_unit_circle_on_equal_axes():
    first, last = np.array([0.5 + 0.5j, 0.5 - 0.5j]), np.array([-2.0])
    ax = axes()
    assert plot_eigenvalues(ax, {"first step": first, "last step": last}) is ax
    assert ax.get_aspect() == 1
    (circle,) = ax.patches
    assert isinstance(circle, Circle)
    assert (circle.center, circle.radius) == ((0, 0), 1)
    points = ax.lines[2:]
    assert data(points[0]) == (pytest.approx([0.5, 0.5]), pytest.approx([0.5, -0.5]))
    assert data(points[1]) == (pytest.approx([-2]), pytest.approx([0]))
    assert points[0].get_marker() != points[1].get_marker()
    assert legend(ax) == ["first step", "last step"]
    assert ax.get_xlim()[0] < -2
    assert ax.get_xlim()[1] > 1


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "eigenvalues is empty"),
        ({"a": np.zeros((2, 2))}, r"'a' has shape \(2, 2\)"),
        ({"a": np.array([np.nan])}, "1 values that are not finite"),
    ],
)
def test_wrong_eigenvalues_are_refused(given, complaint):
    with pytest.raises(UsageError, match=complaint):
        plot_eigenvalues(axes(), given)


def spectrum(exponents, stderr, label):
    return SimpleNamespace(exponents=np.array(exponents), stderr=np.array(stderr), label=label)


def test_exponents_stand_in_order_with_their_errors_and_a_zero_line():
    ax = axes()
    whole = spectrum([0.1, -0.2, -0.9], [0.01, 0.02, 0.03], "whole state")
    part = spectrum([-2.0], [0.1], "$h$ alone")
    assert plot_lyapunov(ax, [whole], h_only=[part]) is ax
    zero, full, *_ = ax.lines
    assert data(zero)[1].tolist() == [0, 0]
    assert data(full) == (pytest.approx([1, 2, 3]), pytest.approx([0.1, -0.2, -0.9]))
    errors, hollow = ax.containers
    assert [line.get_markerfacecolor() for line in (errors[0], hollow[0])] == ["#0072b2", "white"]
    segments = errors[2][0].get_segments()
    np.testing.assert_allclose(
        [s[:, 1] for s in segments], [[0.09, 0.11], [-0.22, -0.18], [-0.93, -0.87]]
    )
    assert legend(ax) == ["whole state", "$h$ alone"]


def test_infinite_exponents_are_counted_and_unknown_errors_left_out():
    ax = axes()
    plot_lyapunov(ax, [spectrum([-1.0, -2.0, -np.inf], [np.inf, np.nan, 0.0], "a")])
    assert data(ax.lines[1]) == (pytest.approx([1, 2]), pytest.approx([-1, -2]))
    assert legend(ax) == [r"a (1 of 3 are $-\infty$)"]
    assert ax.get_ylim()[0] > -3


@pytest.mark.parametrize(
    ("spectra", "complaint"),
    [
        ([], "spectra is empty"),
        ([spectrum([np.nan], [0.0], "a")], "'a' has exponents"),
        ([spectrum([1.0, 2.0], [0.0], "a")], r"stderr of \(1,\)"),
        ([spectrum([[1.0]], [[0.0]], "a")], r"shape \(1, 1\)"),
    ],
)
def test_wrong_spectra_are_refused(spectra, complaint):
    with pytest.raises(UsageError, match=complaint):
        plot_lyapunov(axes(), spectra)


def test_large_spectra_draw_without_a_warning():
    many = spectrum(-0.01 * np.arange(200), np.full(200, 0.01), "whole state")
    assert draw_svg(plot_lyapunov, [many]).startswith("<svg")
    assert draw_svg(plot_singular_values, fan(np.arange(1, 9), np.linspace(0.1, 3, 64)))


def test_given_axes_are_used_and_new_ones_made_otherwise():
    given = axes()
    assert axes_or_new(given) is given
    fresh = axes_or_new(None)
    assert fresh.figure is not given.figure
    from matplotlib import pyplot

    pyplot.close(fresh.figure)
