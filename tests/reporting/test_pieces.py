"""A computation in pieces: what was found is kept, and goes on where it stopped."""

import json
import logging

import pytest

from gradflow.errors import UsageError
from gradflow.reporting.publish import pieces
from gradflow.reporting.publish.pieces import kept

PIECES = [{"n": n, "rates": [0.1, 0.3], "label": "a, b"} for n in (1, 2, 3)]


class Counter:
    """Squares, and which were asked for; one may be interrupted."""

    def __init__(self, stops=None):
        self.asked, self.stops = [], stops

    def __call__(self, n, rates, label):
        if n == self.stops:
            raise KeyboardInterrupt
        self.asked.append(n)
        return {"square": n**2, "third": [n / 3]}


def test_an_interrupted_run_goes_on_with_the_same_numbers(tmp_path):
    whole = kept("x", tmp_path / "whole", Counter(), PIECES)
    assert [one["square"] for one in whole] == [1, 4, 9]
    first, second = Counter(stops=3), Counter()
    with pytest.raises(KeyboardInterrupt):
        kept("x", tmp_path, first, PIECES)
    assert len(json.loads((tmp_path / "x.pieces.json").read_text())["pieces"]) == 2
    assert kept("x", tmp_path, second, PIECES) == whole  # to the last bit
    assert (first.asked, second.asked) == ([1, 2], [3])
    # order and number of pieces may change, what is known stays
    third = Counter()
    assert kept("x", tmp_path, third, PIECES[::-1]) == whole[::-1]
    assert third.asked == []


def test_a_piece_of_other_settings_or_versions_is_measured_again(tmp_path, monkeypatch):
    kept("x", tmp_path, Counter(), PIECES)
    other = Counter()
    kept("x", tmp_path, other, [{**PIECES[0], "rates": [0.1]}, PIECES[1]])
    assert other.asked == [1]
    monkeypatch.setattr(pieces, "versions", lambda libraries: {"gradflow": "another"})
    newer = Counter()
    kept("x", tmp_path, newer, PIECES)
    assert newer.asked == [1, 2, 3]


@pytest.mark.parametrize("torn", ["", "{", "[]", '{"versions": {}}', "null"])
def test_a_torn_file_is_begun_anew(tmp_path, torn):
    (tmp_path / "x.pieces.json").write_text(torn)
    again = Counter()
    kept("x", tmp_path, again, PIECES)
    assert again.asked == [1, 2, 3]


def test_a_quick_run_keeps_nothing(tmp_path, caplog):
    caplog.set_level(logging.INFO, "gradflow.figure")
    assert kept("x", tmp_path, Counter(), PIECES, quick=True)[2] == {"square": 9, "third": [1.0]}
    assert list(tmp_path.iterdir()) == []
    assert caplog.messages == []


def test_every_piece_is_told(tmp_path, caplog):
    caplog.set_level(logging.INFO, "gradflow.figure")
    kept("x", tmp_path, Counter(), PIECES[:2])
    kept("x", tmp_path, Counter(), PIECES)
    assert caplog.messages == [
        "x: 1 of 2, 1, a, b: 0 s",
        "x: 2 of 2, 2, a, b: 0 s",
        "x: 1 of 3, 1, a, b: kept from before",
        "x: 2 of 3, 2, a, b: kept from before",
        "x: 3 of 3, 3, a, b: 0 s",
    ]


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        kept("x", tmp_path / "file" / "deep", Counter(), PIECES)
