"""Signs of printed summands: known from the expression, never read off its text."""

import pytest
import sympy as sp

import gradflow as gf
from gradflow.cells.language.syntax import symbol
from gradflow.jacobians.print.expression_latex import ExpressionLatex
from gradflow.jacobians.print.expression_text import ExpressionText
from gradflow.jacobians.print.signed import Signed, in_sum

b, h = symbol("b"), symbol("h")


def test_a_sum_shows_each_sign_once():
    plus, minus = Signed(False, "a"), Signed(True, "b")
    assert in_sum([plus, minus, plus]) == ["a", "- b", "+ a"]
    assert in_sum([minus, plus]) == ["-b", "+ a"]
    assert minus.times(["U", "V"], " ") == Signed(True, "b U V")
    assert plus.times([], " ") == plus


@pytest.mark.parametrize(
    ("expression", "negative", "latex", "text"),
    [
        (h, False, "h_{t-1}", "h"),
        (-h, True, "h_{t-1}", "h"),
        (sp.Integer(-2), True, "2", "2"),
        (sp.Rational(-1, 2), True, r"\frac{1}{2}", "1/2"),
        (sp.Rational(-1, 20), True, "0.05", "0.05"),
        (-b * h, True, r"b \odot h_{t-1}", "b*h"),
        (b - h, False, r"b - h_{t-1}", "b - h"),
        (-b - h, True, r"b - h_{t-1}", "b - h"),
        (-b * (1 - b) - h, True, r"b \odot \left( 1 - b \right) - h_{t-1}", "b*(1 - b) - h"),
    ],
)
def test_the_sign_of_an_expression(expression, negative, latex, text):
    cell = gf.Cell(name="e", state="h", vectors="b[hidden]", equations="h_next = h * b")
    for printer, body in ((ExpressionLatex(cell), latex), (ExpressionText(cell), text)):
        found = printer.signed(expression)
        assert (found.negative, found.body) == (negative, body)
        assert str(found).startswith("-") == negative
