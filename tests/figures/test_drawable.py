"""Every result with a picture of its own names one that is there."""

import importlib

import pytest

from gradflow import spectra, training
from gradflow.drawable import Drawable

PUBLIC = [getattr(floor, name) for floor in (spectra, training) for name in floor.__all__]
RESULTS = [found for found in PUBLIC if isinstance(found, type) and issubclass(found, Drawable)]


@pytest.mark.parametrize("result", RESULTS)
def test_the_picture_is_there(result):
    file, _, function = result.drawn_by.partition(":")
    assert callable(getattr(importlib.import_module(f"gradflow.figures.plots.{file}"), function))


def test_there_are_results():
    assert {"Decay", "ErrorSurface", "FixedPoints"} <= {result.__name__ for result in RESULTS}
