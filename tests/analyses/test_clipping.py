"""Norm clipping: what it bounds, what it leaves, and a clipping that would be caught."""

import numpy as np
import pytest

from gradflow.networks import read_sequence
from gradflow.spectra import log_clip_factor
from oracles.drawn import script_module


@pytest.fixture(scope="module")
def script():
    return script_module("clipping")


def test_no_gradient_is_above_the_threshold_and_small_ones_are_untouched(quick, script):
    numbers = quick("clipping").numbers
    # the exponential of a sum of two logarithms of up to 32
    assert numbers["largest norm after clipping"] <= script.THRESHOLD * (1 + 1e-14)
    assert numbers["most a gradient under the threshold changes"] == 0
    assert 0 < numbers["gradients clipped, percent"] < 100


def test_the_exploding_side_is_cut_and_the_vanishing_side_is_not(quick):
    numbers = quick("clipping").numbers
    assert numbers["log10 of the whole, largest gain"] > 3
    before = numbers["log10 of lags beyond 20, least gain"]
    assert before < -6
    assert numbers["log10 of lags beyond 20 after, least gain"] == before


def test_no_lag_changes_its_share(quick):
    # one product and one quotient a share
    assert quick("clipping").numbers["most a lag's share changes"] < 1e-14


@pytest.mark.parametrize("gain", [0.5, 3.0])
def test_the_components_are_the_gradient_and_algorithm_1_keeps_its_direction(
    script, gain, tmp_path
):
    text = tmp_path / "text.txt"  # the default text is each Python's own
    text.write_text("it was the best of times, it was the worst of times, it was the age of wisdom")
    parts = script.components(gain, 0, read_sequence(text, 30), 8)
    whole = parts.sum(axis=0)
    norm = np.linalg.norm(whole)
    # Algorithm 1 as it is printed
    cut = script.THRESHOLD / norm * whole if norm >= script.THRESHOLD else whole
    factor = np.exp(log_clip_factor(np.log(norm), script.THRESHOLD))
    np.testing.assert_allclose(factor * whole, cut, rtol=1e-14)
    assert (factor < 1) == (gain == 3.0)


def test_clipping_by_value_would_change_the_shares(script):
    """The planted error: each entry cut by itself is another operation, and it is seen."""
    parts = script.components(3.0, 0, read_sequence(None, 30), 8)
    wrong = np.clip(parts, -1e-3, 1e-3)
    share, same = (np.linalg.norm(p, axis=1) / np.linalg.norm(p) for p in (parts, wrong))
    assert np.abs(same / share - 1).max() > 0.1
