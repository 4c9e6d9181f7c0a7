"""Nothing raw on the command line: wrong words at every option of every command, limits outside."""

import inspect
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow.cli import app, main

NETWORK = str(Path(__file__).parents[1] / "networks/files/lstm_1layer.safetensors")
# the options of each command, and words that make a valid call of it
VALID = {
    "cells": [],
    "derive": ["scalar", "--format", "text"],
    "completion": ["bash"],
    "run": ["scalar", "--hidden", "2", "--steps", "5", "--seed", "0", "--out", "s.npz"],
    "report": [
        *("scalar", "--hidden", "2", "--steps", "5", "--seed", "0", "--seeds", "1"),
        *("--out", "r.html"),
    ],
    "compare": [
        *("scalar", "--hidden", "2", "--steps", "5", "--seed", "0", "--seeds", "1"),
        *("--out", "c.html"),
    ],
    "diagnose": [NETWORK, "--need", "3"],
    "watch": [NETWORK, "--input", "watched.npy"],
    "prove": ["scalar", "--out", "bundles"],
    "theorem": ["scalar.upper", "--format", "bib"],
    "verify": ["bundles"],
    "figure": ["toy_power", "--quick", "--venue", "icml", "--format", "svg", "--out", "figures"],
    "theory": ["rnn", "--init", "gaussian:1.5", "--input", "0.5", "--seed", "0", "--size", "256"],
}
INPUTS = gf.read(NETWORK).layers[0].inputs
# what no option takes, or not all: each is tried at every place
WRONG = [
    "",
    "x",
    "-1",
    "0",
    "1.5",
    "nan",
    "inf",
    "1e400",
    "9" * 400,
    "9" * 5000,
    "[]",
    "{}",
    "None",
    "true",
    "/dev/null",
    "/dev/null/at/all",
    ".",
    "\ud800",
    "é\u2028",
    "a=b=c",
    "[red]x[/]",
    "{0}",
    "%s%n",
    "x.py:y",
    "--",
]
CODES = {0, 1, 2, 3, 130}


def commands():
    return {name: app[name].default_command for name in VALID}


def outcome(words, capsys):
    """Return exit code and complaint of a command."""
    try:
        main(words)
        code = 0
    except SystemExit as error:
        code = error.code or 0
    # the bar of progress may have left an empty line
    return code, capsys.readouterr().err.strip()


def places():
    """Every position and option of every command, with the words before and after."""
    for name, words in VALID.items():
        function = commands()[name]
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.POSITIONAL_ONLY:
                yield name, parameter.name, lambda bad, w=words: [bad, *w[1:]]
            else:
                option = f"--{parameter.name.rstrip('_').replace('_', '-')}"
                kept = list(words)
                if option in kept and kept[kept.index(option) + 1 :][:1]:
                    at = kept.index(option)
                    kept = kept[:at] + kept[at + (1 if option == "--quick" else 2) :]
                yield name, parameter.name, lambda bad, w=kept, o=option: [*w, f"{o}={bad}"]


def test_every_command_is_tried():
    assert set(VALID) == {name for name in app if not name.startswith("-")}


# each call that is right takes its second or more
LONG = {"report", "compare", "diagnose", "watch", "prove", "figure"}


@pytest.mark.parametrize(
    ("name", "option", "words"),
    [
        pytest.param(*place, marks=[pytest.mark.slow] if place[0] in LONG else [])
        for place in places()
    ],
    ids=[f"{n}-{o}" for n, o, _ in places()],
)
def test_wrong_words_end_in_a_sentence(name, option, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("watched.npy", np.ones((2, 5, INPUTS)))
    if (name, option) in {
        ("figure", "all"),
        ("prove", "all"),
        ("figure", "list"),
        ("diagnose", "json_"),
        ("report", "json_"),
        ("compare", "json_"),
        ("run", "json_"),
        ("cells", "json_"),
        ("derive", "standalone"),
        ("watch", "json_"),
    }:
        tried = ["x", "1.5", ""]
    else:
        tried = WRONG
    for bad in tried:
        code, said = outcome([name, *words(bad)], capsys)
        assert code in CODES, (bad, code)
        assert "Traceback" not in said
        assert "defect of gradflow" not in said, (bad, said)
        if code:
            assert said.startswith("gradflow: ") or not said, (bad, said)
            assert len(said.strip().splitlines()) <= 1, (bad, said)


SCRIPT = '"""Does it hold? Corresponds to: nothing."""\ndef main(out, quick=False, **look):\n'


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise ZeroDivisionError('oops')", "line 3: the script raises ZeroDivisionError('oops')"),
        ("return None", "what main returns is None"),
        ("return {'a': float('nan')}", "the number 'a' is nan"),
        ("return {1: 2}", "what main returns is {1: 2}"),
    ],
)
def test_a_script_that_fails_is_named(body, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(f"{SCRIPT}    {body}\n")
    code, said = outcome(["figure", "mine.py", "--quick"], capsys)
    assert code in (2, 3)
    assert says in said


def test_one_broken_file_of_cells_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("raise KeyError('x\\ny')")
    code, said = outcome(["derive", "mine.py:c"], capsys)
    assert code == 3
    assert "mine.py: running it failed with KeyError" in said


def pickled():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("m/data.pkl", b"\x80\x02SECRET")
    return content.getvalue()


def zipped(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"SECRET")
    return content.getvalue()


HEADER = b'{"SECRET":{}}'
WEIGHTS = {
    "w.pt": (pickled(), "it is a PyTorch file", "weights_only=True"),
    "old.pt": (b"\x80\x02\x8a\nSECRET" * 90, "it is a pickle", "weights_only=True"),
    "w.safetensors": (
        len(HEADER).to_bytes(8, "little") + HEADER,
        "it is a safetensors file",
        "safetensors.numpy.load_file",
    ),
    "w.h5": (b"\x89HDF\r\n\x1a\nSECRET", "it is an HDF5 file", "h5py.File"),
    "w.onnx": (b"\x08\x07\x12\x07pytorchSECRET", "it is an ONNX model", "numpy_helper"),
    "w.keras": (zipped("metadata.json", "model.weights.h5"), "it is a Keras file", "load_model"),
    "w.npy": (b"\x93NUMPY\x01\x00SECRET", "it is a single array", "numpy.load"),
    "w.gguf": (b"GGUFSECRET", "it is a GGUF file", "gguf"),
    "w.npz": (zipped("w.npy"), "w is no array of real numbers", "pass floats"),
    "cut.npz": (pickled()[:30], "it is a damaged zip file", "numpy.savez"),
    "empty.npz": (b"", "it is empty", "numpy.savez"),
    "words.txt": (b"SECRET words", "it is no .npz file", "numpy.savez"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_weight_file_is_told_by_its_beginning_and_never_repeated(
    name, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    content, kind, advice = WEIGHTS[name]
    (tmp_path / name).write_bytes(content)
    code, said = outcome(["prove", "scalar", "--params", name], capsys)
    assert code == 3
    assert kind in said
    assert advice in said
    assert "SECRET" not in said
    assert "unsafe" not in said.lower()
    assert len(said.strip().splitlines()) == 1
    assert len(said) < 300


def test_arrays_of_objects_are_no_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "o.npz", w=np.array([None, "SECRET"], dtype=object))
    code, said = outcome(["prove", "scalar", "--params", "o.npz"], capsys)
    assert code == 3
    assert "it holds an array of Python objects" in said
    assert "SECRET" not in said
