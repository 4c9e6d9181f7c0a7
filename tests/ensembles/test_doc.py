"""Every block of code in docs/mean-field.md is run."""

import contextlib
import doctest
import io
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "mean-field.md"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_every_block_runs():
    result = doctest.testfile(str(PAGE), module_relative=False, optionflags=FLAGS)
    assert result.attempted >= 18
    assert result.failed == 0


def test_a_wrong_line_would_be_seen(tmp_path):
    wrong = tmp_path / "mean-field.md"
    wrong.write_text(PAGE.read_text().replace("-0.48]", "-0.49]"))
    with contextlib.redirect_stdout(io.StringIO()):
        result = doctest.testfile(str(wrong), module_relative=False, optionflags=FLAGS)
    assert result.failed == 1
