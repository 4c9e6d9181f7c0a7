"""The name of the path that each term of the step Jacobian takes."""

import pytest

import gradflow as gf
from gradflow.jacobians import path_labels


def labelled(cell):
    """(out, in) to the labels of its terms, in order."""
    found = {}
    for (out, wrt, _), label in path_labels(cell).items():
        found.setdefault((out, wrt), []).append(label)
    return found


WANTED = {
    "rnn": {("h", "h"): ["U"]},
    "lstm": {
        ("h", "h"): ["i", "f", "o", "g"],
        ("h", "c"): ["c to h"],
        ("c", "h"): ["i", "f", "g"],
        ("c", "c"): ["carousel"],
    },
    "gru": {("h", "h"): ["carousel", "r, g", "z", "g"]},
    "clockwork": {("h", "h"): ["carousel", "a"]},
    "scrn": {("h", "h"): ["R"], ("h", "s"): ["P"], ("s", "s"): ["carousel"]},
}


@pytest.mark.parametrize("name", WANTED)
def test_paths_of_the_library(name):
    assert labelled(gf.cells.get(name)) == WANTED[name]


def test_one_value_copied_to_all_units_is_no_map():
    cell = gf.Cell(name="copy", state="h y[one]", equations="h_next = h + y\ny_next = y + mean(h)")
    assert labelled(cell) == {
        ("h", "h"): ["carousel"],
        ("h", "y"): ["y to h"],
        ("y", "h"): ["mean"],
        ("y", "y"): ["carousel"],
    }


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_every_term_has_one_label(name):
    cell = gf.cells.get(name)
    terms = {
        (out, wrt, term)
        for (out, wrt), block in gf.jacobian(cell).blocks().items()
        for term in block.terms
    }
    assert path_labels(cell).keys() == terms
    assert all(path_labels(cell).values())
