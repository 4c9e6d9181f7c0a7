"""What surrounds a call: threads, other processes, locales, pipes, disks, interrupts, odd names.

Commands run as processes, on the smallest report there is.
"""

import copy
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields, is_dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.library.rnn import rnn_with
from gradflow.spectra import Loss, error_surface
from gradflow.studies.diagnosis.draws import diagnose_draws
from oracles.calls import watched
from oracles.runs import work

SMALL = ["report", "lstm", "--hidden", "3", "--steps", "8"]
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and devices are those of POSIX")
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
WEIGHTS = Path(__file__).parent / "networks/files/lstm_1layer.safetensors"
ROOT = os.name == "posix" and os.geteuid() == 0


def ask(*words, out=subprocess.PIPE, warnings="error", **environment):
    """Run a command; warnings are errors."""
    return subprocess.run(
        [sys.executable, "-W", warnings, "-m", "gradflow", *map(str, words)],
        env={**os.environ, **environment},
        stdout=out,
        stderr=subprocess.PIPE,
        timeout=300,
    )


def assert_equal(found, wanted):
    for seed, (one, two) in enumerate(zip(found, wanted, strict=True)):
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=str(seed))


def test_eight_threads_at_once():
    wanted = [work(seed) for seed in range(16)]
    with ThreadPoolExecutor(8) as pool:
        assert_equal(list(pool.map(work, range(16))), wanted)


def test_eight_threads_declare_derive_and_compile_at_once():
    def declared(i):
        cell = gf.Cell(
            name=f"cell{i % 2}",
            state="h",
            maps="U",
            vectors="b",
            equations=f"h_next = tanh(U @ h + {i % 2 + 1} * b)",
        )
        code = gf.compile(cell, "numpy")
        return gf.jacobian(cell).latex(), code.source

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(declared, range(16)))
    assert len(set(found)) == 2
    assert found == [declared(i) for i in range(16)]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(method):
    if method == "fork" and os.name != "posix":
        pytest.skip("there is no fork")
    wanted = [work(seed) for seed in range(4)]
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        assert_equal(list(pool.map(work, range(4))), wanted)


def squared_error(run):
    """A loss of the last state."""
    last = run.flat_states[-1]
    return Loss((last[0] - 1) ** 2, 2 * (last - 1), "squared error")


def results():
    """A result of every kind that the public calls return, by name."""
    cell = gf.cells.get("lstm")
    params = cell.init(hidden=3, inputs=2, rng=0, forget_bias=1.0)
    run = gf.run(cell, params, np.random.default_rng(0).standard_normal((20, 2)))
    u = np.ones(run.width)
    rnn, one = gf.cells.get("rnn"), {"U": [[5.0]], "W": [[0.0]], "b": [0.0]}
    across, up = (("w", 0), [0.5, 1.0]), ({"w": [0.0]}, [0.0])
    weights = rnn.init(hidden=2, inputs=1, rng=0)
    return {
        "cell": cell,
        "jacobian": gf.jacobian(cell),
        "bptt": gf.bptt(cell),
        "code": gf.compile(cell),
        "bound": gf.compile(cell).bind(params),
        "run": run,
        "decay": run.decay(),
        "gradient_decay": run.gradient_decay(u),
        "paths": run.paths(u),
        "parameter_gradient": run.parameter_gradient(u, lags=2),
        "truncation": run.truncation(u, [2]),
        "singular_values": run.singular_values([1, 5]),
        "product_eigenvalues": run.product_eigenvalues(),
        "lyapunov": run.lyapunov(),
        "conditional exponents": run.conditional_exponents("h"),
        "finite_time_exponents": run.finite_time_exponents(5),
        "covariant_vectors": run.covariant_vectors(leading=2),
        "leading_exponents": gf.leading_exponents(rnn, weights, np.zeros((30, 1))),
        "fixed_points": gf.fixed_points(rnn, weights),
        "claims of a cell": gf.prove("scalar"),
        "claims of numbers": gf.prove(rnn, weights),
        "asymptote": run.gradient_decay(u).asymptote(),
        "network": gf.read(WEIGHTS),
        "watched": watched(),
        "diagnosis": gf.diagnose(gf.stack("rnn", 1, hidden=2, inputs=1, rng=0), need=3),
        "draws": diagnose_draws(
            gf.diagnose(gf.stack("rnn", 1, hidden=2, inputs=1, rng=0), need=3),
            {1: gf.stack("rnn", 1, hidden=2, inputs=1, rng=1)},
        ),
        "course": gf.studies.course([gf.stack("rnn", 1, hidden=2, inputs=1, rng=0)] * 2, need=3),
        "fault": gf.locate("scalar", {"w": 1e300}, state=[1e10], steps=3),
        "branch": gf.continue_fixed_points(rnn_with("sigmoid"), one, "b", (-4, -1)),
        "error_surface": error_surface(
            "scalar", {"w": [0.5]}, squared_error, across, up, state=[1.0], steps=3
        ),
        "decay of a stream": gf.stream_gradient_decay("scalar", {"w": 0.5}, None, [1.0], steps=9),
    }


def same(one, two):
    """Whether two results hold the same, arrays and nested records included."""
    if isinstance(one, np.ndarray):
        return isinstance(two, np.ndarray) and np.array_equal(one, two, equal_nan=True)
    if type(one) is not type(two):
        return False
    if isinstance(one, Mapping):
        return list(one) == list(two) and all(same(one[k], two[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(same, one, two))
    if is_dataclass(one):
        with suppress(ValueError):  # it holds arrays and compares them as a whole
            if one == two:
                return True
        # what is made once is made again
        names = [f.name for f in fields(one) if f.name != "_once"]
        return all(same(getattr(one, name), getattr(two, name)) for name in names)
    if type(one).__eq__ is object.__eq__:  # a function of generated code, for one
        return getattr(one, "__name__", repr(type(one))) == getattr(
            two, "__name__", repr(type(two))
        )
    return bool(one == two)


@pytest.fixture(scope="module")
def found():
    return results()


def test_results_are_pickled_and_copied(found):
    for name, result in found.items():
        for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
            assert same(again, result), name
            assert repr(again) == repr(result), name
    assert repr(found["run"].decay()) == repr(pickle.loads(pickle.dumps(found["run"])).decay())


def test_every_public_result_is_among_those_tried(found):
    """The classes of results at the top of the package, but those that are made of one tried."""
    classes = {name for name in gf.__all__ if isinstance(getattr(gf, name), type)}
    seen = {type(result).__name__ for result in found.values()}
    assert classes - seen <= {"Report", "Study"}, classes - seen


def test_the_comparison_sees_a_digit():
    one = gf.stream_gradient_decay("scalar", {"w": 0.5}, None, [1.0], steps=9)
    two = gf.stream_gradient_decay("scalar", {"w": 0.5001}, None, [1.0], steps=9)
    assert same(one, one)
    assert not same(one, two)


def test_commands_where_warnings_are_errors(tmp_path):
    for words in (["cells"], ["derive", "gru"], [*SMALL, "--out", tmp_path / "a.html"]):
        ran = ask(*words)
        assert (ran.returncode, ran.stderr.strip()) == (0, b""), words
    assert ask("figure", "--list").returncode == 0


@POSIX
@pytest.mark.parametrize(
    "words", [["cells"], ["derive", "lstm", "--format", "json"], ["figure", "--list"], SMALL]
)
def test_an_ascii_locale(tmp_path, words):
    """Letters that the terminal lacks are escaped; files are UTF-8 whatever it is."""
    out = os.fsencode(tmp_path) + "/é σ.html".encode()
    here = [*words, "--out", out] if words is SMALL else words
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "gradflow", *here],
        env={**os.environ, **ASCII},
        capture_output=True,
        timeout=300,
    )
    assert (ran.returncode, ran.stderr.strip()) == (0, b"")
    assert ran.stdout.isascii()
    if "json" in words:
        assert json.loads(ran.stdout)
    if words is SMALL:
        page = Path(os.fsdecode(out)).read_bytes().decode("utf-8")
        assert "σ" in page or "&sigma;" in page or "lstm" in page


@POSIX
@pytest.mark.parametrize("words", [["cells"], ["derive", "lstm", "--format", "json"], SMALL])
def test_nobody_reads_the_output(tmp_path, words):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = ask(*words, *(["--out", tmp_path / "a.html"] if words is SMALL else []), out=writing)
    finally:
        os.close(writing)
    assert (ran.returncode, ran.stderr.strip()) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [["cells"], ["derive", "lstm", "--format", "json"], SMALL])
def test_a_full_disk(tmp_path, words):
    with open("/dev/full", "wb") as full:
        ran = ask(*words, *(["--out", tmp_path / "a.html"] if words is SMALL else []), out=full)
    said = " ".join(ran.stderr.decode().split())
    assert ran.returncode == 3
    assert said == (
        "gradflow: a file or the output cannot be written or read (No space left on device)."
    )


@pytest.mark.slow
@POSIX
def test_an_interrupt_leaves_no_half_file(tmp_path):
    """Ctrl-C at several moments: 130, one line, and the page before is there, whole."""
    out = tmp_path / "a.html"
    out.write_text("the page before")
    ended = []
    for wait in (2.0, 4.0):
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gradflow",
                "report",
                "lstm",
                "--hidden",
                "64",
                "--out",
                str(out),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=100)
        ended.append(process.returncode)
        if b"interrupted" in error:
            assert process.returncode == 130
            assert b"Traceback" not in error
        assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
        assert out.read_text() == "the page before"
    # the first may come before Python has its handler for it
    assert ended[-1] == 130


@POSIX
def test_a_folder_that_cannot_be_written(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    (folder / "file").touch() if ROOT else None
    place = folder / "file" / "a.html" if ROOT else folder / "a.html"
    ran = ask(*SMALL, "--out", place)
    assert ran.returncode == 2
    assert ran.stderr.count(b"gradflow: ") == 1
    assert b"cannot be written" in ran.stderr
    assert b"Traceback" not in ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["with space", "é σ 漢", "new\nline", "quo'te\"s", "-dash"])
def test_names_of_files(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    data = folder / f"{name}.csv"
    np.savetxt(data, np.random.default_rng(0).standard_normal((9, 2)), delimiter=",")
    out = folder / f"{name}.html"
    ran = ask(*SMALL, "--input", data, "--out", out)
    assert (ran.returncode, ran.stderr.strip()) == (0, b"")
    assert out.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in folder.iterdir()) == sorted([data.name, out.name])
