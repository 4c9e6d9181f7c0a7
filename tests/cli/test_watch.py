"""``gradflow watch``: checkpoints afterwards, the same numbers as a watch beside the loop."""

import json
import math

import numpy as np
import pytest

import gradflow as gf
from gradflow.cli import main

X = np.random.default_rng(0).standard_normal((3, 9, 2))


def checkpoints(folder, count=3):
    """Save a network whose recurrent map shrinks, and its input."""
    params = gf.cells.lstm.init(hidden=3, inputs=2, rng=0)
    files = []
    for k in range(count):
        scaled = {n: a * 0.5**k if n.startswith("U") else a for n, a in params.items()}
        files.append(folder / f"run1-{50 * k}.npz")
        np.savez(files[-1], **scaled)
    np.save(folder / "x.npy", X)
    return [str(f) for f in files], params


def asked(*words):
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return ended.value.code


def run(capsys, *words):
    assert asked("watch", *words) == 0
    return capsys.readouterr().out


def test_the_numbers_are_those_of_each_file(tmp_path, capsys):
    files, params = checkpoints(tmp_path)
    found = json.loads(run(capsys, *files, "--input", str(tmp_path / "x.npy"), "--json"))
    assert found["update"] == [0, 50, 100]
    assert found["lags"] == list(range(9))
    row = np.random.default_rng(0).standard_normal(3) / math.sqrt(3)
    for k, reach in enumerate(found["log_reach"]):
        scaled = {n: a * 0.5**k if n.startswith("U") else a for n, a in params.items()}
        ran = gf.run("lstm", scaled, X)
        logs = ran.gradient_decay(ran.covector({"h": row})).log_norm
        assert np.abs(np.array(reach) - (logs - logs[:, :1])[:, :9]).max() < 1e-10
    lines = run(capsys, *files, "--input", str(tmp_path / "x.npy"), "--lag", "3").splitlines()
    assert lines[0] == "lag 3"
    assert len(lines) == 5


def test_files_are_taken_by_their_update_and_drawn(tmp_path, capsys):
    files, _ = checkpoints(tmp_path)
    words = ["--input", str(tmp_path / "x.npy")]
    ordered = run(capsys, *files, *words)
    picture = tmp_path / "reach.svg"
    assert run(capsys, *files[::-1], *words, "--out", str(picture)) == ordered
    assert "lag (steps)" not in ordered
    assert picture.read_bytes().startswith(b"<?xml")
    # a shell gives run-100 before run-50; names that all end alike are taken as they come
    alike = [tmp_path / f"{name}-v1.npz" for name in "ab"]
    for old, new in zip(files, alike, strict=False):
        new.write_bytes((tmp_path / old).read_bytes())
    told = json.loads(run(capsys, *map(str, alike), *words, "--json"))
    assert told["update"] == [0, 1]
    assert asked("watch", *files, *words, "--out", str(tmp_path / "reach.gif")) == 2
    assert "gif" in capsys.readouterr().err
    assert asked("watch", files[0], *words, "--out", str(picture)) == 2
    assert "1 looks at 9 lags" in capsys.readouterr().err


def test_one_sequence_from_a_table(tmp_path, capsys):
    files, _ = checkpoints(tmp_path, 1)
    np.savetxt(tmp_path / "x.csv", X[0], delimiter=",", fmt="%.17g")
    np.save(tmp_path / "one.npy", X[0])
    found, want = (
        json.loads(run(capsys, *files, "--input", str(tmp_path / name), "--json"))
        for name in ("x.csv", "one.npy")
    )
    assert found == want


def test_both_directions_are_sent_to_the_diagnosis(tmp_path, capsys):
    rng = np.random.default_rng(0)
    shapes = {"weight_ih_l0": (4, 2), "weight_hh_l0": (4, 4)}
    both = {f"{n}{end}": rng.normal(size=s) for n, s in shapes.items() for end in ("", "_reverse")}
    np.savez(tmp_path / "both.npz", **both)
    np.save(tmp_path / "x.npy", X)
    words = [str(tmp_path / "both.npz"), "--input", str(tmp_path / "x.npy")]
    assert asked("watch", *words) == 2
    assert "each direction by itself" in capsys.readouterr().err


def test_what_is_missing_is_told(tmp_path, capsys):
    files, _ = checkpoints(tmp_path, 1)
    assert asked("watch", *files) == 2
    assert "no --input" in capsys.readouterr().err
    assert asked("watch", *files, "--input", str(tmp_path / "none.csv")) == 3
    assert "none.csv cannot be read" in capsys.readouterr().err
    assert asked("watch", *files, "--input", str(tmp_path / "none.npy")) == 3
    assert "--input:" in capsys.readouterr().err
    assert asked("watch", *files, "--input", str(tmp_path / "x.npy"), "--lag", "10") == 2
    assert "a lag is 10; it must be a whole number from 0 to 9" in capsys.readouterr().err
    (tmp_path / "odd.npy").write_text("1 2 3", "utf-8")
    assert asked("watch", *files, "--input", str(tmp_path / "odd.npy")) == 3
    assert "is no file of NumPy" in capsys.readouterr().err
    (tmp_path / "text.npy").write_bytes(b"")
    assert asked("watch", *files, "--input", str(tmp_path / "text.npy")) == 3
    np.save(tmp_path / "wide.npy", np.ones((2, 5, 3)))
    assert asked("watch", *files, "--input", str(tmp_path / "wide.npy")) == 2
    assert "input" in capsys.readouterr().err
