"""Areas and trends against the loops they stand for."""

import numpy as np
import pytest

from gradflow.errors import UsageError
from gradflow.training.events import area, detrended, share_over


def naive_area(values, event):
    pairs = [
        1.0 if a > b else 0.5 if a == b else 0.0 for a in values[event] for b in values[~event]
    ]
    return sum(pairs) / len(pairs)


def test_an_area_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = rng.integers(0, 6, 30).astype(float)
        event = rng.random(30) < 0.4
        event[:2] = True, False
        assert area(values, event) == pytest.approx(naive_area(values, event), abs=1e-12)
        values[0] = 100.0
        assert area(values, event) != area(-values, event)  # the oracle is no constant
    assert np.isnan(area([1.0, 2.0], [True, True]))
    assert area([-np.inf, np.inf], [False, True]) == 1.0


def test_a_trend_is_the_median_of_what_was_before():
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    found = detrended(values, window=3)
    wanted = [0.0, 1 - 3, 4 - 2.0, 1 - 3.0, 5 - 1.0]
    assert found.tolist() == wanted
    # what only drifts tells nothing once the trend is out, and all before
    drift, late = np.arange(60.0), np.arange(60) > 40
    assert area(drift, late) == 1.0
    assert area(detrended(drift, 5)[6:], late[6:]) == 0.5
    assert not detrended([]).size


def test_shares_on_both_sides():
    assert share_over([3.0, 1.0, 3.0, 3.0], [True, True, False, False], 2) == (0.5, 1.0)


def test_lengths_have_to_fit():
    with pytest.raises(UsageError, match="2 values and 1 entries"):
        area([1.0, 2.0], [True])
