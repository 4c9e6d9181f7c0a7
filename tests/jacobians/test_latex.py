"""The LaTeX: every formula converts to MathML, and reads as a person would have set it."""

import re

import pytest
from hypothesis import HealthCheck, given, settings

import gradflow as gf
from gradflow.cells.typeset import name_latex, number_latex
from gradflow.jacobians import bptt
from gradflow.reporting.render.mathml import latex_to_mathml
from oracles.random_cells import cells

DOUBLED = re.compile(r"\\left\( \\left\( [^()]* \\right\) \\right\)")


def displays(cell):
    """Every formula there is about a cell, one display each."""
    jacobian, formulas = gf.jacobian(cell), bptt(cell)
    wrt = (*cell.states, *cell.input_names, *cell.parameters)
    found = [cell.latex(), *jacobian.equations(), *formulas.equations()]
    found += [jacobian[out, name].latex() for out in jacobian.outs for name in wrt]
    found += formulas.carousel_latex().values()
    found += [cell._repr_latex_().strip("$"), formulas._repr_latex_().strip("$")]
    return [*found, jacobian["h", "h"]._repr_latex_().strip("$")] if "h" in cell.states else found


def balanced(text):
    return text.count(r"\left") == text.count(r"\right") and text.count("{") == text.count("}")


def check(cell):
    for text in displays(cell):
        assert balanced(text)
        assert latex_to_mathml(text, display=True).startswith("<math")
        assert "+ -" not in text
        assert "- -" not in text
        assert not DOUBLED.search(text)


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_every_formula_of_the_library_converts(name):
    check(gf.cells.get(name))


@given(cells(depth=2))
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_every_formula_of_a_random_cell_converts(cell):
    for text in displays(cell):
        assert balanced(text)
        assert latex_to_mathml(text, display=True)


def rows(block):
    """Right-hand sides of a block, one a term, without the alignment."""
    text = block.latex()
    body = text[text.index("&=") + 2 : text.index(r"\end{aligned}")]
    return [re.sub(r"\s+", " ", row).strip(" &") for row in body.replace(r"\quad", "").split(r"\\")]


def test_lstm():
    J = gf.jacobian(gf.cells.lstm)
    assert rows(J["c", "c"]) == [r"\operatorname{diag}\left( f_{t} \right)"]
    assert rows(J["c", "h"]) == [
        r"\operatorname{diag}\left( g_{t} \odot i_{t} \odot \left( 1 - i_{t} \right) \right)"
        r" \, U_{i}",
        r"+ \operatorname{diag}\left( c_{t-1} \odot f_{t} \odot \left( 1 - f_{t} \right) \right)"
        r" \, U_{f}",
        r"+ \operatorname{diag}\left( i_{t} \odot \left( 1 - g_{t}^{2} \right) \right) \, U_{g}",
    ]
    assert rows(J["h", "c"]) == [
        r"\operatorname{diag}\left( o_{t} \odot \left( 1 - \tanh^{2}\left( c_{t} \right) \right)"
        r" \right) \, \frac{\partial c_{t}}{\partial c_{t-1}}"
    ]
    assert (
        J["c", "h"]
        .latex()
        .startswith("\\begin{aligned}\n\\frac{\\partial c_{t}}{\\partial h_{t-1}} &= ")
    )
    assert bptt(gf.cells.lstm).carousel_latex() == {
        "c": r"\prod_{j=k+1}^{t} \operatorname{diag}\left( f_{j} \right)"
    }
    assert bptt(gf.cells.lstm).state_latex() == (
        r"s_{t} = \begin{pmatrix} h_{t} \\ c_{t} \end{pmatrix}"
    )
    assert r"c_{t} &= f_{t} \odot c_{t-1} + i_{t} \odot g_{t}" in gf.cells.lstm.latex()


def test_scalars_multiply_by_juxtaposition_and_stand_in_front():
    J = gf.jacobian(gf.cells.scrn)
    assert rows(J["s", "s"]) == [r"\alpha \, I"]
    assert rows(J["s", "x"]) == [r"\left( 1 - \alpha \right) \, B"]
    assert rows(J["h", "B"]) == [
        r"\left( 1 - \alpha \right) \, "
        r"\operatorname{diag}\left( h_{t} \odot \left( 1 - h_{t} \right) \right)"
        r" \, P \otimes x_{t}^{\top}"
    ]
    assert r"\odot" not in gf.jacobian(gf.cells.scalar).latex()
    assert rows(gf.jacobian(gf.cells.scalar)["y", "y"]) == ["w"]


def test_the_whole_state_is_bold_where_a_part_has_its_letter():
    assert bptt(gf.cells.scrn).state_latex().startswith(r"\mathbf{s}_{t} = ")
    assert r"\partial \mathbf{s}_{k}" in bptt(gf.cells.scrn).product_latex()
    assert r"\partial s_{k}" in bptt(gf.cells.gru).product_latex()
    assert r"\text{lag } t-k" in bptt(gf.cells.gru).gradient_latex("U_r")


def test_explicit_time_moves_with_the_product():
    cell = gf.Cell(name="clock", state="h", equations="h_next = exp(-t) * h - h / (t + 1)")
    assert bptt(cell).carousel_latex() == {
        "h": r"\prod_{j=k+1}^{t} \left( \exp\left( -j \right) - \frac{1}{j + 1} \right) \, I"
    }
    minus = gf.Cell(name="minus", state="y[one]", equations="y_next = -2 * y")
    assert bptt(minus).carousel_latex() == {"y": r"\prod_{j=k+1}^{t} \left( -2 \right)"}


def test_equations_are_the_displays_that_latex_joins():
    J, formulas = gf.jacobian(gf.cells.lstm), bptt(gf.cells.lstm)
    matrix, *blocks, where = J.equations()
    assert matrix.startswith("J_{t} = ")
    assert blocks == [b.latex() for b in J.blocks().values()]
    assert where.startswith(r"\text{where}")
    state, product, *gradients = formulas.equations()
    assert (state, product) == (formulas.state_latex(), formulas.product_latex())
    head, *direct = formulas.gradient_equations("U_f")
    assert direct == [J["h", "U_f"].latex(), J["c", "U_f"].latex()]
    assert gradients.index(direct[0]) == gradients.index(head) + 1
    for text, parts in (
        (J.latex(), J.equations()),
        (formulas.latex(), formulas.equations()),
        (formulas.gradient_latex("U_f"), [head, *direct]),
    ):
        assert text == "\n\n".join(parts)
        assert not any("\n\n" in part for part in parts)


def test_one_part_needs_no_block_matrix():
    assert "pmatrix" not in gf.jacobian(gf.cells.gru).latex()
    assert (
        gf.jacobian(gf.cells.gru)
        .latex()
        .startswith(r"J_{t} = \frac{\partial h_{t}}{\partial h_{t-1}}")
    )
    assert gf.jacobian(gf.cells.scrn).latex().startswith("J_{t} = \\begin{pmatrix}")


def test_layer_norm_reads_as_rank_one_corrections():
    cell = gf.Cell(
        name="ln",
        state="h",
        maps="U",
        vectors="gain",
        equations="""
            a = U @ h
            m = mean(a)
            v = mean((a - m)**2)
            h_next = gain * (a - m) / sqrt(v + 0.00001)
        """,
    )
    found = rows(gf.jacobian(cell)["h", "h"])
    root = r"\sqrt{v_{t} + 10^{-5}}"
    assert (
        found[0] == rf"\operatorname{{diag}}\left( \frac{{\mathrm{{gain}}}}{{{root}}} \right) \, U"
    )
    assert (
        found[1]
        == rf"- \frac{{\mathrm{{gain}}}}{{{root}}} \, \tfrac{{1}}{{n}} \mathbf{{1}}^{{\top}} \, U"
    )
    column = (
        r"\frac{\mathrm{gain} \odot \left( a_{t} - m_{t} \right)}"
        r"{\left( v_{t} + 10^{-5} \right)^{\frac{3}{2}}}"
    )
    row = r"\tfrac{1}{n} \left( a_{t} - m_{t} \right)^{\top} \, U"
    assert rf"- {column} \, {row}" in found


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("h - (b + c)", r"h_{t-1} - \left( b + c \right)"),
        ("h * -b", r"h_{t-1} \odot \left( -b \right)"),
        ("-b * h", r"-b \odot h_{t-1}"),
        ("-(b + c)", r"-\left( b + c \right)"),
        ("h / b / c", r"\frac{\frac{h_{t-1}}{b}}{c}"),
        ("(b + c)**2", r"\left( b + c \right)^{2}"),
        ("tanh(h)**2", r"\left( \tanh\left( h_{t-1} \right) \right)^{2}"),
        ("U @ tanh(h)", r"U \, \tanh\left( h_{t-1} \right)"),
        ("U @ (b * h)", r"U \, \left( b \odot h_{t-1} \right)"),
        ("b * (U @ h)", r"b \odot U \, h_{t-1}"),
        ("identity @ h", r"I \, h_{t-1}"),
        ("2 * w * h", r"2 \, w \, h_{t-1}"),
        ("w * (h % 2)", r"w \, \left( h_{t-1} \bmod 2 \right)"),
        ("0.95 * h + 1e-07", r"0.95 \, h_{t-1} + 10^{-7}"),
        ("2.5e-07 * h", r"2.5 \cdot 10^{-7} \, h_{t-1}"),
        ("Abs(h) + floor(b)", r"\left| h_{t-1} \right| + \left\lfloor b \right\rfloor"),
        ("Max(h, 0)", r"\max\left( h_{t-1}, 0 \right)"),
        ("mean(h * b)", r"\operatorname{mean}\left( h_{t-1} \odot b \right)"),
        (
            "w * (1 if t > 2 else h)",
            r"w \, \left( \begin{cases} 1 & \text{if } t > 2 \\ h_{t-1} & \text{otherwise}"
            r" \end{cases} \right)",
        ),
    ],
)
def test_equations_keep_the_authors_form(expression, wanted):
    names = {"b": "vectors", "c": "vectors", "w": "scalars", "U": "maps"}
    used = {}
    for name in re.findall(r"\b[bcwU]\b", expression):
        used.setdefault(names[name], {})[name] = None
    cell = gf.Cell(
        name="e",
        state="h",
        equations=f"h_next = {expression}",
        **{kind: " ".join(found) for kind, found in used.items()},
    )
    assert cell.equation_rows() == (("h_{t}", wanted),)
    latex_to_mathml(cell.latex(), display=True)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("Abs(h)**3", r"3 \, \operatorname{diag}\left( \left| h_{t-1} \right|^{2} \odot "),
        ("Abs(h) * step(h)", r"\mathbf{1}\left[ h_{t-1} > 0 \right]"),
        ("h * sigmoid(h)**3", r"\sigma^{3}\left( h_{t-1} \right)"),
        ("h * tanh(b)**b", r"\left( \tanh\left( b \right) \right)^{b}"),
        ("h * (b - mean(h + b))", r"b - \operatorname{mean}\left( b + h_{t-1} \right)"),
        ("h * (U @ (h + b))**2", r"\left( U \, \left( b + h_{t-1} \right) \right)^{2}"),
        ("h * (b % 3)", r"b \bmod 3"),
        ("h * (0 - 2)**2 * 2.5e-7", r"10^{-6} \, I"),
        ("h**2 / (1 + b)", r"2 \, \operatorname{diag}\left( \frac{h_{t-1}}{b + 1} \right)"),
        ("h * (1 if b > 0 and t < 3 else 2)", r"b > 0 \text{ and } t < 3"),
    ],
)
def test_derivatives(expression, wanted):
    maps = "U" if "U" in expression else ""
    cell = gf.Cell(
        name="e",
        state="h",
        maps=maps,
        vectors="b" if re.search(r"\bb\b", expression) else "",
        equations=f"h_next = {expression}",
    )
    text = gf.jacobian(cell)["h", "h"].latex()
    assert wanted in text
    latex_to_mathml(text, display=True)


@pytest.mark.parametrize(
    ("name", "time", "wanted"),
    [
        ("b_f", "", "b_{f}"),
        ("c", "t-1", "c_{t-1}"),
        ("a_1", "t", "a_{1,t}"),
        ("alpha", "", r"\alpha"),
        ("beta_2", "t", r"\beta_{2,t}"),
        ("gain", "", r"\mathrm{gain}"),
        ("open", "t", r"\mathrm{open}_{t}"),
        ("W_rec", "", r"W_{\mathrm{rec}}"),
        ("lambda_", "t", r"\lambda_{t}"),
    ],
)
def test_names(name, time, wanted):
    assert name_latex(name, time) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (3, "3"),
        (0.95, "0.95"),
        (1e-05, "10^{-5}"),
        (2.5e-7, r"2.5 \cdot 10^{-7}"),
        (1e30, "10^{30}"),
    ],
)
def test_numbers(value, wanted):
    assert number_latex(value) == wanted
