"""In CI a skipped test fails the run and is named; elsewhere it does not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = {
    "test_body.py": "import pytest\ndef test_it():\n    pytest.skip('no such thing')\n",
    "test_mark.py": "import pytest\n@pytest.mark.skip(reason='later')\ndef test_it(): pass\n",
    "test_module.py": "import pytest\npytest.importorskip('nonsense')\n",
}
PASSES = "import pytest\ndef test_it(): pass\n@pytest.mark.xfail\ndef test_bug(): assert 0\n"


def run(folder, ci, *arguments):
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, str(folder)],
        cwd=folder,
        env=os.environ | {"CI": ci},
        capture_output=True,
        text=True,
    )


def put(folder, files):
    for name, text in files.items():
        (folder / name).write_text(text)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_every_kind_of_skip_fails_ci_and_is_named(tmp_path, workers):
    put(tmp_path, TESTS | {"test_passes.py": PASSES})
    done = run(tmp_path, "true", "-n", workers)
    assert done.returncode == 1, done.stdout
    named = done.stdout.partition("skipped tests are failures in CI")[2]
    assert all(f"\n{name}" in named for name in TESTS), done.stdout
    assert "3 skipped" in done.stdout.splitlines()[-1]


def test_a_skip_is_allowed_elsewhere(tmp_path):
    put(tmp_path, TESTS | {"test_passes.py": PASSES})
    done = run(tmp_path, "")
    assert done.returncode == 0, done.stdout
    assert "failures in CI" not in done.stdout


def test_ci_without_skips_passes(tmp_path):
    put(tmp_path, {"test_passes.py": PASSES})
    assert run(tmp_path, "true").returncode == 0
