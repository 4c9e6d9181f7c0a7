"""The lower bounds of pyproject.toml: each is stated, is tried, and the code uses nothing newer.

`make test-minimum` runs all tests at the lower bounds, and CI some of them, this file among them.
"""

import importlib.util
import inspect
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from matplotlib.artist import Artist
from scipy.linalg import lapack

ROOT = Path(__file__).parents[1]
LOWEST = Path(sys.prefix).name == ".venv-minimum"


def loaded():
    """The program that writes the constraints."""
    spec = importlib.util.spec_from_file_location("minimum", ROOT / ".ci" / "minimum.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


minimum = loaded()
EXTRA = {"numba", "typst", "array-api-compat"}
BOUNDS = dict(line.split("==") for line in minimum.constraints(minimum.project(ROOT)))


def numbers(text):
    """The leading numbers of a version, three of them."""
    found = [int(n) for n in re.findall(r"\d+", text.split("rc")[0])[:3]]
    return tuple(found + [0] * (3 - len(found)))


def test_a_requirement_without_a_bound_is_refused():
    for wrong in ("numpy", "numpy<3", "numpy==2", "numpy>1"):
        extras = {extra: [] for extra in minimum.EXTRAS}
        with pytest.raises(ValueError, match="has no lower bound"):
            minimum.constraints({"dependencies": [wrong], "optional-dependencies": extras})


def test_bounds_are_those_of_the_project():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    for name, bound in BOUNDS.items():
        assert f'"{name}>={bound}' in text


def test_every_package_here_is_at_its_bound_or_above():
    """At it, in the environment of the lower bounds. Extras may be missing elsewhere."""
    for name, bound in BOUNDS.items():
        try:
            found = numbers(version(name))
        except PackageNotFoundError:
            assert not LOWEST
            assert name in EXTRA
            continue
        assert found == numbers(bound) if LOWEST else found >= numbers(bound), name


def test_what_newer_versions_brought_is_there():
    """What older versions than the bounds lack, and gradflow calls."""
    assert hasattr(lapack, "dtrcon")
    assert "root" in inspect.signature(Artist.get_figure).parameters
