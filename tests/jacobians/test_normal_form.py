"""The normal form: right terms, right paths, nothing that depends on a width, refusals."""

import pytest
import sympy as sp

import gradflow as gf
from gradflow.cells.language.program import Elementwise, Map
from gradflow.cells.language.syntax import symbol
from gradflow.errors import UsageError
from gradflow.jacobians import Block, Term, bptt
from gradflow.jacobians.partials import partial
from gradflow.jacobians.terms import IDENTITY, collect


def lines(cell):
    return gf.jacobian(cell).text().splitlines()


def test_lstm():
    assert lines(gf.cells.lstm)[:6] == [
        "dh'/dh = diag(o*(1 - o)*tanh(c')) U_o + diag(o*(1 - tanh(c')**2)) dc'/dh",
        "dh'/dc = diag(o*(1 - tanh(c')**2)) dc'/dc",
        "dc'/dh = diag(g*i*(1 - i)) U_i + diag(c*f*(1 - f)) U_f + diag(i*(1 - g**2)) U_g",
        "dc'/dc = diag(f)",
        "dh'/dx = diag(o*(1 - o)*tanh(c')) W_o + diag(o*(1 - tanh(c')**2)) dc'/dx",
        "dc'/dx = diag(g*i*(1 - i)) W_i + diag(c*f*(1 - f)) W_f + diag(i*(1 - g**2)) W_g",
    ]


def test_the_others():
    assert lines(gf.cells.scalar) == ["dy'/dy = w", "d+y'/dw = y"]
    assert lines(gf.cells.rnn)[0] == "dh'/dh = diag(1 - h'**2) U"
    assert lines(gf.cells.irnn)[0] == "dh'/dh = diag(1[h' > 0]) U"
    assert lines(gf.cells.clockwork)[0] == (
        "dh'/dh = diag(1 - active) + diag(active*(1 - a**2)) W_H"
    )
    assert lines(gf.cells.scrn)[:6] == [
        "dh'/dh = diag(h'*(1 - h')) R",
        "dh'/ds = diag(h'*(1 - h')) P ds'/ds",
        "ds'/dh = 0",
        "ds'/ds = alpha I",
        "dh'/dx = diag(h'*(1 - h')) A + diag(h'*(1 - h')) P ds'/dx",
        "ds'/dx = (1 - alpha) B",
    ]
    assert lines(gf.cells.gru)[0] == (
        "dh'/dh = diag(z) + diag((1 - g**2)*(1 - z)) U_g diag(h*r*(1 - r)) U_r"
        " + diag(z*(1 - z)*(h - g)) U_z + diag((1 - g**2)*(1 - z)) U_g diag(r)"
    )


def test_paths_name_the_equations_passed():
    J = gf.jacobian(gf.cells.lstm)
    assert [t.path for t in J["h", "h"].terms] == [
        ("i", "c_next"),
        ("f", "c_next"),
        ("o",),
        ("g", "c_next"),
    ]
    assert [t.path for t in gf.jacobian(gf.cells.gru)["h", "h"].terms] == [
        (),
        ("r", "g"),
        ("z",),
        ("g",),
    ]


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_nothing_depends_on_the_width(name):
    """No symbol, function or number of a derived block carries a size: only names of entries."""
    cell = gf.cells.get(name)
    J = gf.jacobian(cell)
    known = {*cell.spaces, "t"}
    blocks = [J[a, b] for a in J.outs for b in (*cell.states, *cell.input_names)]
    terms = [t for b in blocks for t in b.terms]
    terms += [t for a in J.outs for p in cell.parameters for t, _ in J[a, p].terms]
    assert terms
    for term in terms:
        for diagonal in term.diagonals:
            assert {s.name for s in diagonal.free_symbols} <= known
            assert not diagonal.has(sp.MatrixSymbol, sp.Indexed, sp.Sum, sp.Matrix)
        assert all(isinstance(m, Map) and not hasattr(m, "shape") for m in term.maps)


# a term for each way from part to part, however wide: 4 gates and the carousel of the LSTM
TERMS = {
    "scalar": 1,
    "rnn": 1,
    "irnn": 1,
    "lstm": 9,
    "gru": 4,
    "gru_reset_after": 4,
    "clockwork": 2,
    "scrn": 3,
}


@pytest.mark.parametrize("name", TERMS)
def test_a_term_for_each_way(name):
    blocks = gf.jacobian(name).blocks().values()
    assert sum(len(b.terms) for b in blocks) == TERMS[name]


def test_reductions_become_maps_of_one_row():
    cell = gf.Cell(name="m", state="h", equations="m = mean(h)\nh_next = h - m + h * sum(h * h)")
    assert lines(cell) == [
        "dh'/dh = (sum(h**2) + 1) I + 2 h h^T - 1 (1/n) 1^T",
    ]


def test_signs_scalars_and_identities():
    cell = gf.Cell(
        name="signs",
        state="h y[one]",
        maps="U V[one,hidden]",
        scalars="a",
        equations="""
            h_next = -a * h - 2 * (U @ tanh(h)) + y * (1 - a) - 0.95 * (U @ (h * y))
            y_next = a * y - (V @ h)
        """,
    )
    assert lines(cell)[:4] == [
        "dh'/dh = -a I - 2 U diag(1 - tanh(h)**2) - 0.95*y U",
        "dh'/dy = -0.95 U h + (1 - a) 1",
        "dy'/dh = -V",
        "dy'/dy = a",
    ]


def test_common_factors():
    cell = gf.Cell(
        name="factors",
        state="h",
        maps="U",
        vectors="b",
        equations="""
            h_next = 0.95 * h - 0.5 * b * h + U @ (2 * b * h - 4 * h) + U @ (b * h / 3 + h / 7)
        """,
    )
    assert lines(cell)[0] == ("dh'/dh = diag(0.95 - b/2) + 2 U diag(b - 2) + U diag(b/3 + 1/7)")


def test_what_cannot_be_asked():
    J = gf.jacobian(gf.cells.lstm)
    with pytest.raises(
        UsageError, match="cell 'lstm': no state part or output 'q'; there are h, c"
    ):
        J["q", "h"]
    with pytest.raises(
        UsageError, match="no derivative with respect to 'q'; there are h, c, x, W_i"
    ):
        J["h", "q"]
    with pytest.raises(UsageError, match="no parameter 'q'; there are W_i"):
        bptt(gf.cells.lstm).gradient_latex("q")
    with pytest.raises(UsageError, match="no derivative with respect to 'alpha'"):
        gf.jacobian(gf.cells.scrn)["h", "alpha"]


def test_an_output_has_blocks_too():
    cell = gf.Cell(
        name="out",
        state="h",
        maps="U O[out,hidden]",
        vectors="b[out]",
        outputs="y",
        equations="h_next = tanh(U @ h)\ny = O @ h_next + b",
    )
    J = gf.jacobian(cell)
    assert J.outs == ("h", "y")
    assert str(J["y", "h"]) == "dy/dh = O dh'/dh"
    assert J["y", "b"].text() == "d+y/db = I"
    assert J["y", "U"].text() == "d+y/dU = O diag(1 - h'**2) (x) h^T"


def test_each_object_is_shown_on_one_line_with_its_number():
    J = gf.jacobian(gf.cells.lstm)
    assert repr(J) == "<StepJacobian of lstm: state h, c; 9 terms>"
    assert repr(J["c", "h"]) == "<Block dc'/dh of lstm: 3 terms>"
    assert repr(J["c", "x"]) == "<Block dc'/dx of lstm: 3 terms>"
    assert repr(J["h", "U_o"]) == "<ParameterBlock d+h'/dU_o of lstm: 1 term>"
    assert repr(J["c", "U_o"]) == "<ParameterBlock d+c'/dU_o of lstm: 0 terms>"
    assert str(J["c", "U_o"]) == "d+c'/dU_o = 0"
    assert repr(bptt(gf.cells.lstm)) == "<Bptt of lstm: state h, c; 12 parameters>"
    with pytest.raises(TypeError, match="positional"):
        Block(gf.cells.lstm, "h", "c", (), ())


def test_text_keeps_apart_what_is_transposed_and_what_is_copied():
    cell = gf.Cell(
        name="t",
        state="h y[one]",
        inputs="x",
        maps="U",
        equations="y_next = y * mean(h)\nh_next = h * mean(h * (U @ x)) + y_next",
    )
    J = gf.jacobian(cell)
    assert J["h", "h"].text() == "dh'/dh = mean((U @ x)*h) I + h (1/n) (U @ x)^T + 1 dy'/dh"
    assert J["h", "y"].text() == "dh'/dy = 1 dy'/dy"


def test_terms_check_themselves_and_collect():
    a, b = symbol("a"), symbol("b")
    W = Map(name="W", out="hidden", into="hidden", kind="learned")
    with pytest.raises(ValueError, match="a term with 1 maps has 2 diagonals, not 1"):
        Term((a,), (W,))
    one = Term((a, sp.S.One), (W,), ("f",))
    assert collect([one, Term((b, sp.S.One), (W,), ("f",))]) == (
        Term((a + b, sp.S.One), (W,), ("f",)),
    )
    assert len(collect([one, Term((a, sp.S.One), (W,), ("g",))])) == 2
    assert collect([one, Term((-a, sp.S.One), (W,), ("f",))]) == ()
    assert collect([Term((sp.S.Zero,))]) == ()
    assert one.after(Term((b,), (), ("g",))) == Term((a, b), (W,), ("g", "f"))
    assert IDENTITY.after(one) == one


def test_partials_use_the_names_of_the_equations():
    a, f = symbol("a"), symbol("f")
    sigmoid = gf.cells.get("lstm").program[2].expression.func
    assert partial(Elementwise(f, sigmoid(a)), a) == f * (1 - f)
    assert partial(Elementwise(f, a), a) == 1
    with pytest.raises(UsageError, match=r"equation 'f': .* has no derivative with respect to 'a'"):
        partial(Elementwise(f, sp.Function("unknown")(a)), a)
