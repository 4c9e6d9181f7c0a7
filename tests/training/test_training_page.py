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


def test_the_table_of_tasks_has_the_medians_of_its_file():
    text = (DOCS / "lecture.md").read_text("utf-8")
    numbers = json.loads((DOCS / "lecture" / "identity_tasks.json").read_text("utf-8"))["numbers"]
    cells = {
        "irnn": "identity, W of scale 1",
        "irnn, small W": "identity, W of scale 0.001",
        "lstm": "LSTM, forget bias 1",
        "gru": "GRU",
        "rnn": "vanilla",
        "rnn, orthogonal": "vanilla, orthogonal",
        "clockwork": "clockwork",
        "scrn": "SCRN",
    }
    tasks = [key.partition(": who")[0] for key in numbers if key.endswith(": who knows nothing")]
    for cell, title in cells.items():
        row = re.search(rf"^\| {re.escape(title)} \|(.*)\|$", text, re.MULTILINE)[1].split("|")
        assert len(row) == len(tasks)
        for task, told in zip(tasks, row, strict=True):
            found = [float(word) for word in re.findall(r"\d\.\d+", told)]
            ends = ("", ", lowest seed", ", highest seed")
            wanted = [numbers[f"{task}: {cell}{end}"] for end in ends]
            assert found == pytest.approx(wanted, abs=0.0051 if "characters" in task else 0.00051)
            assert found != pytest.approx([1.2 * w for w in wanted], abs=5e-5)
