"""What a new user types and pipes: rounded counts, capitals, loose words, blanks, other letters."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow.cli import main

ENV = {**os.environ, "PYTHONPATH": str(Path(gf.__file__).parents[1])}


def done(words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert not ended.value.code


def refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["report", "lstm", "--seeds", "1.5"],
        ["report", "lstm", "--need=1.5"],
        ["compare", "rnn", "--hidden", "2.0"],
        ["theory", "rnn", "--size", "300.4"],
    ],
)
def test_a_count_is_not_rounded(words, capsys):
    code, said = refused(words, capsys)
    assert code == 2
    assert "is no whole number" in said


def test_a_number_that_need_not_be_whole_keeps_its_point(capsys):
    done(["theory", "rnn", "--input", "0.5", "--size", "256", "--json"])
    half = capsys.readouterr().out
    done(["theory", "rnn", "--input", "0", "--size", "256", "--json"])
    assert capsys.readouterr().out != half


def test_a_misspelt_name_in_capitals_is_asked_about(capsys):
    code, said = refused(["derive", "LSMT"], capsys)
    assert (code, "did you mean 'lstm'?" in said) == (2, True)


def test_a_loose_word_is_named_with_the_command(capsys):
    code, said = refused(["report", "lstm", "gru"], capsys)
    assert code == 2
    assert "gradflow report has no place for 'gru'" in said
    assert "gradflow report --help" in said


@pytest.mark.parametrize("words", [["cells"], ["figure", "--list"], ["theory", "rnn"]])
def test_no_line_in_a_pipe_ends_in_blanks(words, capsys):
    done(words)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_terminal_without_unicode_gets_signs_of_a_keyboard():
    plain = {**ENV, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = subprocess.run(
        [sys.executable, "-m", "gradflow", "theory", "rnn"], env=plain, capture_output=True
    )
    assert ran.returncode == 0
    told = ran.stdout.decode("ascii")
    assert "-1" in told
    assert "?" not in told


def test_the_reason_for_a_missing_exponent_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)  # by which a table would be folded
    monkeypatch.setattr("gradflow.studies.comparison.networks._WIDEST", 2)
    weights = gf.stack("rnn", 1, hidden=3, inputs=1, rng=0).layers[0].params
    np.savez("wide.npz", **weights)
    words = ["compare", "wide.npz", "--steps", "8", "--out", "c.json"]
    done(words)
    told, beside = capsys.readouterr()
    reason = "has no leading exponent: the state has 3 entries, and at most 2 are taken here."
    assert f"wide.npz (npz) {reason}" in told
    assert "rnn is assumed" in beside  # a sentence, and no warning of Python
    assert "UserWarning" not in beside
    done([*words, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["missing"] == [f"wide.npz (npz) {reason}"]
    verdict = found["verdicts"]["wide.npz (npz)"]
    assert (found["need"], verdict["runs"]) == (8, 8)
    assert f"{verdict['word']}, {verdict['reached']} of 8" in told


def test_help_in_a_pipe_keeps_its_lines_and_each_example_its_own(capsys):
    done(["report", "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert "gradflow report lstm --need 100 --out lstm.html" in lines
    assert "gradflow report lstm --layers 2 --out stack.html" in lines
    assert [line for line in lines if line != line.rstrip()] == []
    assert max(map(len, lines)) > 100  # nothing is folded


SHELLS = {
    "bash": 'eval "$(cat comp)"; complete -p gradflow',
    "zsh": 'eval "$(cat comp)"; print -r -- "gradflow $_comps[gradflow]"',
    "fish": 'source comp; complete -C "gradflow report --see"',
}


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_registers_itself_where_the_shell_is_there(shell, tmp_path, capsys):
    done(["completion", shell])
    script = capsys.readouterr().out
    assert "report" in script
    if shell == "zsh":
        assert "\ncompdef _cyclopts_gradflow gradflow\n" in script
    found = shutil.which(shell)
    if found is None:
        return
    (tmp_path / "comp").write_text(script, "utf-8")
    bare = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["-N"]}[shell]
    ran = subprocess.run(
        [found, *bare, "-c", SHELLS[shell]],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    told = {"bash": "_gradflow gradflow", "zsh": "_cyclopts_gradflow", "fish": "--seeds"}[shell]
    assert told in ran.stdout, ran.stderr
