"""A file is whole or absent, whatever goes wrong while it is written."""

import os
from pathlib import Path

import pytest

from gradflow.errors import UsageError
from gradflow.files import write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_arrives_byte_for_byte_in_folders_that_were_missing(tmp_path):
    path = tmp_path / "a" / "b" / "page.html"
    write_atomically(path, "σ\r\nπ\n")
    assert path.read_bytes() == "σ\r\nπ\n".encode()
    assert names(path.parent) == ["page.html"]


def test_a_file_is_replaced_and_its_name_may_be_long(tmp_path):
    path = tmp_path / ("x" * 250)
    path.write_text("a much longer text than the next")
    write_atomically(str(path), "new")
    assert path.read_text() == "new"


def test_the_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "other").write_text("")
    write_atomically(tmp_path / "page", "")
    assert (tmp_path / "page").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_link_keeps_pointing_and_its_file_is_replaced(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize("failing", ["open", "replace"])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, failing):
    path = tmp_path / "page.html"
    path.write_text("old")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, failing, fail)
    with pytest.raises(UsageError, match=r"page\.html cannot be written: No space left on device"):
        write_atomically(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["page.html"]


def test_a_failure_halfway_through_the_text_leaves_nothing(tmp_path, monkeypatch):
    class Full:
        def __init__(self, path):
            self.path = path

        def __enter__(self):
            self.path.write_bytes(b"half")
            return self

        def write(self, _):
            raise OSError(28, "No space left on device")

        def __exit__(self, *_):
            pass

    original = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda path, mode="r", **k: Full(path) if mode == "xb" else original(path, mode, **k),
    )
    with pytest.raises(UsageError, match="No space left"):
        write_atomically(tmp_path / "page", "new")
    assert names(tmp_path) == []


def test_a_folder_and_a_device_are_no_files(tmp_path):
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(UsageError, match="is not an ordinary file"):
            write_atomically(path, "x")
    assert not Path(os.devnull).is_file()


def test_a_file_where_a_folder_should_be_is_a_sentence(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_atomically(tmp_path / "a" / "b" / "page", "x")


def test_text_that_is_no_unicode_touches_nothing(tmp_path):
    (tmp_path / "page").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "page", "\ud800")
    assert names(tmp_path) == ["page"]
    assert (tmp_path / "page").read_text() == "old"
