"""A declared cell: what it knows of itself, when two are equal, pickling, and meanings by hand."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.initializers import constant, orthogonal
from gradflow.errors import UsageError
from gradflow.jacobians import bptt

BASE = {
    "name": "mine",
    "state": "h s[context]",
    "inputs": "x",
    "maps": "W U P",
    "vectors": "b",
    "constants": "k[hidden]",
    "masks": {"U": "row(k) >= column(k)"},
    "fixed": {"S[hidden,hidden]": "1 if row(index) == column(index) else 0"},
    "outputs": "y",
    "defaults": {"b": constant(1.0), "k": [0.0, 1.0]},
    "equations": """
        h_next = tanh(W @ x + U @ (S @ h) + b)
        s_next = P @ h_next + s
        y = mean(s_next)
    """,
}
CHANGES = [
    {"name": "other"},
    {"title": "Another title"},
    {"reference": "A paper"},
    {"maps": "W P U"},
    {"state": "s[context] h"},
    {"masks": {"U": "row(k) <= column(k)"}},
    {"fixed": {"S[hidden,hidden]": "1"}},
    {"outputs": "y h_next"},
    {"defaults": {"b": constant(2.0), "k": [0.0, 1.0]}},
    {"defaults": {"b": constant(1.0), "k": [0.0, 2.0]}},
    {"defaults": {"b": constant(1.0)}},
    {"defaults": {"b": orthogonal(1.0), "k": [0.0, 1.0]}},
    {"forget_bias": "b"},
    {"equations": BASE["equations"].replace("tanh", "sigmoid")},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: next(iter(c)))
def test_cells_are_equal_only_when_equal(change):
    cell, same, other = gf.Cell(**BASE), gf.Cell(**BASE), gf.Cell(**{**BASE, **change})
    assert cell == same
    assert hash(cell) == hash(same)
    assert cell != other
    assert cell != "mine"
    assert gf.jacobian(cell) == gf.jacobian(same)
    assert gf.jacobian(cell) != gf.jacobian(other)
    assert gf.compile(cell) == gf.compile(same)
    assert gf.compile(cell) != gf.compile(other)
    assert gf.compile(other).cell.defaults == other.defaults


def test_array_defaults_compare_by_value():
    def cell(values):
        return gf.Cell(**{**BASE, "defaults": {"b": 0.0, "k": np.array(values)}})

    assert cell([0.0, 1.0]) == cell([0.0, 1.0])
    assert cell([0.0, 1.0]) != cell([0.0, 3.0])


def test_derived_objects_are_equal_only_when_equal():
    lstm, gru = gf.jacobian(gf.cells.lstm), gf.jacobian(gf.cells.gru)
    assert lstm["c", "h"] == gf.jacobian(gf.cells.lstm)["c", "h"]
    assert lstm["c", "h"] != lstm["h", "h"]
    assert lstm["h", "h"] != gru["h", "h"]
    assert lstm["c", "b_f"] != lstm["c", "b_i"]
    blocks = list(lstm.blocks().values())
    assert all((a == b) == (i == j) for i, a in enumerate(blocks) for j, b in enumerate(blocks))
    terms = lstm["c", "h"].terms
    assert len(set(terms)) == 3


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_pickling_gives_equal_objects(name):
    cell = gf.cells.get(name)
    jacobian, code = gf.jacobian(cell), gf.compile(cell)
    jacobian.text()  # fills the caches, which must not travel or must travel well
    source = code.source
    for thing in (cell, jacobian, code, bptt(cell), jacobian[cell.states[0], cell.states[0]]):
        for again in (pickle.loads(pickle.dumps(thing)), copy.deepcopy(thing)):
            assert again == thing
            assert type(again) is type(thing)
    assert pickle.loads(pickle.dumps(cell)).latex() == cell.latex()
    assert pickle.loads(pickle.dumps(jacobian)).latex() == jacobian.latex()
    assert pickle.loads(pickle.dumps(code)).source == source


def test_code_of_another_backend_or_precision_is_another_code():
    cell = gf.cells.rnn
    codes = [gf.compile(cell)]
    codes += [gf.compile(cell, backend="mpmath", digits=d) for d in (20, 30)]
    for i, a in enumerate(codes):
        for j, b in enumerate(codes):
            assert (a == b) == (i == j)
            assert (hash(a) == hash(b)) == (i == j)
    again = pickle.loads(pickle.dumps(codes[1]))
    assert again == codes[1]
    assert again.target.digits == 20


def test_a_cell_is_frozen_and_can_be_declared_anew():
    cell = gf.cells.rnn
    with pytest.raises(dataclasses.FrozenInstanceError):
        cell.name = "other"
    changed = {"name": "other", "vectors": "b c", "equations": cell.equations + " + c"}
    other = gf.Cell(**vars(cell.declaration) | changed)
    assert other.parameters == ("W", "U", "b", "c")


def test_a_cell_is_declared_by_keywords_and_shown_on_one_line():
    with pytest.raises(TypeError, match="positional"):
        gf.Cell("mine", "h_next = h", "h")
    assert repr(gf.cells.lstm) == "<Cell lstm: state h, c; 12 parameters>"
    assert repr(gf.cells.scalar) == "<Cell scalar: state y; 1 parameter>"


def test_two_cells_do_not_share_what_was_left_out():
    one, two = (gf.Cell(name="c", state="h", equations="h_next = h") for _ in range(2))
    assert one.defaults == {}
    assert one.defaults is not two.defaults


def test_what_a_cell_knows_of_itself():
    cell = gf.Cell(**BASE)
    assert cell.states == ("h", "s")
    assert cell.input_names == ("x",)
    assert cell.parameters == ("W", "U", "P", "b")
    assert cell.constant_names == ("k",)
    assert cell.output_names == ("y",)
    assert cell.sizes == ("hidden", "context", "input")
    assert cell.shape_of("W") == ("hidden", "input")
    assert cell.shape_of("P") == ("context", "hidden")
    assert cell.shape_of("b") == ("hidden",)
    assert cell.recurrent_maps() == ("S", "U", "P")
    assert gf.cells.gru.recurrent_maps() == ("U_r", "U_z", "U_g")
    assert gf.cells.scrn.recurrent_maps() == ("P", "R")
    assert gf.cells.scalar.recurrent_maps() == ()


def value(expression, h, **more):
    """Value of one expression at the state `h`."""
    cell = gf.Cell(name="v", state="h", equations=f"h_next = {expression}")
    return gf.compile(cell).step({}, np.array(h, dtype=float), **more)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("sum(h)", [6.5] * 4),
        ("mean(h)", [1.625] * 4),
        ("sum(0*h + 1)", [4] * 4),  # counts the units, though SymPy sees a plain 1
        ("sum(mean(h) + h - h)", [6.5] * 4),
        ("mean(sum(h))", [6.5] * 4),
        ("identity @ h", [-2, 0, 0.5, 8]),
        ("sign(h)", [-1, 0, 1, 1]),
        ("step(h)", [0, 0, 1, 1]),
        ("relu(h)", [0, 0, 0.5, 8]),
        ("Abs(h)", [2, 0, 0.5, 8]),
        ("floor(h / 3)", [-1, 0, 0, 2]),
        ("h % 3", [1, 0, 0.5, 2]),
        ("(0 - h) % 3", [2, 0, 2.5, 1]),
        ("Max(h, 0.25, 0)", [0.25, 0.25, 0.5, 8]),
        ("Min(h, 1)", [-2, 0, 0.5, 1]),
        ("-h**2", [-4, 0, -0.25, -64]),
        ("2**h", [0.25, 1, 2**0.5, 256]),
        ("1 if h > 0 else 2", [2, 2, 1, 1]),
        ("1 if h >= 0 else 2", [2, 1, 1, 1]),
        ("1 if 0 <= h < 8 else 2", [2, 1, 1, 2]),
        ("1 if h == 0.5 else 2", [2, 2, 1, 2]),
        ("1 if h != 0.5 and not h < 0 or h == -2 else 2", [1, 1, 2, 1]),
        ("Piecewise((1, h < 0), (2, h < 1), (3, True))", [1, 2, 2, 3]),
        ("(1 if h > 0 else 2)**-2", [0.25, 0.25, 1, 1]),
        ("softplus(100 * h) + sigmoid(-1000 * h)", [1, np.log(2) + 0.5, 50, 800]),
        ("exp(1) * log(4) + atan(1)", [np.e * np.log(4) + np.pi / 4] * 4),
        ("Max(Min(h, 10**20), -10**20) * 10**20", [-2e20, 0, 5e19, 8e20]),
        ("cos(10**20) + 0 * h", [np.cos(1e20)] * 4),
        ("t + (1 if t % 2 == 0 else 3)", [10] * 4),
    ],
)
def test_values_by_hand(expression, wanted):
    found = value(expression, [-2, 0, 0.5, 8], t=7)
    # a handful of elementary operations, each within an ulp or two
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=0)


def test_brackets_and_comments_may_run_over_lines():
    cell = gf.Cell(
        name="long",
        state="h",
        maps="U",
        equations="""
            # what comes in
            a = (U @ h
                 + h)   # and what stays
            h_next = tanh(
                a
            )
        """,
    )
    assert [line.target for line in cell.lines] == ["a", "h_next"]


def test_activations_of_the_vanilla_network():
    from gradflow.cells.library.rnn import rnn_with

    assert rnn_with("tanh") == gf.cells.rnn
    assert rnn_with("softplus").name == "rnn_softplus"
    with pytest.raises(UsageError, match="unknown activation 'swish'; known are sigmoid, tanh"):
        rnn_with("swish")
    with pytest.raises(UsageError, match="unknown activation 'Max'"):
        rnn_with("Max")
