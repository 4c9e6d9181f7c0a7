"""Each analysis is run once in quick mode and shared by all tests that look at it."""

from functools import cache

import pytest

from oracles.drawn import Drawn


@pytest.fixture(scope="session")
def quick(tmp_path_factory):
    """``quick(name)``: the script run in quick mode with its defaults, once a session."""

    @cache
    def drawn(name):
        return Drawn(name, tmp_path_factory.mktemp(name) / "out")

    return drawn
