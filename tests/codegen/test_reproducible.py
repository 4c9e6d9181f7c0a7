"""The same declaration gives the same text, and derived objects are equal only when equal."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import gradflow as gf
from gradflow.jacobians import bptt

PROGRAM = """
import hashlib, json
import gradflow as gf
from gradflow.jacobians import bptt
for name in gf.cells.LIBRARY:
    cell = gf.cells.get(name)
    step = gf.jacobian(cell)
    texts = [gf.compile(cell).source, step.latex(), step.text(), json.dumps(step.to_json())]
    texts += [bptt(cell).latex(), cell.latex()]
    print(name, hashlib.sha256("".join(texts).encode()).hexdigest())
"""


def test_text_is_the_same_under_every_hash_seed():
    printed = set()
    for seed in ("0", "1", "42"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == len(gf.cells.LIBRARY)
        printed.add(done.stdout)
    assert len(printed) == 1


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_the_source_is_a_module_of_its_own(name):
    cell = gf.cells.get(name)
    code = gf.compile(cell)
    sizes = {
        ("inputs" if s == "input" else s): n for s, n in zip(cell.sizes, (4, 3, 2), strict=False)
    }
    params = cell.init(rng=0, **sizes)
    module = {}
    exec(compile(code.source, "generated", "exec"), module)
    width = sum(code.part_sizes(params).values())
    rng = np.random.default_rng(0)
    state = rng.standard_normal((5, width))
    inputs = [rng.standard_normal((5, sizes["inputs"]))] if cell.input_names else []
    t = np.arange(1.0, 6.0)
    parts = list(code.split(params, state).values())
    weights = [params[n] for n in (*cell.parameters, *cell.constant_names)]
    out = np.empty((5, width, width))
    module["jacobian"](*parts, *inputs, t[:, None], *weights, out)
    expected = code.jacobian(params, state, inputs[0] if inputs else None, t)
    np.testing.assert_array_equal(out, expected)
    for argument in (*cell.states, *cell.input_names, *cell.parameters, *cell.constant_names):
        assert f"{argument} : (" in module["jacobian"].__doc__


def test_derived_objects_are_equal_only_when_equal():
    lstm, gru = gf.cells.lstm, gf.cells.gru
    other = gf.Cell(
        name="lstm",
        state=lstm.state,
        inputs=lstm.inputs,
        maps=lstm.maps,
        vectors=lstm.vectors,
        equations=lstm.equations.replace("o * tanh(c_next)", "o * c_next"),
    )
    assert other != lstm
    assert gf.jacobian(lstm) == gf.jacobian(lstm)
    assert gf.jacobian(lstm)["h", "h"] == gf.jacobian(lstm)["h", "h"]
    assert gf.jacobian(lstm) != gf.jacobian(gru)
    assert gf.jacobian(lstm)["h", "c"] != gf.jacobian(other)["h", "c"]
    assert gf.jacobian(lstm)["h", "h"] != gf.jacobian(lstm)["c", "h"]


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_pickling_keeps_what_counts(name):
    cell = gf.cells.get(name)
    code = gf.compile(cell)
    for thing in (cell, gf.jacobian(cell), bptt(cell)):
        assert pickle.loads(pickle.dumps(thing)) == thing
    again = pickle.loads(pickle.dumps(code))
    assert again.source == code.source
    assert again.backend == "numpy"


def test_nothing_derived_depends_on_the_width():
    cell = gf.cells.lstm
    text = gf.jacobian(cell).text()
    for hidden in (1, 64):
        gf.compile(cell).jacobian(
            cell.init(hidden=hidden, inputs=2, rng=0), np.zeros(2 * hidden), np.zeros(2)
        )
    assert gf.jacobian(cell).text() == text
    assert not any(character.isdigit() for character in text.replace("**2", "").replace("(1 -", ""))
