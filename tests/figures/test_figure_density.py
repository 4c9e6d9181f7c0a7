"""Histograms of area 1 beside the law, and surfaces with curves on them."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from gradflow.errors import UsageError
from gradflow.figures import Grid, plot_density, plot_eigenvalues, plot_surface, trace
from oracles.legibility import complaints


def axes(**kwargs):
    return Figure(figsize=(4, 3), layout="constrained").add_subplot(**kwargs)


def test_the_histogram_has_area_one_and_the_law_lies_over_it():
    ax = axes()
    samples = np.random.default_rng(0).uniform(0, 2, 5000)
    law = (np.array([0.0, 2.0]), np.array([0.5, 0.5]))
    assert plot_density(ax, {"drawn": samples}, {"uniform": law}, x="value", bins=10) is ax
    values, edges, _ = ax.patches[0].get_data()
    assert np.sum(values * np.diff(edges)) == pytest.approx(1, abs=1e-12)
    # 500 a bin: three binomial deviations are 13 %
    np.testing.assert_allclose(values, 0.5, rtol=0.13)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), np.transpose(law))
    assert complaints(ax.figure) == []


@pytest.mark.parametrize("samples", [{}, {"a": [np.nan]}, {"a": []}])
def test_no_density_of_nothing(samples):
    with pytest.raises(UsageError, match="plot_density"):
        plot_density(axes(), samples, x="value")


def test_a_constant_sample_is_drawn():
    ax = axes()
    plot_density(ax, {"same": np.ones(5)}, x="value")
    assert ax.patches


def test_a_curve_of_theory_lies_with_the_eigenvalues():
    ax = axes()
    edge = 0.5 * np.exp(1j * np.linspace(0, 2 * np.pi, 50))
    plot_eigenvalues(ax, {"J": np.linspace(-0.4, 0.4, 100) + 0.1j}, curves={"circular law": edge})
    drawn = next(line for line in ax.lines if line.get_label() == "circular law")
    np.testing.assert_array_equal(drawn.get_xydata(), np.stack([edge.real, edge.imag], axis=1))
    assert complaints(ax.figure) == []


def test_a_surface_carries_its_curve():
    ax = axes(projection="3d")
    x, y = np.linspace(0, 1, 7), np.linspace(0, 2, 5)
    height = x[None, :] * y[:, None]
    path = (x, 2 * x, 2 * x**2)
    assert plot_surface(ax, Grid(x, y, height, "error"), x="w", y="b") is ax
    trace(ax, *path)
    assert ax.lines
    for line in ax.lines:
        np.testing.assert_array_equal(line.get_data_3d(), path)
    assert ax.get_zlabel() == "error"


def test_the_lines_of_a_surface_may_follow_an_edge():
    ax = axes(projection="3d")
    x, up = np.meshgrid(np.linspace(0, 1, 7), np.linspace(-1, 1, 5))
    y = up + x
    plot_surface(ax, Grid(x, y, np.sign(up), "error"), x="w", y="b")
    (surface,) = ax.collections
    corners = np.array([np.stack([x, y], -1)[i : i + 2, j : j + 2] for i, j in np.ndindex(4, 6)])
    faces = np.asarray(surface._faces)[..., :2]
    for face, cell in zip(faces, corners.reshape(-1, 4, 2), strict=True):
        assert {tuple(p) for p in face} == {tuple(p) for p in cell}
    short = Grid(x[:, 1:], y, np.sign(up), "error")
    with pytest.raises(UsageError, match="grid"):
        plot_surface(axes(projection="3d"), short, x="w", y="b")


def test_flat_axes_and_holes_are_refused():
    grid = Grid([0, 1], [0, 1], np.ones((2, 2)), "q")
    with pytest.raises(UsageError, match="projection='3d'"):
        plot_surface(axes(), grid, x="x", y="y")
    hole = Grid([0, 1], [0, 1], np.array([[1, np.nan], [1, 1]]), "q")
    with pytest.raises(UsageError, match="finite"):
        plot_surface(axes(projection="3d"), hole, x="x", y="y")
