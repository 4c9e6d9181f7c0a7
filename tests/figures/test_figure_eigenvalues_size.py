"""Markers of eigenvalues: smaller where there are many, and as heavy as the venue's others."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from gradflow.figures import paper_style, plot_eigenvalues
from gradflow.figures.look.venues import find_venue


@pytest.mark.parametrize("venue", ["neurips", "slides"])
def test_many_markers_shrink_with_those_of_the_venue(venue):
    with paper_style(find_venue(venue)):
        ax = Figure().subplots()
        plot_eigenvalues(ax, {"few": np.ones(60), "many": np.ones(61)})
        few, many = (line.get_markersize() for line in ax.get_lines()[2:4])
    assert few == pytest.approx(4.0 * find_venue(venue).weight)
    assert many == pytest.approx(0.45 * few)
