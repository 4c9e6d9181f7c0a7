"""The command that a comparison prints gives the same comparison, run in a shell."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.reporting.compared import command_of

FILE = Path(__file__).parents[1] / "networks/files/lstm_1layer.safetensors"


def in_shell(told, folder):
    """Run a printed command as a shell would, by this interpreter."""
    assert told.startswith("gradflow compare ")
    words = told.replace("gradflow", f"{shlex.quote(sys.executable)} -m gradflow", 1)
    root = str(Path(gf.__file__).parents[1])
    done = subprocess.run(
        words,
        shell=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_what_python_prints_is_a_command_that_repeats_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my net.safetensors").write_bytes(FILE.read_bytes())
    cells = ["my net.safetensors", ("rnn", {"U": gaussian(1.5)}), gf.cells.irnn]
    gf.compare(cells, "c.json", hidden=3, steps=12, seeds=2, need=5)
    first = json.loads(Path("c.json").read_text("utf-8"))
    told = first["provenance"]["Command"]
    assert "'my net.safetensors'" in told
    Path("c.json").unlink()
    in_shell(told, tmp_path)
    again = json.loads(Path("c.json").read_text("utf-8"))
    assert again["provenance"].pop("Command") == told
    first["provenance"].pop("Command")
    assert again == first
    # planted: another seed is another report
    in_shell(told.replace("--seed 0", "--seed 1"), tmp_path)
    assert json.loads(Path("c.json").read_text("utf-8")) != again


def test_what_no_shell_can_name_has_no_command():
    other = gf.Cell(name="mine", state="h", maps="U", equations="h_next = tanh(U @ h)")
    network = gf.stack("rnn", 1, hidden=2, inputs=1, rng=0)
    for one in (network, other, ("rnn", {"U": [[0.5]]})):
        assert command_of([one], Path("c.html"), {}) == ""
    assert command_of([("lstm", {"forget_bias": 3})], Path("c.html"), {"need": None}) == (
        "gradflow compare lstm:forget_bias=3 --out c.html"
    )
