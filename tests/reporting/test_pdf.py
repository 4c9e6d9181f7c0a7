"""The PDF: every formula of the library is set, and equal reports are equal bytes."""

import re

import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.proofs.theorems import theorems
from gradflow.reporting import Equation, Paragraph, Report, Table
from gradflow.reporting.render.pdf.compiled import render_pdf
from gradflow.reporting.render.pdf.formulas import latex_to_typst, string
from gradflow.reporting.render.pdf.markup import typst_source


def formulas(name):
    cell = gf.cells.get(name)
    claims = theorems(cell)
    found = [cell.latex(), *gf.jacobian(cell).equations(), *gf.bptt(cell).equations()]
    return [*found, *(claim.formula for claim in claims)]


HARD = [
    r"\binom{n}{k}",
    r"\underbrace{a + b}_{\text{lag } t-k}",
    r"\begin{cases} 1 & \text{if } t = 0 \\ 0 & \text{otherwise} \end{cases}",
    r"\begin{pmatrix} 2 & -2 \\ 2 & -2 \end{pmatrix}",
    r"\sum_{t=1}^{T} \prod_{j=t}^{k+1} J_{j}",
    r"\left( \tfrac{1}{4} \|U_f\| \right)^{t-k}",
    r"\textcolor{teal}{x_{1,t}^{\top}} ; \sqrt{a, b}",
    r"a \# b \% c",
    r"\mathrm{max} f'",
]


@pytest.mark.parametrize("latex", HARD)
def test_hard_formulas_are_set(latex):
    for display in (False, True):
        made = latex_to_typst(latex, display)
        assert made.startswith("$")
        assert made.endswith("$")
        quoted = re.sub(r'"(\\.|[^"\\])*"', "", made)
        bare = re.sub(r"\\.", "", quoted)
        assert bare.count("(") == bare.count(")")
        assert "#" not in bare.replace("#h(", "").replace("#text(", "").replace(
            "#left", ""
        ).replace("#none", "")


def test_what_is_set_is_what_was_written():
    assert latex_to_typst(r"\frac{a}{b_t}", False) == "$frac(a, attach(b, b: t))$"
    assert latex_to_typst("x, y", False) == r"$x \, y$"
    assert latex_to_typst(r"\operatorname{diag}(f)", False) == r'$op("diag") \( f \)$'
    assert latex_to_typst("a - 1", False) == "$a - 1$"
    assert latex_to_typst(r"\text{say}", False) == '$"say"$'
    assert string('"\\') == r'"\"\\"'


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_every_formula_of_a_cell_is_set(name):
    for latex in formulas(name):
        assert latex_to_typst(latex, True)


def test_text_cannot_speak_typst():
    text = '#panic("x") *b* _i_ @r <l> [c] $x$'
    source = typst_source(Report("t", "", [Paragraph(text), Table([text], [[text]])], {"a": "$5"}))
    assert source.count('#"#panic(\\"x\\") *b* _i_ @r <l> [c] ";$x$') == 3


def test_without_typst_it_is_said_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(UsageError, match=r"gradflow\[pdf\]"):
        render_pdf(Report("t", "", [Paragraph("x")], {}))


def test_equal_reports_are_equal_bytes(tmp_path):
    pytest.importorskip("typst")
    blocks = [Equation(latex) for name in gf.cells.LIBRARY for latex in formulas(name)]
    blocks += [Equation(latex) for latex in HARD]
    report = Report("All formulas", "", blocks, {"Command": "x"})
    first, second = render_pdf(report), render_pdf(report)
    assert first == second
    assert first.startswith(b"%PDF")


@pytest.mark.slow
def test_a_report_is_a_pdf(tmp_path):
    pytest.importorskip("typst")
    for name in ("lstm", "scalar"):
        written = gf.report(name, tmp_path / f"{name}.pdf", hidden=4, steps=30, seeds=2)
        assert written.path.read_bytes().startswith(b"%PDF")


def test_a_word_that_no_line_holds_may_break_at_every_letter():
    source = typst_source(Report("n" * 80, "", [Paragraph(f"a {'x' * 41}, {'x' * 40}")], {}))
    assert source.count("n\u200b") == 79  # in the heading, and not in the name of the document
    assert source.count("x\u200b") == 41
    assert f" {'x' * 40}" in source
    assert render_pdf(Report("n" * 80, "", [Paragraph("x")], {})).startswith(b"%PDF")
