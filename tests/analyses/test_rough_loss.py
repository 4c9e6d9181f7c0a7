"""The rough loss: what clipping does and what precedes a jump, in a run of seconds."""

import numpy as np
import pytest

from oracles.drawn import script_module

pytest.importorskip("torch")


def test_clipping_takes_most_jumps_and_a_jump_is_preceded_by_too_long_a_step(quick):
    numbers = quick("rough_loss").numbers
    # float32 descent that jumps is chaotic: another processor has other jumps, of the same kind
    assert numbers["jumps of a run, not clipped"] >= 8
    assert numbers["jumps of a run, clipped"] < 0.7 * numbers["jumps of a run, not clipped"]
    # sixty updates of a small network, on a text that each Python brings: .14 beside .13 and .58 on
    # that of Python 3.13, of which only the side of chance is asserted
    assert numbers["share over 2 before a jump"] > numbers["share over 2 elsewhere"]
    assert numbers["area of rate x curvature, one update ahead"] > 0.5
    assert abs(numbers["area of leading exponent, one update ahead"] - 0.5) < 0.2


def test_a_planted_predictor_is_found_and_one_of_the_past_is_not():
    script = script_module("rough_loss")
    rng = np.random.default_rng(0)
    told = rng.random(200)
    loss = np.ones((1, 200))
    loss[0, 1:] += told[:-1] > 0.8  # a jump follows at once

    class Found:
        held_out, rate_curvature, gradient_norm = loss, told[None], rng.random((1, 200))
        looks = ([type("Look", (), {"exponent": value}) for value in rng.random(200)],)

        @staticmethod
        def jumps():
            return (np.diff(loss, prepend=1.0) > 0.1) & (loss > 1)

    areas, shares, count = script.foretold(Found, 10)
    assert areas[0, 0, 1] > 0.9  # two high values in a row are one rise
    assert abs(areas[1, 0, 1] - 0.5) < 0.15  # 30 events among 190: a spread of .06
    assert areas[0, 1, 1] < 0.6  # after a rise there is rarely another
    assert count > 10
    assert shares == (0.0, 0.0)
