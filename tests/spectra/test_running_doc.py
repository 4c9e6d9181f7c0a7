"""Every block of code in docs/running.md is run."""

import contextlib
import doctest
import io
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "running.md"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_every_block_runs():
    result = doctest.testfile(str(PAGE), module_relative=False, optionflags=FLAGS)
    assert result.attempted >= 20
    assert result.failed == 0


def test_a_wrong_line_would_be_seen(tmp_path):
    wrong = tmp_path / "running.md"
    wrong.write_text(PAGE.read_text().replace("-5.1", "-5.2"))
    with contextlib.redirect_stdout(io.StringIO()):
        result = doctest.testfile(str(wrong), module_relative=False, optionflags=FLAGS)
    assert result.failed == 1
