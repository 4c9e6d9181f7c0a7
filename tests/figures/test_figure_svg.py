"""An SVG is the same bytes every time, is at home among others, and refers to nothing outside."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gradflow.figures import paper_style, plot_decay
from gradflow.figures.look.decades import DecadeLocator, decade_axis, decade_label, to_decades
from gradflow.figures.look.style import math_text, stroke
from gradflow.reporting import Figure as Drawing
from gradflow.reporting import draw_svg, figure_svg

LAG = np.arange(51)


def decays(rate):
    log_norm = np.where(LAG > 40, -np.inf, -rate * LAG)
    return [SimpleNamespace(lag=LAG, log_norm=log_norm, quantity=r"\|P(t,k)\|_2", label="a")]


@pytest.fixture(scope="module")
def svg():
    return draw_svg(plot_decay, decays(0.5), horizon=9)


def test_it_is_one_element_that_fits_any_width(svg):
    root = ElementTree.fromstring(svg)
    assert svg.startswith("<svg")
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("width") == "100%"
    assert root.get("height") is None
    assert re.fullmatch(r"0 0 [\d.]+ [\d.]+", root.get("viewBox"))
    assert root.get("style") == "max-width: 524pt"
    Drawing(svg, "caption", "alt")


def test_it_has_no_date_no_metadata_no_text_that_needs_a_font(svg):
    assert "metadata" not in svg
    assert not re.search(r"\b20\d\d-\d\d", svg)
    assert "<text" not in svg
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", svg)


def test_every_reference_has_its_id_and_every_id_its_reference(svg):
    ids = re.findall(r'\bid="([^"]+)"', svg)
    used = set(re.findall(r'href="#([^"]+)"', svg)) | set(re.findall(r"url\(#([^)]+)\)", svg))
    assert len(set(ids)) == len(ids) > 0
    assert set(ids) == used


def test_ids_of_two_figures_do_not_meet(svg):
    def ids(text):
        return set(re.findall(r'\bid="([^"]+)"', text))

    assert not ids(svg) & ids(draw_svg(plot_decay, decays(0.6), horizon=9))


def test_equal_figures_give_equal_bytes_in_another_process(svg):
    assert draw_svg(plot_decay, decays(0.5), horizon=9) == svg
    code = (
        "import sys; from test_figure_svg import *\n"
        "sys.stdout.write(draw_svg(plot_decay, decays(0.5), horizon=9))"
    )
    here = Path(__file__)
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": f"{here.parent}:{here.parents[2]}"},
        capture_output=True,
        check=True,
        text=True,
    )
    assert other.stdout == svg


def test_the_settings_of_the_session_stay_as_they_were(svg):
    before = dict(mpl.rcParams)
    draw_svg(plot_decay, decays(0.1))
    with paper_style():
        figure_svg(Figure())
    assert dict(mpl.rcParams) == before


def test_drawing_loads_no_pyplot():
    code = (
        "import sys, numpy as np; from types import SimpleNamespace as N\n"
        "from gradflow.figures import plot_decay\n"
        "from gradflow.reporting import draw_svg\n"
        "draw_svg(plot_decay, [N(lag=[0, 1], log_norm=[0.0, -1.0], quantity='x', label='')])\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    root = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": root}, check=True)


def test_a_figure_of_one_column_stays_smaller():
    root = ElementTree.fromstring(draw_svg(plot_decay, decays(0.5), size=(3.3, 2.2)))
    assert root.get("style") == "max-width: 333pt"


@pytest.mark.parametrize(
    ("exponent", "label"),
    [
        (-1649, "$10^{-1649}$"),
        (0, "$10^{0}$"),
        (np.log10(5) - 8, r"$5\times10^{-8}$"),
        (np.log10(0.02), "$0.02$"),
        (np.log10(300), "$300$"),
        (3 - 1e-12, "$10^{3}$"),
    ],
)
def test_tick_labels(exponent, label):
    assert decade_label(exponent) == label


@pytest.mark.parametrize("low", [-1650.0, -3.3, 0.0, 400.0])
@pytest.mark.parametrize("span", [0.2, 0.7, 1.0, 2.0, 2.6, 9.0, 70.0, 1700.0])
def test_ticks_are_few_and_round(low, span):
    ticks = np.asarray(DecadeLocator().tick_values(low, low + span))
    inside = ticks[(ticks >= low) & (ticks <= low + span)]
    assert 2 <= len(inside) <= 9
    mantissas = 10 ** (inside - np.floor(inside + 1e-9))
    assert all(abs(m * 100 - round(m * 100)) < 1e-6 for m in mantissas)
    if span >= 2.5:
        assert np.array_equal(inside, np.round(inside))


@pytest.mark.parametrize("height", [0.7, 1.0, 1.4, 3.0])
def test_a_low_axis_has_fewer_ticks(height):
    with paper_style():
        figure = Figure(figsize=(3, height), layout="constrained")
        ax = figure.subplots()
        ax.plot([0, 1], [-125, 3])
        decade_axis(ax)
        FigureCanvasAgg(figure).draw()
        labels = [t for t in ax.get_yticklabels() if -125 <= t.get_position()[1] <= 3]
        boxes = sorted((t.get_window_extent() for t in labels), key=lambda box: box.y0)
    assert len(boxes) >= (3 if height > 1 else 2)
    assert all(one.y1 <= other.y0 for one, other in pairwise(boxes))


def test_decades_keep_shape_and_zeros():
    values = to_decades([[0.0, -np.inf], [np.log(10), -3797.0]], "x")
    np.testing.assert_allclose(values, [[0, -np.inf], [1, -3797 / np.log(10)]])


def test_neighbouring_strokes_differ_in_colour_and_style():
    for index in range(40):
        one, two = stroke(index), stroke(index + 1)
        assert one.color != two.color
        assert one.linestyle != two.linestyle
        assert one.marker != two.marker
    assert len({(s.color, str(s.linestyle)) for s in map(stroke, range(40))}) == 40


@pytest.mark.parametrize(
    "latex",
    [
        r"\lVert P(t,k) \rVert_2",
        r"\lvert \tfrac{1}{4} \rvert",
        r"\lVert \partial L / \partial s_k \rVert",
        r"\|\partial \mathcal{L}/\partial h_k\|_2",
        r"\sigma_{64}(W^{\top})",
    ],
)
def test_the_reports_quantities_can_be_drawn(latex):
    figure = Figure()
    figure.text(0, 0, math_text(latex))
    figure_svg(figure)
