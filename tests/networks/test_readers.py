"""Readers are found by a file's ending, gradflow's own and other packages'."""

from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import InputError
from gradflow.networks import READERS, Reader, read_sequence, readers

TABLE = np.arange(12.0).reshape(6, 2) - 3.5


def write(reader, path):
    """A file that holds TABLE, for each reader of gradflow's own."""
    match path.suffix:
        case ".npy":
            np.save(path, TABLE)
        case ".npz":
            np.savez(path, x=TABLE)
        case ".csv":
            np.savetxt(path, TABLE, delimiter=",")
        case _:
            raise AssertionError(f"{reader} needs a file here")


def test_the_registry_covers_the_folder():
    files = {path.stem for path in Path(readers.__file__).parent.glob("*.py")}
    assert set(READERS.names()) == files - {"__init__", "reader", "arrays"}


@pytest.mark.parametrize("name", READERS.names())
def test_every_reader_reads_and_refuses(name, tmp_path):
    reader = READERS.get(name)
    assert reader.reads
    for suffix in reader.suffixes:
        assert suffix == suffix.lower()
        path = tmp_path / f"x{suffix}"
        write(name, path)
        np.testing.assert_array_equal(reader.read(path.read_bytes(), "x"), TABLE)
        np.testing.assert_array_equal(read_sequence(path, 6).values, TABLE)
        assert suffix in readers.kinds()
    with pytest.raises(InputError, match=r"^where it is"):
        reader.read(b"no such thing\n,", "where it is")


def test_no_two_readers_claim_one_ending():
    claimed = [suffix for reader in READERS for suffix in reader.suffixes]
    assert len(set(claimed)) == len(claimed)


def test_a_reader_from_outside_is_used_wherever_an_input_is(tmp_path, monkeypatch):
    def read(content, where):
        return np.array([[float(word)] for word in content.decode().split()])

    mine = Reader(suffixes=(".words",), reads="numbers between blanks", read=read)
    path = tmp_path / "x.WORDS"
    path.write_text("1 2 3 5 8")
    assert read_sequence(path, 3).symbols is not None
    monkeypatch.setitem(READERS._added, "words", mine)
    assert read_sequence(path, 3).values.tolist() == [[1.0], [2.0], [3.0]]
    page = gf.report("rnn", tmp_path / "p.html", hidden=2, steps=3, input=str(path)).path
    assert "x.WORDS" in page.read_text("utf-8")
    with pytest.raises(InputError, match=r"a \.npy, \.npz, \.csv, \.words or UTF-8 text file"):
        read_sequence(tmp_path / "none.npy", 3)
