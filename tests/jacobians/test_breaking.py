"""Long products are broken between their factors, and nowhere else."""

import itertools
import re

import pytest
import sympy as sp

import gradflow as gf
from gradflow.cells.breaking import TEXT_WIDTH, broken, estimated_width, factors_apart
from gradflow.cells.library import LIBRARY
from gradflow.jacobians import bptt, jacobian
from gradflow.jacobians.print.expression_latex import ExpressionLatex
from gradflow.jacobians.print.factors import Column, Diagonal, Row
from gradflow.jacobians.print.wide import pieces, vector_latex

NESTED = r"\operatorname{diag}\left( a \, b \otimes c \right)"
PRODUCT = rf"{NESTED} \, U \, {NESTED} \, V \otimes x_{{t}}^{{\top}}"


def together(lines):
    """What was broken, in one line again."""
    return re.sub(r" \\cdot ", r" \\, ", " ".join(lines))


def test_factors_are_those_outside_of_parentheses_and_braces():
    assert factors_apart(PRODUCT) == [
        NESTED,
        r"\, U",
        rf"\, {NESTED}",
        r"\, V",
        r"\otimes x_{t}^{\top}",
    ]
    assert factors_apart("U") == ["U"]


@pytest.mark.parametrize("room", [0.0, 50.0, 100.0, 150.0, 1000.0])
def test_nothing_is_lost_and_no_line_is_wider_than_its_room_but_a_factor_alone(room):
    lines = broken(PRODUCT, room)
    assert together(lines) == PRODUCT
    for line in lines:
        assert (
            estimated_width(line) <= room or len(factors_apart(line.removeprefix(r"\cdot "))) == 1
        )
    assert len(lines) == 1 if room == 1000 else len(lines) > 1


def test_a_wide_factor_begins_below_what_it_is_equal_to():
    cell = gf.Cell(
        name="wide",
        title="A slope too wide to stand beside its derivative",
        state="h",
        inputs="x",
        maps="W U",
        vectors="b",
        equations="h_next = tanh(U @ h + W @ x) * sigmoid(b + U @ h) * h / (1 + h**2 + b**2)",
    )
    rows = [f.split("\n")[1] for f in jacobian(cell).equations() if "aligned" in f]
    assert any(row.startswith("& ") and row.endswith(r"= \\") for row in rows), rows


def test_a_wide_diagonal_is_a_product_of_diagonals_that_each_fit_into_a_line():
    cell = gf.cells.get("lstm")
    names = sp.symbols("c h i f o g x b_f")
    long = [sp.Function("tanh")(a + b) / sp.sqrt(1 + a**2) for a, b in itertools.pairwise(names)]
    vector = sp.Mul(*long) * sp.Add(*names)
    printer = ExpressionLatex(cell)
    found = pieces(printer, vector)
    assert len(found) > 2
    assert sp.simplify(sp.Mul(*found) / vector) == 1
    assert all(estimated_width(str(printer.doprint(piece))) < TEXT_WIDTH for piece in found)
    diagonals = vector_latex(printer, Diagonal(vector))
    assert all(text.startswith(r"\operatorname{diag}") for text in diagonals)
    *before, column = vector_latex(printer, Column(vector))
    assert before == diagonals[:-1]
    assert not column.startswith(r"\operatorname")
    row, *after = vector_latex(printer, Row(vector, mean=True))
    assert row.endswith(r"^{\top}")
    assert after == diagonals[1:]


def test_what_fits_or_is_no_product_stays_whole():
    printer = ExpressionLatex(gf.cells.get("lstm"))
    c, h = sp.symbols("c h")
    wide = sp.Add(*sp.symbols("a_:90"))
    assert pieces(printer, c * h) == [c * h]
    assert pieces(printer, wide) == [wide]


def test_short_equations_stay_in_one_line():
    text = "\n".join(bptt(gf.cells.get("rnn")).equations())
    assert r"\cdot" not in text.replace(r"\cdots", "")
    assert r"\qquad \otimes" not in text


@pytest.mark.parametrize("name", LIBRARY)
def test_the_lines_of_the_library_have_balanced_braces(name):
    cell = gf.cells.get(name)
    for formula in [*jacobian(cell).equations(), *bptt(cell).equations()]:
        for line in formula.split("\n"):
            assert line.count("{") == line.count("}")
            assert len(re.findall(r"\\left\b", line)) == len(re.findall(r"\\right\b", line))
