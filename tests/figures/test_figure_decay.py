"""Decays and paths: what is plotted is the data in decades, however small, and zeros are said."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from gradflow.errors import UsageError
from gradflow.figures import paper_style, plot_decay, plot_paths
from gradflow.reporting import draw_svg

NORM = r"\lVert P(t,k) \rVert_2"
LAG = np.arange(101)


def axes(size=(5.2, 3.1)):
    return Figure(figsize=size, layout="constrained").subplots()


def decay(log_norm, label="", quantity=NORM, lag=LAG):
    return SimpleNamespace(lag=lag, log_norm=np.asarray(log_norm), quantity=quantity, label=label)


def data(line):
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    found = ax.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


def y_labels(ax):
    ax.figure.canvas.draw()
    low, high = ax.get_ylim()
    ticks = zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    return [text.get_text() for value, text in ticks if low <= value <= high]


def test_a_norm_far_below_floating_point_is_plotted_where_it_is():
    ax = axes()
    log_norm = -16.49 * math.log(10) * LAG
    assert plot_decay(ax, [decay(log_norm)]) is ax
    x, y = data(ax.lines[0])
    np.testing.assert_array_equal(x, LAG)
    np.testing.assert_allclose(y, -16.49 * LAG, rtol=1e-14)
    assert "$10^{-1500}$" in y_labels(ax)
    assert ax.get_xlabel() == "lag $t - k$ (steps)"
    assert ax.get_ylabel() == r"$\Vert P(t,k) \Vert_2$"
    assert ax.get_xlim() == (0, 100)


def test_an_exploding_norm_is_plotted_too():
    ax = axes()
    plot_decay(ax, [decay(20.0 * LAG)])
    assert data(ax.lines[0])[1][-1] == pytest.approx(2000 / math.log(10))
    assert "$10^{800}$" in y_labels(ax)


def test_names_stand_at_the_ends_when_they_fit_and_in_a_legend_when_not():
    apart = axes()
    plot_decay(apart, [decay(-0.1 * LAG, "slow"), decay(-0.9 * LAG, "fast")])
    assert texts(apart) == ["slow", "fast"]
    assert legend(apart) == []
    assert [text.xy for text in apart.texts] == [
        (100, pytest.approx(-10 / math.log(10))),
        (100, pytest.approx(-90 / math.log(10))),
    ]
    together = axes()
    plot_decay(together, [decay(-0.1 * LAG, "slow"), decay(-0.1001 * LAG, "nearly as slow")])
    above, below = (text.get_window_extent() for text in together.texts)
    assert texts(together) == ["slow", "nearly as slow"]
    assert below.y1 <= above.y0 + 0.1  # moved apart, in the order of their curves
    crowd = axes()
    plot_decay(crowd, [decay(-0.1 * LAG, str(i)) for i in range(6)])
    assert texts(crowd) == []
    assert legend(crowd) == list("012345")


def test_curves_of_different_length_get_a_legend():
    ax = axes()
    plot_decay(ax, [decay(-LAG, "long"), decay(-np.arange(50.0), "short", lag=np.arange(50))])
    assert legend(ax) == ["long", "short"]
    assert ax.get_xlim() == (0, 100)


def test_no_two_curves_look_alike_in_grey():
    ax = axes()
    plot_decay(ax, [decay(-0.1 * i * LAG, str(i)) for i in range(1, 7)])
    dashes = {str(line._unscaled_dash_pattern) for line in ax.lines}
    assert len(dashes) == len({line.get_color() for line in ax.lines}) == 6


def test_an_exact_zero_ends_the_curve_in_a_cross_and_a_note():
    ax = axes()
    plot_decay(ax, [decay(np.where(LAG > 40, -np.inf, -0.5 * LAG), "irnn")])
    curve, cross = ax.lines
    assert np.isfinite(data(curve)[1][:41]).all()
    assert np.isnan(data(curve)[1][41:]).all()
    assert cross.get_marker() == "x"
    assert data(cross) == (pytest.approx([40]), pytest.approx([-20 / math.log(10)]))
    assert texts(ax) == ["exactly 0"]
    assert legend(ax) == ["irnn"]
    assert ax.get_xlim() == (0, 100)


def test_several_zeros_share_a_legend_entry():
    ax = axes()
    zero = [decay(np.where(n < LAG, -np.inf, -0.1 * LAG), f"dies at {n}") for n in (30, 60)]
    plot_decay(ax, [*zero, decay(np.full(101, -np.inf), "never lives")])
    assert legend(ax) == [
        "dies at 30",
        "dies at 60",
        "never lives (exactly 0)",
        "exactly 0 beyond",
    ]


def test_a_batch_is_its_median_and_a_band_by_rank():
    runs = -np.arange(1, 12)[:, None] * 0.1 * LAG
    ax = axes()
    plot_decay(ax, [decay(np.random.default_rng(0).permutation(runs).reshape(11, 1, 101), "a")])
    np.testing.assert_allclose(data(ax.lines[0])[1], -0.6 * LAG / math.log(10), atol=1e-12)
    (band,) = ax.collections
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].min() == pytest.approx(-100 / math.log(10))
    at_end = corners[corners[:, 0] == 100][:, 1]
    assert at_end.max() == pytest.approx(-20 / math.log(10))
    assert [*texts(ax), *legend(ax)] == ["a, median and 10–90 % of 11"]


def test_a_band_over_exact_zeros_reaches_the_foot_of_the_axes():
    last = np.array([20, 50, 80])[:, None]
    runs = np.where(last < LAG, -np.inf, -0.1 * LAG)
    ax = axes()
    plot_decay(ax, [decay(runs, "a")])
    cross = ax.lines[1]
    assert data(cross)[0] == [50]
    corners = ax.collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == ax.get_ylim()[0]
    assert corners[:, 0].max() == 80


def test_horizon_and_tolerance_are_marked_and_named():
    ax = axes()
    start = math.log(50)
    plot_decay(ax, [decay(start - 0.1 * LAG, "a")], horizon=47, tolerance=0.01)
    _, vertical, level = ax.lines
    assert data(vertical)[0].tolist() == [47, 47]
    assert data(level)[1] == pytest.approx([math.log10(0.5)] * 2)
    assert "horizon 47 steps, tolerance $10^{-2}$" in texts(ax)
    assert ax.get_ylim()[1] > math.log10(50)


@pytest.mark.parametrize(
    ("horizon", "note"),
    [(1, "horizon 1 step"), (1000, "horizon 1000 steps, beyond this figure")],
)
def test_a_horizon_at_the_edge_or_beyond(horizon, note):
    ax = axes()
    plot_decay(ax, [decay(-0.1 * LAG)], horizon=horizon)
    assert texts(ax) == [note]
    assert ax.get_xlim() == (0, 100)
    assert len(ax.lines) == (2 if horizon == 1 else 1)


def test_different_quantities_are_told_in_the_names():
    ax = axes()
    plot_decay(ax, [decay(-LAG, "a"), decay(-0.1 * LAG, quantity="x_t")])
    assert ax.get_ylabel() == "norm"
    assert {*texts(ax), *legend(ax)} == {r"a $\Vert P(t,k) \Vert_2$", "$x_t$"}


def test_rounding_noise_does_not_fill_the_figure():
    ax = axes()
    plot_decay(ax, [decay(1e-13 * (LAG % 2))])
    low, high = ax.get_ylim()
    assert high - low >= 0.2
    assert "$1$" in y_labels(ax)


def test_a_single_lag_is_a_dot():
    ax = axes()
    plot_decay(ax, [decay([-2.0], lag=np.array([3]))])
    assert ax.lines[0].get_marker() == "."


@pytest.mark.parametrize(
    ("decays", "options", "complaint"),
    [
        ([], {}, "decays is empty"),
        ([decay(np.full(101, np.nan), "a")], {}, r"'a': entry \(0,\) is nan"),
        ([decay(np.full((2, 101), np.inf), "a")], {}, r"entry \(0, 0\) is inf"),
        ([decay(np.zeros(5), "a")], {}, r"lag has shape \(101,\) and the values \(5,\)"),
        ([decay(np.zeros(0), lag=np.zeros(0))], {}, "at least one entry"),
        ([decay(-LAG)], {"tolerance": 0.0}, "tolerance is 0.0; it must be a finite number above 0"),
    ],
)
def test_what_cannot_be_plotted_is_refused(decays, options, complaint):
    with pytest.raises(UsageError, match=complaint):
        plot_decay(axes(), decays, **options)


def paths(**changes):
    given = {
        "lag": LAG[1:],
        "log_norm": {"carousel": -0.05 * LAG[1:], "through $U_f$": -0.2 * LAG[1:]},
        "total": -0.049 * LAG[1:],
        "carousel_only": -0.051 * LAG[1:],
    }
    return SimpleNamespace(**{**given, **changes})


def test_paths_are_drawn_beside_the_whole_gradient():
    ax = axes()
    assert plot_paths(ax, paths()) is ax
    assert texts(ax) == ["whole gradient", "carousel", "through $U_f$", "carousel alone"]
    for line, slope in zip(ax.lines, (-0.049, -0.05, -0.2, -0.051), strict=True):
        np.testing.assert_allclose(data(line)[1], slope * LAG[1:] / math.log(10))
    whole, *others = ax.lines
    assert whole.get_linewidth() > max(line.get_linewidth() for line in others)
    assert ax.get_xlim() == (1, 100)


def test_a_cell_without_a_carousel_has_no_such_line():
    ax = axes()
    plot_paths(ax, paths(carousel_only=None))
    assert len(ax.lines) == 3


def test_paths_of_another_length_are_refused():
    with pytest.raises(UsageError, match="'carousel'"):
        plot_paths(axes(), paths(log_norm={"carousel": np.zeros(3)}))


def test_everything_draws_in_the_house_style_without_a_warning():
    dying = decay(np.where(LAG > 40, -np.inf, -0.5 * LAG), "dies")
    batch = decay(np.zeros((3, 101)) - 0.1 * LAG, "batch")
    assert draw_svg(plot_decay, [dying, batch], horizon=30, tolerance=1e-3).startswith("<svg")
    with paper_style():
        plot_paths(axes((2, 1.5)), paths())


def certified(lower, upper):
    return SimpleNamespace(lower=np.asarray(lower), upper=np.asarray(upper), level="CERTIFIED")


def test_what_is_proven_lies_dotted_on_both_sides_of_the_curve():
    ax = axes()
    middle, ten = -0.1 * LAG, math.log(10)
    plot_decay(ax, [decay(middle, "measured")], proven=certified(middle - 1, middle + 1))
    measured, below, above = (data(line)[1] for line in ax.lines)
    np.testing.assert_allclose(below, measured - 1 / ten)
    np.testing.assert_allclose(above, measured + 1 / ten)
    assert [line.is_dashed() for line in ax.lines] == [False, True, True]
    assert texts(ax) == ["measured", "proven"]
    (band,) = ax.collections
    edges = band.get_paths()[0].vertices
    assert edges[:, 1].min() == pytest.approx((middle - 1).min() / ten)
    assert edges[:, 1].max() == pytest.approx(1 / ten)


def test_a_lower_end_of_zero_is_shaded_to_the_foot_of_the_axes():
    ax = axes()
    plot_decay(ax, [decay(-0.1 * LAG)], proven=certified(np.full(101, -math.inf), 0.0 * LAG))
    (band,) = ax.collections
    assert band.get_paths()[0].vertices[:, 1].min() == pytest.approx(ax.get_ylim()[0])


@pytest.mark.parametrize("lower", [np.zeros(5), np.full(101, np.nan)])
def test_a_band_that_cannot_be_drawn_is_refused(lower):
    with pytest.raises(UsageError, match="plot_decay"):
        plot_decay(axes(), [decay(-0.1 * LAG)], proven=certified(lower, np.zeros(101)))
