"""Random cells of the language: all routines against each other and differences by order."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracles.agreement import check, draw
from oracles.random_cells import SIZES, cells

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
sizes = {"inputs": SIZES["input"], **SIZES}


def agree(cell, seed):
    params, state, x = draw(cell, np.random.default_rng(seed), **sizes)
    # products and cubes in series may cancel a few of float64's sixteen digits
    check(cell, params, state, x, tight=1e-8)


@given(cells(depth=2), st.integers(0, 5))
@settings(max_examples=25, suppress_health_check=QUIET)
def test_small(cell, seed):
    agree(cell, seed)


@pytest.mark.slow
@given(cells(depth=4), st.integers(0, 5))
@settings(max_examples=60, suppress_health_check=QUIET)
def test_larger(cell, seed):
    agree(cell, seed)
