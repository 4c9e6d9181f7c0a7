"""Heat maps: the values on the map, a zero that is white, contours where they belong."""

import math

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from gradflow.errors import UsageError
from gradflow.figures import Grid, mark_points, outline, plot_heat, trace
from oracles.legibility import complaints

X, Y = np.linspace(0, 3, 31), np.linspace(-1, 1, 21)
SLOPE = X[None, :] + 10 * Y[:, None]


def axes():
    return Figure(figsize=(4, 2.8), layout="constrained").subplots()


def color_of(ax, value):
    image = ax.images[0]
    return image.cmap(image.norm(value))[:3]


def luminance(rgb):
    return float(np.dot(rgb, (0.2126, 0.7152, 0.0722)))


def test_values_lie_where_their_axes_say():
    ax = axes()
    assert plot_heat(ax, Grid(X, Y, SLOPE, "rise (m)"), x="x (s)", y="y (s)") is ax
    image = ax.images[0]
    np.testing.assert_array_equal(image.get_array(), SLOPE)
    left, right, low, high = image.get_extent()
    assert (left, right) == pytest.approx((-0.05, 3.05))
    assert (low, high) == pytest.approx((-1.05, 1.05))
    assert image.origin == "lower"
    assert complaints(ax.figure) == []


def test_more_is_lighter_in_grey():
    ax = axes()
    plot_heat(ax, Grid(X, Y, SLOPE, "q"), x="x", y="y")
    shades = [luminance(color_of(ax, v)) for v in np.linspace(SLOPE.min(), SLOPE.max(), 9)]
    assert shades == sorted(shades)


def test_the_true_zero_is_white_and_outlined_and_both_sides_differ():
    ax = axes()
    plot_heat(ax, Grid(X, Y, SLOPE, "q"), x="x", y="y", zero=0.0)
    assert min(color_of(ax, 0.0)) > 0.94
    low, high = color_of(ax, SLOPE.min()), color_of(ax, SLOPE.max())
    assert np.abs(np.subtract(low, high)).max() > 0.3
    thick = [c for c in ax.collections if max(np.atleast_1d(c.get_linewidths())) >= 1.6]
    assert thick
    points = np.concatenate([p.vertices for c in thick for p in c.get_paths()])
    np.testing.assert_allclose(points[:, 0] + 10 * points[:, 1], 0, atol=1e-9)


def test_powers_of_ten_far_below_floats_and_exact_zeros():
    ax = axes()
    values = -500.0 * SLOPE
    values[0, 0] = -np.inf
    plot_heat(ax, Grid(X, Y, values, "q"), x="x", y="y", log=True, levels=[-1000.0])
    shown = ax.images[0].get_array()
    assert shown.mask[0, 0]
    assert shown[5, 5] == pytest.approx(values[5, 5] / math.log(10))
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["exactly 0"]
    labels = [t.get_text() for t in ax.texts]
    assert labels
    assert all(t == r"$5.08\times10^{-435}$" for t in labels)


def test_what_lies_beyond_the_limits_is_an_arrow():
    ax = axes()
    plot_heat(ax, Grid(X, Y, SLOPE, "q"), x="x", y="y", limits=(0, 5))
    (bar,) = [a for a in ax.figure.axes if a is not ax]
    assert bar._colorbar.extend == "both"


def test_a_region_is_outlined_where_it_is():
    ax = axes()
    plot_heat(ax, Grid(X, Y, SLOPE, "q"), x="x", y="y")
    before = len(ax.collections)
    outline(ax, X, Y, np.broadcast_to(X[None, :] > 1.5, SLOPE.shape), "proven", (2.2, 0))
    edge, hatched = ax.collections[before:]
    assert np.concatenate([p.vertices for p in edge.get_paths()])[:, 0] == pytest.approx(1.55)
    assert hatched.hatches == ["///"]
    assert [t.get_text() for t in ax.texts] == ["proven"]


def test_points_are_marked_and_their_names_stay_inside():
    ax = axes()
    plot_heat(ax, Grid(X, Y, SLOPE, "q"), x="x", y="y")
    mark_points(ax, {"left": (0.1, 0.5), "right": (2.9, -0.5)})
    assert complaints(ax.figure) == []
    left, right = ax.texts
    assert (left.get_ha(), right.get_ha()) == ("left", "right")
    assert to_rgb(ax.lines[0].get_color()) == (1, 1, 1)


@pytest.mark.parametrize("solid", [False, True])
def test_a_path_has_a_white_edge_under_it(solid):
    ax = Figure().add_subplot(projection="3d" if solid else None)
    path = (X, X**2, X**3)[: 3 if solid else 2]
    assert trace(ax, *path, color="black") is ax
    edge, line = ax.lines
    assert to_rgb(edge.get_color()) == (1, 1, 1)
    assert to_rgb(line.get_color()) == (0, 0, 0)
    assert edge.get_linewidth() > 2 * line.get_linewidth()
    for drawn in (edge, line):
        np.testing.assert_array_equal(drawn.get_data_3d() if solid else drawn.get_data(), path)


@pytest.mark.parametrize("path", [(X,), (X, X, X), (X, Y), (X, X * np.nan), (SLOPE, SLOPE)])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(UsageError, match="2 arrays of one length"):
        trace(axes(), *path)


@pytest.mark.parametrize(
    ("grid", "complaint"),
    [
        (Grid(X, Y, SLOPE.T, "q"), "a row for each y"),
        (Grid(X[::-1], Y, SLOPE, "q"), "ascending"),
        (Grid(X**2, Y, SLOPE, "q"), "evenly spaced"),
        (Grid(X, Y, SLOPE * np.nan, "q"), "finite"),
    ],
)
def test_what_cannot_be_drawn_is_refused(grid, complaint):
    with pytest.raises(UsageError, match=complaint):
        plot_heat(axes(), grid, x="x", y="y")


def test_one_value_everywhere_is_drawn():
    ax = axes()
    plot_heat(ax, Grid(X, Y, np.ones_like(SLOPE), "q"), x="x", y="y", zero=0.0, levels=[1.0])
    assert complaints(ax.figure) == []
