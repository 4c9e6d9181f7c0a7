"""Blocks keep what they are given and refuse what no renderer could set."""

import dataclasses

import pytest

from gradflow.errors import UsageError
from gradflow.prose import Span, plain_text, split_inline
from gradflow.reporting import (
    Answer,
    Code,
    Details,
    Equation,
    Figure,
    Heading,
    Paragraph,
    Report,
    Table,
)

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">{}</svg>'


def test_blocks_are_frozen_and_equal_by_content():
    assert Table(["a"], [["1"]]) == Table(("a",), (("1",),))
    assert hash(Table(["a"], [["1"]])) == hash(Table(("a",), (("1",),)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Paragraph("x").text = "y"


def test_a_list_changed_afterwards_does_not_change_the_block():
    blocks, rows, provenance = [Paragraph("x")], [["1"]], {"seed": "0"}
    report, table = Report("t", "", blocks, provenance), Table(["a"], rows)
    blocks.append(Paragraph("y"))
    rows[0][0] = "2"
    provenance["seed"] = "1"
    assert report.blocks == (Paragraph("x"),)
    assert table.rows == (("1",),)
    assert report.provenance == {"seed": "0"}


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Heading(" "), "Heading: text is empty"),
        (lambda: Heading("x", 1), "level is 1; it must be 2, 3 or 4"),
        (lambda: Paragraph(3), "Paragraph: text is 3; it must be text"),
        (lambda: Paragraph("costs $5"), "opens a formula with $"),
        (lambda: Paragraph("an $ $ empty one"), "empty formula"),
        (lambda: Paragraph("red \x1b[31m"), "control character"),
        (lambda: Equation(""), "Equation: latex is empty"),
        (lambda: Equation("$x$"), "written without them"),
        (lambda: Equation("x", label="a b"), "label is 'a b'"),
        (lambda: Table([], []), "header is empty"),
        (lambda: Table("ab", [["1", "2"]]), "header is 'ab'; it must be a list"),
        (lambda: Table(["a"], "b"), "rows is 'b'"),
        (lambda: Table(["a", "b"], [["1", "2"], ["3"]]), "row 2 has 1 cells and the header 2"),
        (lambda: Table(["a"], [[1.5]]), "a cell of row 1 is 1.5; it must be text"),
        (lambda: Table(["a"], [["$x"]]), "does not close it"),
        (lambda: Answer("yes", "great"), "tone is 'great'; it must be good, bad or neutral"),
        (lambda: Code("", "python", "t"), "Code: source is empty"),
        (lambda: Details("t", []), "Details: blocks is []"),
        (lambda: Details("t", ["text"]), "'text' is not a block"),
        (lambda: Report("t", "", Paragraph("x"), {}), "must be a list of blocks"),
        (lambda: Report("", "", [Paragraph("x")], {}), "title is empty"),
        (lambda: Report("t", "", [Paragraph("x")], {"seed": 0}), "provenance of 'seed' is 0"),
        (lambda: Figure("<?xml?><svg/>", "c", "a"), "must start with <svg"),
        (lambda: Figure("<svg><g></svg>", "c", "a"), "not well-formed"),
        (lambda: Figure("<svg/>", "c", "a"), "needs xmlns"),
        (lambda: Figure(SVG.format(""), "c", " "), "alt is empty"),
        (lambda: Figure(SVG.format("<script/>"), "c", "a"), "has a <script>"),
        (lambda: Figure(SVG.format('<g onclick="x()"/>'), "c", "a"), "onclick="),
        (lambda: Figure(SVG.format('<image href="a.png"/>'), "c", "a"), "href='a.png'"),
        (lambda: Figure(SVG.format('<g fill="url(b.svg#c)"/>'), "c", "a"), "fill="),
        (lambda: Figure(SVG.format("<style>@import 'x';</style>"), "c", "a"), "style of svg"),
    ],
)
def test_wrong_content_is_refused_with_a_sentence(make, complaint):
    with pytest.raises(UsageError) as caught:
        make()
    assert complaint in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_two_equations_with_one_label_are_refused_wherever_they_stand():
    nested = Details("proof", [Equation("y", "1")])
    with pytest.raises(UsageError, match="two equations have the label '1'"):
        Report("t", "", [Equation("x", "1"), nested], {})


def test_a_drawing_that_refers_to_itself_is_taken():
    inside = '<defs><g id="a"/></defs><use href="#a"/><g clip-path="url(#a)"/>'
    assert Figure(SVG.format(inside), "c", "a").svg == SVG.format(inside)


@pytest.mark.parametrize(
    ("cells", "numeric"),
    [
        (["1", "-2.5", "3e-4", "1,024"], True),
        (["−0.31 ± 0.02", "$-0.31 \\pm 0.02$"], True),
        (["$10^{-1649}$", r"$2.1\times10^{-156}$", r"$4.9 \times 10^{-68}$", "0"], True),
        (["99 %", "$<10^{-3}$", r"$\infty$", "∞"], True),
        (["1", "", "–"], True),
        (["", "–"], False),
        (["1", "37 steps"], False),
        (["exactly so"], False),
        (["exactly 0", "1.5"], True),
        (["$x_1$"], False),
        ([], False),
    ],
)
def test_a_column_is_numeric_when_all_its_cells_are(cells, numeric):
    table = Table(["name", "value"], [["w", cell] for cell in cells])
    assert table.numeric == (False, numeric)


def test_text_is_taken_apart_at_its_formulas():
    assert split_inline(r"the gate $f_t$ costs \$5") == (
        Span("the gate ", False),
        Span("f_t", True),
        Span(" costs $5", False),
    )
    assert split_inline("$a$$b$") == (Span("a", True), Span("b", True))
    assert split_inline("") == ()
    assert plain_text(r"$f_t$ and \$") == "f_t and $"
