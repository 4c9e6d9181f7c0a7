"""docs/training.md: its blocks are run; docs/lecture.md: its numbers are those of its files."""

import json
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def test_the_blocks_of_the_page_run():
    pytest.importorskip("torch")
    text = (DOCS / "training.md").read_text("utf-8")
    told = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", text, re.S)), told)
    watched, found = told["watched"], told["found"]
    assert watched.update.tolist() == [0, 50, 100, 150, 200]
    assert len(watched.loss) == 200
    assert (watched.norm[1:] > 0).all()
    assert found.reach().shape == (4, 3, 6, 1)
    from gradflow import training

    tasks = {n for n in training.__all__ if n.islower() and n not in ("train", "watch")}
    assert tasks <= set(re.findall(r"`(\w+)\(", text))


def test_the_lecture_says_what_its_files_say():
    text = " ".join((DOCS / "lecture.md").read_text("utf-8").split())
    files = sorted((DOCS / "lecture").glob("*.json"))
    assert files
    for file in files:
        record = json.loads(file.read_text("utf-8"))
        assert record["answer"] in text, file.name
        assert record["quick"] is False
        assert f"lecture/{file.stem}.svg" in text
        assert file.with_suffix(".svg").is_file()
