"""What is pasted into a paper compiles there: the fragments of cells, in one plain document."""

import doctest
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import gradflow as gf
from gradflow.cells import get
from gradflow.cells.library import LIBRARY
from gradflow.jacobians import bptt, jacobian
from gradflow.jacobians.print.breaking import estimated_width
from gradflow.reporting.render.latex import display

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs a TeX"),
]
DECLARED = ("cifg", "ln_rnn", "two_timescales", "ln_lstm")
PLAIN = "\\documentclass{{article}}\n\\usepackage{{amsmath}}\n\\begin{{document}}\n{}\n"
PLAIN += "\\end{{document}}\n"
OVERFULL = re.compile(r"Overfull \\hbox \(([\d.]+)pt too wide\)")


def complaints(folder, *fragments):
    """Return the errors, and by how many points lines are too wide, over 1 pt."""
    (folder / "a.tex").write_text(PLAIN.format("\n\n".join(fragments)), "ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "a.tex"]
    said = subprocess.run(command, cwd=folder, capture_output=True, timeout=300).stdout
    text = said.decode("latin-1")
    wide = [float(points) for points in OVERFULL.findall(text)]
    return re.findall(r"^! .*", text, re.MULTILINE), [points for points in wide if points > 1]


def declared():
    """A cell that docs/declare.md declares."""
    page = Path("docs/declare.md").read_text("utf-8")
    names = {"gf": gf}
    for example in doctest.DocTestParser().get_examples(page):
        if any(f'name="{name}"' in example.source for name in DECLARED):
            exec(example.source, names)
    found = [thing for thing in names.values() if isinstance(thing, gf.Cell)]
    assert sorted(cell.name for cell in found) == sorted(DECLARED)
    return found


def fragments(cell):
    """What `gradflow derive CELL --format latex` prints."""
    formulas = [cell.latex(), *jacobian(cell).equations(), *bptt(cell).equations()]
    return [display(formula) for formula in formulas]


def test_fragments_of_the_library_compile_as_pasted(tmp_path):
    pasted = [text for name in LIBRARY for text in fragments(get(name))]
    assert complaints(tmp_path, *pasted) == ([], [])


def test_fragments_of_cells_of_ones_own_compile_as_pasted(tmp_path):
    pasted = [text for cell in declared() for text in fragments(cell)]
    assert complaints(tmp_path, *pasted) == ([], [])


def test_the_widths_that_lines_are_broken_by_are_those_of_tex(tmp_path):
    """From 10 % under, for which the indent allowed for leaves room, to 25 % over."""
    cells = [*map(get, LIBRARY), *declared()]
    text = "\n".join(f for c in cells for f in [*jacobian(c).equations(), *bptt(c).equations()])
    lines = (line.removesuffix("\\\\").replace("&", "").strip() for line in text.split("\n"))
    rows = sorted({one for one in lines if "operatorname{diag}" in one and "matrix" not in one})
    body = "".join(rf"\sbox0{{$\displaystyle {row}$}}\typeout{{W \the\wd0}}" + "\n" for row in rows)
    (tmp_path / "a.tex").write_text(PLAIN.format(body), "ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "a.tex"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300).stdout
    true = [float(points) for points in re.findall(rb"^W ([\d.]+)pt", said, re.MULTILINE)]
    assert len(true) == len(rows) > 50
    ratios = [estimated_width(row) / width for row, width in zip(rows, true, strict=True)]
    assert min(ratios) > 0.9
    assert max(ratios) < 1.25


def test_the_log_is_read(tmp_path):
    wide = display(" + ".join(["a"] * 60))
    errors, points = complaints(tmp_path, display(r"\nosuch"), wide)
    assert errors
    assert points
