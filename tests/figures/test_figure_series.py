"""Named curves: the data drawn, the band, theory beside it, and names that do not collide."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from gradflow.errors import UsageError
from gradflow.figures import Series, plot_series
from oracles.legibility import complaints

X = np.arange(11.0)


def axes():
    return Figure(figsize=(4, 2.6), layout="constrained").subplots()


def drawn(line):
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


def test_values_are_drawn_as_given_and_axes_named():
    ax = axes()
    assert plot_series(ax, [Series(label="one", x=X, y=X**2)], x="time (s)", y="length (m)") is ax
    np.testing.assert_array_equal(drawn(ax.lines[0]), (X, X**2))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (s)", "length (m)")
    assert ax.get_xlim() == (0, 10)
    assert [t.get_text() for t in ax.texts] == ["one"]


def test_logarithms_far_below_floats_are_decades():
    ax = axes()
    band = {"low": -400 * X, "high": -200 * X}
    plot_series(ax, [Series(label="deep", x=X, y=-300 * X, **band)], x="x", y="y", log=True)
    np.testing.assert_allclose(drawn(ax.lines[0])[1], -300 * X / math.log(10), rtol=1e-14)
    (shade,) = ax.collections
    edge = shade.get_paths()[0].vertices[:, 1]
    assert edge.min() == pytest.approx(-4000 / math.log(10))
    assert edge.max() == 0


def test_points_have_bars_in_place_of_a_band():
    ax = axes()
    plot_series(
        ax, [Series(label="", x=X, y=X, low=X - 1, high=X + 2, kind="points")], x="x", y="y"
    )
    (bars,) = ax.collections
    found = np.array(bars.get_segments())
    np.testing.assert_allclose(found[:, :, 0], np.stack([X, X], axis=1))
    np.testing.assert_allclose(found[:, :, 1], np.stack([X - 1, X + 2], axis=1))


def test_theory_and_points_look_different_from_lines():
    ax = axes()
    kinds = ("line", "points", "theory", "bound")
    plot_series(
        ax, [Series(label=k, x=X, y=X + 5 * i, kind=k) for i, k in enumerate(kinds)], x="x", y="y"
    )
    line, points, theory, bound = ax.lines
    assert points.get_linestyle() == "None"
    assert points.get_marker() != "None"
    looks = {(one.get_color(), str(one._unscaled_dash_pattern)) for one in (line, theory, bound)}
    assert len(looks) == 3


def test_a_style_may_be_shared_and_names_left_out():
    ax = axes()
    pair = [Series(label="a", x=X, y=X, style=3), Series(label="b", x=X, y=X + 1, style=3)]
    plot_series(ax, pair, x="x", y="y", named=False)
    assert ax.lines[0].get_color() == ax.lines[1].get_color()
    assert not ax.texts
    assert ax.get_legend() is None


def test_colour_and_dashes_may_be_those_of_two_places():
    ax = axes()
    series = [
        Series(label="a", x=X, y=X),
        Series(label="b", x=X, y=X + 1),
        Series(label="c", x=X, y=X + 2, style=(1, 0)),
    ]
    plot_series(ax, series, x="x", y="y")
    first, second, mixed = ax.lines
    assert mixed.get_color() == second.get_color()
    assert mixed._unscaled_dash_pattern == first._unscaled_dash_pattern


@pytest.mark.parametrize("count", [2, 5, 8])
def test_names_of_close_curves_are_moved_apart_or_go_to_a_legend(count):
    ax = axes()
    plot_series(
        ax, [Series(label=f"curve {i}", x=X, y=X + 0.1 * i) for i in range(count)], x="x", y="y"
    )
    assert complaints(ax.figure) == []
    names = [t.get_text() for t in ax.texts]
    legend = ax.get_legend()
    assert len(names) == count or len(legend.get_texts()) == count


def test_names_keep_the_order_of_their_curves():
    ax = axes()
    plot_series(ax, [Series(label=f"{i}", x=X, y=X + 0.3 * i) for i in range(3)], x="x", y="y")
    boxes = {t.get_text(): t.get_window_extent().y0 for t in ax.texts}
    assert boxes["0"] < boxes["1"] < boxes["2"]


@pytest.mark.parametrize(
    ("series", "log", "complaint"),
    [
        ([], False, "series is empty"),
        ([Series(label="a", x=X, y=X[:3])], False, "x of shape (11,) and y of (3,)"),
        ([Series(label="a", x=X, y=np.full(11, np.nan))], False, "not finite"),
        ([Series(label="a", x=X, y=np.full(11, -np.inf))], False, "not finite"),
        ([Series(label="a", x=X, y=np.full(11, np.nan))], True, "nan"),
        ([Series(label="a", x=[], y=[])], False, "an entry or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused(series, log, complaint):
    with pytest.raises(UsageError, match=complaint.replace("(", r"\(").replace(")", r"\)")):
        plot_series(axes(), series, x="x", y="y", log=log)


def test_an_exact_zero_ends_in_a_cross():
    ax = axes()
    plot_series(
        ax, [Series(label="dies", x=X, y=np.where(X > 4, -np.inf, -X))], x="x", y="y", log=True
    )
    assert any(line.get_marker() == "x" for line in ax.lines)
