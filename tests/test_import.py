"""`import gradflow` is cheap, and its names are lazy."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import gradflow

ROOT = Path(__file__).parents[1]


def python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )


def imported(log):
    """The dotted names in what `-X importtime` printed."""
    return {line.rsplit("|", 1)[-1].strip() for line in log.splitlines() if "|" in line}


def third_party(names):
    """The packages among dotted names that are neither gradflow nor Python's own."""
    known = {*sys.stdlib_module_names, *sys.builtin_module_names, "gradflow"}
    before = imported(python("-X", "importtime", "-c", "").stderr)  # what the environment brings
    return {name.split(".")[0] for name in names - before} - known


def test_import_loads_nothing_of_others():
    log = python("-X", "importtime", "-c", "import gradflow").stderr
    names = imported(log)
    assert "gradflow" in names
    assert not third_party(names)
    assert {name for name in names if name.startswith("gradflow.")} == {"gradflow.lazy"}


def test_the_check_sees_a_heavy_import():
    log = python("-X", "importtime", "-c", "import gradflow.networks").stderr
    assert "numpy" in third_party(imported(log))


@pytest.mark.parametrize("name", gradflow.__all__)
def test_every_name_resolves(name):
    assert getattr(gradflow, name) is not None
    assert name in dir(gradflow)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'gradflow' has no attribute 'nonsense'"):
        _ = gradflow.nonsense


@pytest.mark.parametrize(
    "first",
    [
        "import gradflow as gf",
        "import gradflow as gf; import gradflow.reporting",
        "from gradflow.reporting import report; import gradflow as gf",
        "import gradflow as gf; from gradflow import report",
    ],
)
def test_report_is_a_function_in_every_order_of_import(first):
    then = (
        "import inspect, gradflow.reporting as floor;"
        "assert inspect.isfunction(gf.report) and gf.report is floor.report;"
        "assert list(inspect.signature(gf.report).parameters)[:2] == ['cell', 'out']"
    )
    python("-c", f"{first}; {then}")


def test_one_version_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["tool"]["hatch"]["version"]["path"] == "gradflow/__init__.py"
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {gradflow.__version__}\n" in citation
    assert f"\n## [{gradflow.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
