"""The Jacobian split by path: every term has one label, and the parts add up."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.jacobians import jacobian
from gradflow.jacobians.labels import path_labels
from oracles.samples import distance, sample

LABELS = {
    "scalar": {"carousel"},
    "rnn": {"U"},
    "irnn": {"U"},
    "lstm": {"carousel", "c to h", "i", "f", "o", "g"},
    "gru": {"carousel", "r, g", "z", "g"},
    "gru_reset_after": {"carousel", "r, g", "z", "g"},
    "clockwork": {"carousel", "a"},
    "scrn": {"carousel", "P", "R"},
}


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_they_add_up(name):
    s = sample(name, lead=(3,))
    code = gf.compile(s.cell)
    paths = code.path_jacobians(s.params, s.state, s.x, s.t)
    assert set(paths) == set(path_labels(s.cell).values())
    # a sum of at most six matrices
    assert distance(sum(paths.values()), code.jacobian(s.params, s.state, s.x, s.t)) < 1e-14


@pytest.mark.parametrize("name", LABELS)
def test_labels(name):
    assert set(path_labels(gf.cells.get(name)).values()) == LABELS[name]


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_every_term_has_its_label(name):
    cell = gf.cells.get(name)
    labels = path_labels(cell)
    terms = [(*key, t) for key, b in jacobian(cell).blocks().items() for t in b.terms]
    assert sorted(map(str, labels)) == sorted(map(str, terms))


def test_the_carousel_of_the_lstm_is_its_forget_gate():
    s = sample("lstm")
    code = gf.compile(s.cell)
    paths = code.path_jacobians(s.params, s.state, s.x)
    h, x, p = s.state[:7], s.x, s.params
    f = 1 / (1 + np.exp(-(p["W_f"] @ x + p["U_f"] @ h + p["b_f"])))
    wanted = np.zeros((14, 14))
    wanted[7:, 7:] = np.diag(f)
    assert distance(paths["carousel"], wanted) < 1e-14  # a few ulp of one sigmoid
    assert not paths["o"][7:].any()
    assert not paths["f"][:, 7:].any()
    assert paths["f"][:7].any()  # through c to h


def test_equal_terms_of_two_blocks_keep_labels_of_their_own():
    """Once the term `1` of da/db overwrote the label of da/da."""
    cell = gf.Cell(name="two", state="a b", equations="a_next = a + b\nb_next = b")
    paths = gf.compile(cell).path_jacobians({}, {"a": np.ones(2), "b": np.ones(2)})
    eye, zero = np.eye(2), np.zeros((2, 2))
    assert np.array_equal(paths["carousel"], np.block([[eye, zero], [zero, eye]]))
    assert np.array_equal(paths["b to a"], np.block([[zero, eye], [zero, zero]]))


def test_copying_one_value_is_no_map_of_its_own():
    cell = gf.Cell(name="copy", state="h y[one]", equations="h_next = h + y\ny_next = y + mean(h)")
    paths = gf.compile(cell).path_jacobians({}, np.ones(4))
    assert set(paths) == {"carousel", "y to h", "mean"}
    assert np.array_equal(paths["y to h"][:3, 3], np.ones(3))
    # thirds are exact to one rounding
    np.testing.assert_allclose(paths["mean"][3, :3], 1 / 3, rtol=1e-15)
