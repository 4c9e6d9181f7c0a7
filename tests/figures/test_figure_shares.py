"""Stacked shares: their edges, their lightness, and what is no share."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from gradflow.errors import UsageError
from gradflow.figures import plot_shares, share_handles
from oracles.legibility import complaints

X = np.arange(1, 6)
PARTS = {"a": np.full(5, 0.2), "b": np.linspace(0.1, 0.5, 5), "c": 0.8 - np.linspace(0.1, 0.5, 5)}


def axes():
    return Figure(figsize=(4, 2.6), layout="constrained").subplots()


def test_shares_lie_on_top_of_each_other_up_to_the_whole():
    ax = axes()
    assert plot_shares(ax, X, PARTS, x="lag (steps)", y="share (%)") is ax
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in ax.collections]
    assert tops == pytest.approx([20, 70, 100])
    middle = ax.collections[1].get_paths()[0].vertices
    assert middle[middle[:, 0] == 3][:, 1].max() == pytest.approx(50)
    assert ax.get_ylim() == (0, 100)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b", "c"]
    assert complaints(ax.figure) == []


def test_lightness_rises_so_that_grey_tells_them_apart():
    colors = [mpl.colors.to_rgb(h.get_facecolor()) for h in share_handles(list("abcdef"))]
    light = [float(np.dot(c, (0.2126, 0.7152, 0.0722))) for c in colors]
    assert min(np.diff(light)) > 0.08


def test_a_panel_may_leave_the_names_out():
    ax = axes()
    plot_shares(ax, X, PARTS, x="x", y="y", named=False)
    assert ax.get_legend() is None


@pytest.mark.parametrize(
    ("shares", "complaint"),
    [
        ({}, "one share or more"),
        ({"a": np.ones(4)}, "as long as"),
        ({"a": np.full(5, 0.5)}, "add up to 1"),
        ({"a": np.full(5, 1.5), "b": np.full(5, -0.5)}, "0 or more"),
        ({"a": np.full(5, np.nan)}, "every entry must be finite"),
    ],
)
def test_what_is_no_share_is_refused(shares, complaint):
    with pytest.raises(UsageError, match=complaint):
        plot_shares(axes(), X, shares, x="x", y="y")
