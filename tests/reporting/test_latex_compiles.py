"""What is pasted into a paper compiles there: the fragments of cells, in one plain document."""

import doctest
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import gradflow as gf
from gradflow.cells import get
from gradflow.cells.breaking import estimated_width
from gradflow.cells.library import LIBRARY
from gradflow.jacobians import bptt, jacobian
from gradflow.proofs.theorems import theorems
from gradflow.reporting.render.latex import display
from proofs.user_cells import USER_CELLS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs a TeX"),
]
DECLARED = ("cifg", "ln_rnn", "two_timescales", "ln_lstm")
PLAIN = "\\documentclass{{article}}\n\\usepackage{{amsmath,amsthm}}\n"
PLAIN += "\\newtheorem{{theorem}}{{Theorem}}\n\\begin{{document}}\n{}\n"
PLAIN += "\\end{{document}}\n"
OVERFULL = re.compile(r"Overfull \\hbox \(([\d.]+)pt too wide\)")


def complaints(folder, *fragments, columns=1):
    """Return the errors, and by how many points lines are too wide, over 1 pt."""
    page = PLAIN.replace("{{article}}", "[twocolumn]{{article}}") if columns == 2 else PLAIN
    (folder / "a.tex").write_text(page.format("\n\n".join(fragments)), "ascii")
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


@pytest.mark.parametrize("columns", [1, 2])
def test_theorems_of_all_cells_fit_a_page_and_a_column(tmp_path, columns):
    cells = [*map(get, LIBRARY), *declared(), *USER_CELLS]
    pasted = [claim.latex() for cell in cells for claim in theorems(cell)]
    assert len(pasted) > 50
    assert complaints(tmp_path, *pasted, columns=columns) == ([], [])


def long_sums():
    """Ten terms side by side, inside a function, inside two, and beside a fraction."""
    terms = [f"U_{k} @ h" for k in range(10)]
    for name, equation in {
        "apart": " + ".join(f"tanh({term})" for term in terms),
        "inside": f"tanh({' - '.join(terms)})",
        "deeper": f"h / 2 + tanh(sigmoid({' + '.join(terms)}) * h + {terms[0]})",
    }.items():
        maps = " ".join(f"U_{k}" for k in range(10))
        yield gf.Cell(name=name, state="h", maps=maps, equations=f"h_next = {equation}")


def test_very_long_sums_go_on_in_the_next_line(tmp_path):
    pasted = [text for cell in long_sums() for text in fragments(cell)]
    assert complaints(tmp_path, *pasted) == ([], [])
    whole = [cell.latex().replace("\\\\\n&\\quad {}", " ") for cell in long_sums()]
    assert complaints(tmp_path, *map(display, whole))[1]  # planted: in one line they do not fit


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
