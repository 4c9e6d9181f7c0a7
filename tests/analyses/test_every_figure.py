"""What holds for every figure: its files, their bytes, its text, its claims, where it writes."""

import ast
import json
import math
import sys
from importlib.util import find_spec
from itertools import pairwise

import pytest
from matplotlib.figure import Figure

from gradflow.reporting.publish.scripts import find_script, scripts
from oracles.drawn import Drawn
from oracles.legibility import complaints

SCRIPTS = {script.name: script for script in scripts()}
LONGEST = 140
# they train networks, for seconds: drawn once where time is short
TRAINS = {name for name, script in SCRIPTS.items() if "gradflow.training" in script.source}
without = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
SLOW = [without, pytest.mark.slow]
NAMES = [pytest.param(n, marks=[without] if n in TRAINS else []) for n in sorted(SCRIPTS)]
AGAIN = [pytest.param(n, marks=SLOW if n in TRAINS else []) for n in sorted(SCRIPTS)]


@pytest.mark.parametrize("name", NAMES)
def test_it_writes_its_files_and_claims_numbers(name, quick):
    drawn = quick(name)
    assert {p.name for p in drawn.folder.iterdir()} == {
        f"{name}.{kind}" for kind in ("pdf", "svg", "png", "tex", "json")
    }
    record = json.loads((drawn.folder / f"{name}.json").read_text("utf-8"))
    assert record["numbers"] == drawn.numbers
    assert drawn.numbers
    assert all(math.isfinite(value) for value in drawn.numbers.values())
    assert any(sign.isdigit() for sign in record["answer"])
    assert any(sign.isdigit() for sign in record["caption"])
    assert record["quick"] is True


@pytest.mark.parametrize("name", AGAIN)
def test_two_runs_give_the_same_bytes_and_touch_nothing_else(name, quick, tmp_path, monkeypatch):
    first = quick(name).folder
    work, out = tmp_path / "work", tmp_path / "out"
    work.mkdir()
    monkeypatch.chdir(work)
    analyses = SCRIPTS[name].path.parent
    before = {p: p.stat().st_mtime_ns for p in analyses.iterdir() if p.is_file()}
    Drawn(name, out)
    assert list(work.iterdir()) == []
    assert {p: p.stat().st_mtime_ns for p in analyses.iterdir() if p.is_file()} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "work"]
    for path in first.iterdir():
        assert path.read_bytes() == (out / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_has_no_complaint(name, quick):
    assert quick(name).complaints == {name: []}


# each figure for one of them by turns, and for both in the slow tests
VENUES = ("icml", "slides")
ELSEWHERE = [
    pytest.param(name, venue, marks=SLOW if name in TRAINS or (k + v) % 2 else [])
    for k, name in enumerate(sorted(SCRIPTS))
    for v, venue in enumerate(VENUES)
]


@pytest.mark.parametrize(("name", "venue"), ELSEWHERE)
def test_a_reader_of_another_venue_has_no_complaint(name, venue, tmp_path):
    drawn = Drawn(name, tmp_path, venue=venue, formats=["png"])
    assert {picture: found for picture, found in drawn.complaints.items() if found} == {}
    panels = len(drawn.figures[0].axes)
    assert len(drawn.complaints) == 1 or (venue == "slides" and panels > 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_steps_of_a_talk_end_in_the_slides(name, tmp_path):
    find_script(name).run(tmp_path, quick=True, venue="slides", formats=["png"], steps=True)
    record = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
    bytes_of = {stem: (tmp_path / f"{stem}.png").read_bytes() for stem in record["pictures"]}
    steps = [stem for stem in bytes_of if "-step-" in stem]
    whole = [stem for stem in bytes_of if "-step-" not in stem]
    assert steps == [f"{name}-step-{i + 1:02d}" for i in range(len(steps))]
    assert len(steps) > len(whole)
    assert all(bytes_of[a] != bytes_of[b] for a, b in pairwise(steps))
    assert {bytes_of[stem] for stem in whole} <= {bytes_of[stem] for stem in steps}


@pytest.mark.parametrize("name", NAMES)
def test_the_script_is_short_asks_a_question_and_imports_gradflow_only(name):
    script = SCRIPTS[name]
    assert len(script.source.splitlines()) <= LONGEST
    assert script.question.endswith("?")
    assert "Corresponds to" in script.about
    tree = ast.parse(script.source)
    modules = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    modules |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    tops = {module.split(".")[0] for module in modules} - set(sys.stdlib_module_names)
    assert tops <= {"gradflow", "numpy"}


def planted(edit):
    figure = Figure(figsize=(3, 2), layout="constrained")
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], label="line")
    ax.set(xlabel="x", ylabel="y")
    edit(ax)
    return complaints(figure)


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda ax: None, None),
        (lambda ax: ax.set_xlabel(""), "no label"),
        (lambda ax: ax.set_ylabel("y", fontsize=5.9), "5.90 pt"),
        (lambda ax: ax.set_ylabel("$y_t$", fontsize=8), "5.60 pt"),
        (lambda ax: [ax.text(0.5, 0.5, w) for w in ("one", "two")], "'one' overlaps 'two'"),
        (lambda ax: ax.figure.text(0.95, 0.5, "too far right"), "cut off"),
        (lambda ax: ax.legend(loc="center"), "legend lies on the data"),
    ],
)
def test_the_reader_sees_planted_faults(edit, complaint):
    found = planted(edit)
    assert (found == []) if complaint is None else any(complaint in line for line in found)
