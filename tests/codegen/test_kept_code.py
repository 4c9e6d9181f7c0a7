"""Compiled code on disk: whose folder and file it has to be, and every way a file can be broken.

The programs run in processes of their own, since what is compiled once stays in a process. A user
with rights over everything cannot be locked out by a mode, so read-only folders are met as files in
the place of folders, and other owners by `os.chown` where the test may.
"""

import hashlib
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gradflow.codegen.targets.numba import folder

numba = pytest.importorskip("numba")
ROOT = os.name == "posix" and os.geteuid() == 0
OTHER = 12345

PROGRAM = """
import numpy as np, gradflow as gf, sys
code = gf.compile("scalar", "numba")
print(float(code.jvp({"w": np.array([0.5])}, np.ones(1), np.ones(1))[0]))
module = next(m for name, m in sys.modules.items() if name.startswith("gradflow_scalar_"))
print(sum(module.jvp.stats.cache_hits.values()))
"""


def ran(cache, count=1, **environment):
    """What so many processes at once print, with a cache folder of their own, warnings errors."""
    env = {**os.environ, "GRADFLOW_CACHE": str(cache), **environment}
    env = {name: value for name, value in env.items() if value is not None}
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    running = [
        subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]
    said = [process.communicate(timeout=200) for process in running]
    assert [err for _, err in said if err] == []
    return [out.split() for out, _ in said]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A file of compiled code that works: its name and content."""
    cache = tmp_path_factory.mktemp("whole")
    assert ran(cache) == [["0.5", "0"]]
    (kept,) = cache.glob("gradflow_scalar_*.jvp.*")
    return kept.name, kept.read_bytes()


def signed(payload):
    """A file with the digest that belongs to its content."""
    return folder._MAGIC + hashlib.sha256(payload).digest() + payload


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_files_are_for_the_user_alone(tmp_path):
    before = os.umask(0)
    try:
        cache = tmp_path / "new"
        ran(cache)
    finally:
        os.umask(before)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in cache.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "broken",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"junk" * 1000,
        lambda content: signed(b""),
        lambda content: signed(b"no pickle"),
        lambda content: signed(pickle.dumps(3)),
        lambda content: signed(b"cno_such_module\nname\n."),
    ],
    ids=["empty", "cut", "one bit", "junk", "no payload", "no pickle", "number", "import"],
)
@pytest.mark.slow
def test_a_broken_file_is_compiled_afresh_and_replaced(broken, whole, tmp_path):
    name, content = whole
    (tmp_path / name).write_bytes(broken(content))
    assert ran(tmp_path) == [["0.5", "0"]]
    assert ran(tmp_path) == [["0.5", "1"]]


def test_a_broken_file_is_no_file(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADFLOW_CACHE", str(tmp_path))
    folder.keep("a", b"payload")
    assert folder.kept("a") == b"payload"
    content = (tmp_path / "a").read_bytes()
    for broken in (b"", content[:10], content[:-1], content + b"x", b"gradflow compiled 2\n"):
        (tmp_path / "a").write_bytes(broken)
        assert folder.kept("a") is None
    (tmp_path / "a").unlink()
    assert folder.kept("a") is None
    (tmp_path / "a").mkdir()
    assert folder.kept("a") is None


@pytest.mark.skipif(os.name != "posix", reason="owners and modes are those of POSIX")
class TestTrust:
    @pytest.fixture
    def cache(self, tmp_path, monkeypatch):
        cache = tmp_path / "above" / "cache"
        monkeypatch.setenv("GRADFLOW_CACHE", str(cache))
        folder.keep("a", b"payload")
        assert folder.kept("a") == b"payload"
        return cache

    @pytest.mark.parametrize("mode", [0o777, 0o1777, 0o772])
    def test_a_folder_that_others_may_write(self, cache, mode):
        cache.chmod(mode)
        assert folder.kept("a") is None
        folder.keep("b", b"payload")
        assert not (cache / "b").exists()
        cache.chmod(0o755)
        assert folder.kept("a") == b"payload"

    def test_a_group_is_trusted_only_if_it_is_the_users_own(self, cache, monkeypatch):
        cache.chmod(0o770)
        for private in (False, True):
            monkeypatch.setattr(folder, "_is_private", lambda group, private=private: private)
            assert (folder.kept("a") is not None) == private

    def test_a_folder_above_that_others_may_rename(self, cache):
        cache.parent.chmod(0o777)
        assert folder.kept("a") is None
        cache.parent.chmod(0o1777)  # as /tmp is
        assert folder.kept("a") == b"payload"

    def test_a_file_that_others_may_write(self, cache):
        (cache / "a").chmod(0o666)
        assert folder.kept("a") is None

    def test_a_link_for_a_file_and_for_the_folder(self, cache, tmp_path, monkeypatch):
        (cache / "b").symlink_to(cache / "a")
        assert folder.kept("b") is None
        (tmp_path / "link").symlink_to(cache)
        monkeypatch.setenv("GRADFLOW_CACHE", str(tmp_path / "link"))
        assert folder.kept("a") == b"payload"
        cache.parent.chmod(0o777)  # of the folder that the link leads to
        assert folder.kept("a") is None

    def test_a_pipe_is_not_waited_for(self, cache):
        os.mkfifo(cache / "pipe", 0o600)
        assert folder.kept("pipe") is None

    @pytest.mark.skipif(not ROOT, reason="only root gives files away")
    def test_other_owners(self, cache, monkeypatch):
        os.chown(cache / "a", OTHER, OTHER)
        assert folder.kept("a") is None
        os.chown(cache / "a", 0, 0)
        for each in (cache, cache.parent):
            os.chown(each, OTHER, OTHER)
            assert folder.kept("a") is None
            # what it says to that other user is yes: the rest is root's
            monkeypatch.setattr(os, "geteuid", lambda: OTHER)
            assert folder.kept("a") == b"payload"
            monkeypatch.undo()
            monkeypatch.setenv("GRADFLOW_CACHE", str(cache))
            os.chown(each, 0, 0)

    def test_what_is_kept_there_never_runs(self, whole, tmp_path):
        name, _ = whole
        cache, made = tmp_path / "cache", tmp_path / "made"
        cache.mkdir()
        (cache / name).write_bytes(signed(pickle.dumps(Bomb(str(made)))))
        cache.chmod(0o777)
        assert ran(cache) == [["0.5", "0"]]
        assert not made.exists()

    def test_the_attack_would_work_on_a_folder_that_is_trusted(self, whole, tmp_path):
        name, _ = whole
        (tmp_path / name).write_bytes(signed(pickle.dumps(Bomb(str(tmp_path / "made")))))
        ran(tmp_path)
        assert (tmp_path / "made").exists()


@pytest.mark.slow
def test_eight_processes_at_once(tmp_path):
    assert ran(tmp_path, count=8) == [["0.5", "0"]] * 8
    assert not list(tmp_path.glob(".*"))
    assert ran(tmp_path, count=8) == [["0.5", "1"]] * 8


def test_without_a_home_nothing_is_kept(monkeypatch):
    monkeypatch.delenv("GRADFLOW_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert folder.chosen_folder() is None
    folder.keep("a", b"payload")
    assert folder.kept("a") is None
    assert folder.all_kept() == frozenset()


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADFLOW_CACHE", str(tmp_path / "cache"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    folder.keep("a", b"payload")
    assert list((tmp_path / "cache").iterdir()) == []


def test_code_of_other_versions_is_not_counted(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADFLOW_CACHE", str(tmp_path))
    folder.keep(f"module.jvp.{folder.versions()}.abc", b"")
    folder.keep("module.vjp.cpython-39-numba-0.1.abc", b"")
    assert folder.all_kept() == {"module.jvp"}
