"""Every block of code in docs/declare.md is run, and its tables name what there is."""

import doctest
import inspect
import re
from pathlib import Path

import gradflow as gf
from gradflow.cells.initializers import RULES
from gradflow.cells.language.functions import FUNCTIONS

PAGE = Path(__file__).parent.parent.parent / "docs" / "declare.md"


def test_every_block_runs():
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testfile(str(PAGE), module_relative=False, optionflags=flags)
    FUNCTIONS._added.clear()  # what the page registers is not for other tests
    assert result.attempted >= 18
    assert result.failed == 0


def test_the_tables_name_every_function_argument_and_initializer():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    words = set(re.findall(r"\w+", " ".join(rows)))
    assert set(FUNCTIONS.names()) <= words
    assert set(inspect.signature(gf.Cell).parameters) <= words
    assert set(RULES) - {"clock_periods"} <= words
