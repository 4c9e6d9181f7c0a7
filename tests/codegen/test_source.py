"""The generated source: the same every time, documented, and a module that stands alone."""

import ast
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from oracles.samples import sample

CELLS = pytest.mark.parametrize("name", gf.cells.LIBRARY)
ROUTINES = ["step", "jacobian", "jvp", "vjp", "parameter_vjp", "input_jacobian"]

EVERYTHING = """
import json
import gradflow as gf
from gradflow.jacobians import bptt

odd = gf.Cell(
    name="odd", state="h s[context]", inputs="x", maps="U V P", vectors="b", scalars="w",
    masks={"U": "row(index) < column(index) + 1 and column(index) != 3 or row(index) == 0"},
    equations='''
        a = tanh(U @ h + b) * w if 0 < mean(h) < 1 or mean(h) > 2 or mean(h * b) < 0 else V @ x
        s_next = Max(s, P @ a) * mean(a) + Abs(sum(a * b)) + floor(w * s) % (1 + w**2)
        h_next = a * sigmoid(a * b * w) + h * mean(s_next) * (1 - sigmoid(a * b * w))
    ''',
)
for cell in [*map(gf.cells.get, gf.cells.LIBRARY), odd]:
    jacobian = gf.jacobian(cell)
    print(gf.compile(cell).source, gf.compile(cell, backend="mpmath").source)
    print(cell.latex(), jacobian.latex(), jacobian.text(), bptt(cell).latex())
    print(json.dumps(jacobian.to_json()))
    print(list(gf.compile(cell).path_functions))
"""


def test_the_same_under_every_hash_seed():
    outputs = set()
    for seed in ("0", "42"):
        done = subprocess.run(
            [sys.executable, "-c", EVERYTHING],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop()) > 50_000


def module(code, tmp_path, name):
    """The source as a module of its own, imported from a file by another process's means."""
    path = tmp_path / f"{name}.py"
    path.write_text(code.source, "utf-8")
    namespace = {"__name__": name}
    exec(compile(path.read_text("utf-8"), str(path), "exec"), namespace)
    return namespace


def arguments(s):
    """Positional arguments of the generated functions: state parts, inputs, t, parameters."""
    parts = gf.compile(s.cell).split(s.params, s.state)
    inputs = [] if s.x is None else [s.x]
    names = (*s.cell.parameters, *s.cell.constant_names)
    time = np.array([float(s.t)])
    return [*parts.values(), *inputs, time, *(s.params[n] for n in names)], list(parts.values())


@CELLS
def test_the_source_stands_alone(name, tmp_path):
    s = sample(name)
    code = gf.compile(s.cell)
    alone = module(code, tmp_path, name)
    args, parts = arguments(s)
    new = np.concatenate(alone["step"](*args))
    assert np.array_equal(new, code.step(s.params, s.state, s.x, s.t))
    d = len(s.state)
    J = alone["jacobian"](*args, np.empty((d, d)))
    assert np.array_equal(J, code.jacobian(s.params, s.state, s.x, s.t))
    for routine in ("jvp", "vjp"):
        found = np.concatenate(alone[routine](*args, *parts))
        assert np.array_equal(found, getattr(code, routine)(s.params, s.state, s.state, s.x, s.t))
    found = alone["parameter_vjp"](*args, *parts, False)
    wanted = code.parameter_vjp(s.params, s.state, s.state, s.x, s.t)
    assert all(np.array_equal(found[key], wanted[key]) for key in found)
    assert found
    if s.x is not None:
        found = alone["input_jacobian"](*args, np.empty((d, len(s.x))))
        assert np.array_equal(found, code.input_jacobian(s.params, s.state, s.x, s.t))


def test_the_mpmath_source_stands_alone(tmp_path):
    s = sample("lstm")
    code = gf.compile(s.cell, backend="mpmath", digits=30)
    alone = module(code, tmp_path, "lstm_mpmath")
    args, _ = arguments(s)
    new = np.concatenate(alone["step"](*map(code.target.asarray, args)))
    # another context of 30 digits: the same numbers, which do not compare across contexts
    wanted = code.step(s.params, s.state, s.x, s.t)
    assert [str(v) for v in new] == [str(v) for v in wanted]


@CELLS
def test_every_argument_is_documented_with_its_shape(name):
    cell = gf.cells.get(name)
    tree = ast.parse(gf.compile(cell).source)
    assert f"from the cell {name!r}" in ast.get_docstring(tree)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    wanted = ROUTINES if cell.input_names else ROUTINES[:-1]
    assert [f.name for f in functions] == wanted
    for function in functions:
        doc = ast.get_docstring(function)
        assert doc.splitlines()[0].endswith(".")
        documented = re.findall(r"^(\w+) : ", doc, re.MULTILINE)
        assert documented == [a.arg for a in function.args.args]
        for parameter in cell.parameters:
            shape = ", ".join(cell.shape_of(parameter))
            assert re.search(rf"^{parameter} : \({shape},?\)$", doc, re.MULTILINE)


@CELLS
def test_lines_are_readable(name):
    """Gates by name, no unused temporaries, nothing computed twice."""
    source = gf.compile(gf.cells.get(name)).source
    for function in ast.parse(source).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        assigned = [
            node.targets[0].id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        ]
        read = [n.id for n in ast.walk(function) if isinstance(n, ast.Name)]
        for target in assigned:
            assert read.count(target) > assigned.count(target), (function.name, target)
        values = [
            ast.dump(node.value)
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            and not isinstance(node.targets[0], ast.Subscript)
            and "block" not in ast.unparse(node.targets[0])
        ]
        assert len(values) == len(set(values)), function.name


def test_the_lstm_is_written_with_its_gates():
    source = gf.compile(gf.cells.lstm).source
    step = source[source.index("def step") : source.index("def jacobian")]
    for line in (
        "f = sigmoid(U_f_h + W_f_x + b_f)",
        "c_next = c*f + g*i",
        "h_next = o*tanh(c_next)",
        "return h_next, c_next,",
    ):
        assert f"    {line}\n" in step


def test_one_value_shared_by_units_of_two_sizes_is_not_confused():
    """Found by a random cell: tanh(w) was spread over s and then read as if it were one value."""
    cell = gf.Cell(
        name="shared",
        state="s[context] y[one]",
        scalars="w",
        equations="s_next = tanh(w) + 0 * s\ny_next = tanh(w)",
    )
    found = gf.compile(cell).step({"w": np.array([0.5])}, {"s": np.zeros(3), "y": np.zeros(1)})
    assert np.array_equal(found, np.full(4, np.tanh(0.5)))


def test_a_value_by_condition_does_not_warn_of_the_branch_not_taken():
    cell = gf.Cell(
        name="guarded", state="h", equations="h_next = sin(h) / h if h != 0 else 1 + exp(-1000 * h)"
    )
    state = np.array([0.0, 1.0])
    for backend in ("numpy", "mpmath"):
        code = gf.compile(cell, backend=backend)
        np.testing.assert_allclose(code.step({}, state).astype(float), [2, np.sin(1)], rtol=1e-15)
        J = code.jacobian({}, state).astype(float)
        np.testing.assert_allclose(np.diag(J), [-1000, np.cos(1) - np.sin(1)], rtol=1e-15)


def test_a_rule_by_condition_does_not_warn_either():
    cell = gf.Cell(
        name="cauchy",
        state="h",
        fixed={
            "S[hidden,hidden]": "1 / (row(index) - column(index))"
            " if row(index) != column(index) else 0"
        },
        equations="h_next = S @ h",
    )
    wanted = [[0, -1, -0.5], [1, 0, -1], [0.5, 1, 0]]
    for backend in ("numpy", "mpmath"):
        J = gf.compile(cell, backend=backend).jacobian({}, np.ones(3))
        assert J.tolist() == wanted


def test_a_guard_behind_the_chain_rule_is_too_late():
    """What docs/declare.md says of branches that are equations of their own."""
    cell = gf.Cell(
        name="late", state="h", equations="q = sin(h) / h\nh_next = q if h != 0 else 1 + 0 * h"
    )
    code = gf.compile(cell)
    assert code.step({}, np.zeros(1)).tolist() == [1]
    assert np.isnan(code.jacobian({}, np.zeros(1))).all()


def test_floats_outside_a_domain_are_nan_in_both_targets():
    cell = gf.Cell(name="edge", state="h", equations="h_next = log(h) + sqrt(h) + h**0.3 + 1 / h")
    state = np.array([-1.0])
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(gf.compile(cell).step({}, state)).all()
    exact = gf.compile(cell, backend="mpmath").step({}, state)
    assert str(exact[0]) == "nan"


def test_an_unknown_backend():
    with pytest.raises(
        UsageError, match="unknown backend 'fortran'; known are numpy, numba, mpmath, array-api"
    ):
        gf.compile(gf.cells.rnn, backend="fortran")


def test_json_holds_everything():
    data = json.loads(json.dumps(gf.jacobian(gf.cells.lstm).to_json()))
    assert data["cell"] == "lstm"
    assert data["state"] == ["h", "c"]
    assert data["parameters"]["U_f"] == ["hidden", "hidden"]
    blocks = {(b["out"], b["wrt"]): b for b in data["blocks"]}
    assert blocks["c", "c"]["terms"] == [{"diagonals": ["f"], "maps": [], "path": []}]
    assert [t["path"] for t in blocks["c", "h"]["terms"]] == [["i"], ["f"], ["g"]]
    assert [t["maps"] for t in blocks["c", "h"]["terms"]] == [["U_i"], ["U_f"], ["U_g"]]
    gradient = next(
        b for b in data["parameter_blocks"] if (b["out"], b["parameter"]) == ("c", "U_f")
    )
    assert gradient["terms"][0]["operand"] == "h"
