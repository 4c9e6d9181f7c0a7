"""Formulas become MathML that parses, says what the LaTeX says, and is never silently wrong."""

import itertools
from xml.etree import ElementTree

import pytest

from gradflow.errors import UsageError
from gradflow.reporting.render.mathml import latex_to_mathml

FORMULAS = [
    r"\operatorname{diag}(c_{t-1} \odot f_t \odot (1 - f_t))",
    r"\begin{aligned} f_t &= \sigma(a) \\ h_t &= o_t \odot \tanh(c_t) \end{aligned}",
    r"\begin{cases} 1 & \text{if } t \bmod p = 0 \\ 0 & \text{otherwise} \end{cases}",
    r"\frac{\partial h_t}{\partial c_{t-1}}",
    r"\prod_{j=k+1}^{t} J_j = J_t J_{t-1} \cdots J_{k+1}",
    r"\frac{\partial \mathcal{L}}{\partial \theta} = \sum_{t} \sum_{k \le t} x",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
    r"\begin{bmatrix} a & b \\ c & d \end{bmatrix}",
    r"\mathbf{1}[\,\cdot > 0]",
    r"\left\lVert P \right\rVert_2 \le \lVert W^{\top} \rVert",
    r"\frac{\partial^{+} s_k}{\partial \theta}",
    r"\tilde{h}_t, \hat{x}, \bar{x}, \boldsymbol{\theta}, \mathbb{R}^{n \times n}",
    r"\bigl( x \bigr) \left( \frac{a}{b} \right)^{t-k}",
    r"\underbrace{\operatorname{diag}(f_t)}_{\text{carousel}}",
    r"\left[\begin{matrix}a & b\\c & d\end{matrix}\right]",
    r"\tanh^{2}{\left(x \right)} + \max\left(0, x\right)",
    "a < b & c".replace("&", r"\text{ and }"),
]


def tree(latex, display=True):
    return ElementTree.fromstring(latex_to_mathml(latex, display))


@pytest.mark.parametrize("latex", FORMULAS)
def test_a_formula_is_well_formed_and_alike_every_time(latex):
    assert tree(latex).tag == "math"
    assert tree(latex).get("display") == "block"
    assert tree(latex, display=False).get("display") in (None, "inline")
    assert latex_to_mathml(latex, True) == latex_to_mathml(latex, True)


def test_structure_is_kept():
    aligned = tree(r"\begin{aligned} a &= b \\ c &= d \end{aligned}")
    assert len(aligned.findall(".//mtr")) == 2
    assert len(aligned.findall(".//mtd")) == 4
    product = tree(r"\prod_{j=k+1}^{t} J_j").find("munderover")
    assert "".join(product.itertext()) == "∏j=k+1t"
    assert "".join(tree(r"\operatorname{diag}(f)").itertext()).replace("\u2061", "") == "diag(f)"
    assert "".join(tree(r"\mathbf{1}[a > 0]").itertext()) == "\U0001d7cf[a>0]"


@pytest.mark.parametrize(
    ("latex", "found"),
    [
        (r"\nonsense{x}", "nonsense"),
        (r"\frac{a}", "Expected argument"),
        (r"\begin{aligned} a \\[4pt] b \end{aligned}", "an argument after a line break"),
        (r"\begin{aligned} a \\* b \end{aligned}", "an argument after a line break"),
        (r"\begin{aligned}[t] a \end{aligned}", r"an argument after \begin{...}"),
        (r"\begin{equation} a \end{equation}", "a numbered environment"),
        (r"\begin{align} a \end{align}", "a numbered environment"),
        (r"a % b", "a comment"),
        (r"a \\ b", "a line break outside an environment"),
        (r"\begin{cases} a \\ b \end{cases} \\ c", "a line break outside an environment"),
        (r"\begin{split} a \end{split}", "split"),
        (r"\substack{a}", "substack"),
    ],
)
def test_what_cannot_be_set_is_refused_by_name(latex, found):
    with pytest.raises(UsageError) as caught:
        latex_to_mathml(latex, True)
    assert found in str(caught.value)
    assert repr(latex) in str(caught.value)


def test_a_percent_sign_and_an_array_with_columns_are_no_traps():
    assert "".join(tree(r"\text{100\%}").itertext()) == "100%"
    assert tree(r"\begin{array}{c|c} a & b \end{array}").find(".//mtd") is not None
    assert tree(r"\begin{align*} a &= b \end{align*}").find(".//mtd") is not None


def stretchy(latex):
    """Whether each bracket of a formula may stretch."""
    fences = [mo for mo in tree(latex).iter("mo") if mo.text in tuple("()[]{}|‖")]
    assert fences
    return [mo.get("stretchy") != "false" for mo in fences]


@pytest.mark.parametrize(
    "latex", [r"\sigma\left( W x \right)", r"\left\lVert P \right\rVert", r"\left. x \right|_{0}"]
)
def test_brackets_round_something_low_stay_small(latex):
    assert not any(stretchy(latex))


@pytest.mark.parametrize(
    "latex",
    [
        r"\left( \frac{a}{b} \right)",
        r"\left[ \sum_{k} x_k \right]",
        r"\begin{pmatrix} a \\ b \end{pmatrix}",
        r"\bigl( x \bigr)",
    ],
)
def test_brackets_round_something_tall_stretch(latex):
    assert all(stretchy(latex))


def test_nested_brackets_stretch_outside_only():
    assert stretchy(r"\left( \frac{a}{b} + \left( c \right) \right)") == [True, False, False, True]


@pytest.mark.parametrize("wrap", ["{}", r"\begin{{aligned}} h &= {} \end{{aligned}}"])
def test_no_gap_between_a_function_and_its_brackets(wrap):
    math = tree(wrap.format(r"\tanh\left( c \right)"))
    for parent in math.iter():
        for before, after in itertools.pairwise(parent):
            if after.tag == "mrow" and after[0].text == "(":
                side = "lspace" if before.text == "\u2061" else "rspace"
                assert before.get(side) == "0"
                assert "lspace" not in after[0].attrib
                return
    raise AssertionError("no brackets found")
