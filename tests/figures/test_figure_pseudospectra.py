"""Pseudospectra: what is drawn where, and what is refused."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from gradflow.errors import UsageError
from gradflow.figures import Grid, paper_style, plot_pseudospectra

ACROSS = np.linspace(-1.5, 1.5, 31)
POINTS = np.array([0.5, -0.5])


def distances():
    z = ACROSS + 1j * ACROSS[:, None]
    with np.errstate(divide="ignore"):
        return -np.log(np.abs(z[..., None] - POINTS).min(axis=-1))


def draw(values, points=POINTS, levels=(0.1, 0.3)):
    with paper_style():
        figure = Figure(figsize=(3, 3), layout="constrained")
        ax = figure.subplots()
        grid = Grid(ACROSS, ACROSS, values, r"perturbation $\epsilon$")
        assert plot_pseudospectra(ax, grid, points, levels=levels) is ax
        figure.draw_without_rendering()
    return figure, ax


def test_the_regions_of_a_normal_matrix_are_discs_round_its_eigenvalues():
    values = distances()
    assert np.isinf(values).any()  # the grid holds the eigenvalues themselves
    figure, ax = draw(values)
    outer = ax.collections[1].get_paths()[1].vertices  # the outlines of 0.1 and of 0.3
    away = np.abs(outer[:, :1] + 1j * outer[:, 1:] - POINTS).min(axis=1)
    np.testing.assert_allclose(away, 0.3, atol=0.02)
    dots = ax.get_lines()[0]
    assert (dots.get_xdata() + 1j * dots.get_ydata()).tolist() == POINTS.tolist()
    assert ax.get_aspect() == 1.0
    bar = figure.axes[1]
    assert [text.get_text() for text in bar.get_xticklabels()] == ["$0.1$", "$0.3$"]
    assert bar.get_xlabel() == r"perturbation $\epsilon$"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"values": np.zeros((3, 31))}, "shape"),
        ({"values": np.full((31, 31), np.nan)}, "inf at an eigenvalue"),
        ({"values": np.full((31, 31), -np.inf)}, "inf at an eigenvalue"),
        ({"points": [np.nan]}, "finite numbers"),
        ({"points": [[0.5]]}, "one axis"),
        ({"levels": (0.1,)}, "two or more"),
        ({"levels": (0.3, 0.1)}, "ascending"),
        ({"levels": (0.0, 0.1)}, "positive"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(change, words):
    with pytest.raises(UsageError, match=words):
        draw(**({"values": distances()} | change))
