"""What a reader may turn on a page is what the cell does with those initial weights."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.reporting.document.blocks import Details, Drawing
from gradflow.reporting.sections.dials import SECTION
from gradflow.studies import study

SMALL = {"hidden": 3, "steps": 15, "seeds": 2}


@pytest.fixture(scope="module")
def measured():
    return study("lstm", **SMALL)


def test_each_value_of_a_dial_is_the_study_with_these_weights(measured):
    asked = [
        ("forget bias", 3.0, {"forget_bias": 3.0}),
        ("gain", 1.5, {"recurrent": gaussian(1.5)}),
    ]
    for name, value, choices in asked:
        other = study("lstm", **SMALL, init=choices).seeds.decays
        turned = measured.dials[name][value]
        np.testing.assert_array_equal(turned.log_relative, other.log_relative)
        assert not np.array_equal(turned.log_relative, measured.seeds.decays.log_relative)


def test_a_cell_has_the_dials_of_what_it_declares():
    assert list(study("rnn", **SMALL).dials) == ["gain"]
    assert study("scalar", steps=5, init={"w": 0.5}).dials == {}


def test_the_first_drawing_is_the_cell_as_it_is_and_all_have_one_scale(measured):
    (section,) = SECTION.blocks(measured)
    assert isinstance(section, Details)
    drawings = [block for block in section.blocks if isinstance(block, Drawing)]
    assert [one.dial for one in drawings] == ["forget bias", "gain"]
    for one, curves in zip(drawings, measured.dials.values(), strict=True):
        assert len(one.choices) == len(curves)
        at = list(curves.values())[one.chosen].log_relative
        np.testing.assert_array_equal(at, measured.seeds.decays.log_relative)
        grids = {tuple(m for m in c.wide.marks if m.tone == "grid") for c in one.choices}
        assert len(grids) == 1
    first = drawings[0]
    with pytest.raises(gf.errors.UsageError, match="there are 5 choices"):
        Drawing(
            wide=first.wide,
            narrow=first.narrow,
            title="t",
            dial="gain",
            choices=first.choices,
            chosen=5,
        )
