"""The words after ``--init``: what they mean, what is refused, and that printed rules read back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradflow.cells.initializers import (
    RULES,
    Initializer,
    chrono,
    constant,
    gaussian,
    glorot,
    identity,
    identity_plus_noise,
    orthogonal,
)
from gradflow.cli.choices import read_choices
from gradflow.errors import UsageError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        ("orthogonal", {"recurrent": orthogonal()}),
        ("gaussian:1.5", {"recurrent": gaussian(1.5)}),
        (
            " recurrent=identity:0.5 , b_f=constant:3",
            {"recurrent": identity(0.5), "b_f": constant(3)},
        ),
        ("identity_plus_noise:1:0.02", {"recurrent": identity_plus_noise(1, 0.02)}),
        ("input_maps=glorot", {"input_maps": glorot()}),
        ("forget_bias:3", {"forget_bias": 3.0}),
        ("chrono:200,W=gaussian", {"chrono": 200.0, "W": gaussian()}),
        ("b_f=chrono:50", {"b_f": chrono(50)}),
        ("gaussian:1e-3,", {"recurrent": gaussian(1e-3)}),
    ],
)
def test_read_choices(text, wanted):
    assert read_choices(text) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("xavier", "unknown rule 'xavier' in 'xavier'; known are gaussian"),
        ("b_f=3x", "unknown rule '3x' in 'b_f=3x'"),
        ("gaussian:much", "'gaussian:much' holds no number"),
        ("gaussian:nan", "'gaussian:nan' holds no number"),
        ("gaussian:inf", "'gaussian:inf' holds no number"),
        ("gaussian:", "'gaussian:' holds no number"),
        ("gaussian:1:2", "'gaussian:1:2' has the wrong count"),
        ("constant", "'constant' has the wrong count"),
        ("b_f=chrono:1", "longest memory 1.0; it must be above 2"),
        ("glorot:3", "'glorot:3' has the wrong count"),
        ("=", "unknown rule ''"),
    ],
)
def test_read_choices_refuses(text, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        read_choices(text)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["gaussian", "constant"]))
def test_the_printed_form_is_read_back_exactly(number, rule):
    initializer = Initializer(rule, (number,))
    assert read_choices(str(initializer)) == {"recurrent": initializer}


def test_every_rule_prints_and_reads_back():
    values = {"constant": (0.1,), "chrono": (200.0,), "clock_periods": (4.0,)}
    for rule, make in RULES.items():
        initializer = make(*values.get(rule, ()))
        target = "q=" if rule == "chrono" else ""
        found = read_choices(f"{target}{initializer}")
        assert list(found.values()) == [initializer], rule
