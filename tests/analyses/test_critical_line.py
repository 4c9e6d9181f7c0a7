"""The critical lines against the exponents they are drawn from and a network by hand."""

import pytest

import gradflow as gf
from gradflow.reporting.publish.scripts import find_script

SMALL = (0.0, 0.05)


def test_the_line_is_where_theory_changes_sign(quick):
    numbers = quick("critical_line").numbers
    how = {"method": "sampled", "size": 256, "populations": 2, "steps": 20}
    laws = {"b_f": SMALL, "b_i": SMALL, "b_o": SMALL, "b_g": SMALL}
    low, high = (
        gf.mean_field("lstm", gains=g, biases=laws, tied=False, **how).exponent for g in (3.0, 5.5)
    )
    assert low < 0 < high
    found = numbers["critical gain at bias 0, fresh"]
    assert found == pytest.approx(3.0 + 2.5 * low / (low - high), abs=1e-12)
    # the published grid gives 3.86 by linear interpolation, with 2000 units and finer gains
    assert found == pytest.approx(3.86, abs=0.2)


def test_an_open_gate_brings_chaos_down_in_gain(quick):
    numbers = quick("critical_line").numbers
    for word in ("tied", "fresh"):
        at = [numbers[f"critical gain at bias {b}, {word}"] for b in (0, 2)]
        assert at[1] < at[0]
    assert numbers["critical gain at bias 0, tied"] < numbers["critical gain at bias 0, fresh"]
    assert (
        numbers["rms of theory less networks, tied"] < numbers["rms of theory less networks, fresh"]
    )


def test_fresh_weights_are_no_theory_of_kept_ones_but_of_fresh_ones(quick):
    off = [
        quick("critical_line").numbers[f"rms of theory less networks, {pair}"]
        for pair in ("fresh beside fresh networks", "fresh")
    ]
    assert off[0] < 0.05
    assert off[0] < off[1] / 2


@pytest.mark.slow
def test_the_whole_diagram_has_the_right_signs(tmp_path):
    numbers = find_script("critical_line").run(tmp_path, formats=["png"])
    redrawn = "fresh beside fresh networks"
    for pair in ("tied", redrawn):
        away = numbers[f"points away from the line, {pair}"]
        assert away >= 40
        assert numbers[f"of these with the right sign, {pair}"] >= 0.95 * away
    assert numbers["rms of theory less networks, tied"] < 0.03
    assert numbers[f"rms of theory less networks, {redrawn}"] < 0.015
    # what the literature's fresh weights say of networks that keep theirs
    away = numbers["points away from the line, fresh"]
    assert numbers["of these with the right sign, fresh"] < 0.85 * away
