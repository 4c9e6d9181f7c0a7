"""Names of a cell never meet the words of generated source, on any target."""

import ast
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.language.names import Names
from gradflow.codegen.lowering import recurrence
from gradflow.codegen.printing.expressions import runtime_names
from gradflow.codegen.printing.loops import words
from gradflow.codegen.printing.loops.push import PushText
from gradflow.codegen.printing.loops.recurrences import (
    forward_lines,
    pullback_lines,
    replay_lines,
)
from gradflow.codegen.printing.loops.routines import loop_lines
from gradflow.codegen.printing.loops.writer import tape_of
from gradflow.codegen.targets.numba import rows, runtime, target
from gradflow.codegen.targets.numpy.target import runtime as array_runtime
from gradflow.codegen.targets.target import run_text
from gradflow.errors import UsageError
from oracles.language_cells import CELLS

EQUATIONS = """
{g} = sigmoid({U} @ {h} + {W} @ {x} + {b})
{p} = exp(-{g} * {b}) + {V} @ ({g} * {h})
{h}_next = {g} * tanh({p}) * {w} + (1 - {g}) * {h} * mean({p})
"""
PLAIN = {letter: letter for letter in "gphxUVWbw"}
# words of the printers, of Python, and names that papers use: in turn for every role
HOSTILE = [
    "n", "n_gate", "log_f", "out", "state", "states", "xp", "lambda_", "match", "range", "max",
    "min", "np", "indices", "spread", "unit", "rows", "N", "T", "s", "a", "k0", "v0", "d0", "d0v",
    "m0", "o0_0", "h_row", "h_in", "U_T", "U_in", "n_hidden", "n_input", "hidden_", "step_",
    "unit_row", "keep", "total", "arcsinh", "where", "t_", "gradients", "slice", "print", "self",
    "frame", "log_size", "exponent", "u", "d_h", "u_h", "inline", "jit", "params", "ratio", "pi",
    "I", "E", "S", "O", "Q", "C", "oo", "nan", "inf", "zoo", "re", "im", "Symbol", "Add", "Mul",
    "alpha", "beta", "gamma", "zeta", "Lambda", "lamda", "Omega", "h_prime", "x__2", "prime",
    "dot", "norm", "softmax", "abs", "silu", "linalg", "array", "asarray", "matmul", "float64",
    "value", "total1", "row_", "p0", "q0", "column_", "largest_", "type", "len", "list", "float",
]  # fmt: skip


def cell_of(names, label):
    u = names
    return gf.Cell(
        name=label,
        state=u["h"],
        inputs=u["x"],
        maps=f"{u['U']} {u['V']} {u['W']}",
        vectors=u["b"],
        scalars=u["w"],
        equations=EQUATIONS.format(**u),
    )


def renamings():
    """Every hostile word takes some role, a cell for as many as there are roles."""
    for start in range(0, len(HOSTILE), len(PLAIN)):
        chosen = [HOSTILE[(start + i) % len(HOSTILE)] for i in range(len(PLAIN))]
        yield dict(zip(PLAIN, chosen, strict=True))


def values(cell, names, backend):
    rng = np.random.default_rng(0)
    n, m = 3, 2
    shapes = {"U": (n, n), "V": (n, n), "W": (n, m), "b": (n,), "w": (1,)}
    params = {names[k]: rng.standard_normal(shape) for k, shape in shapes.items()}
    state, u = rng.standard_normal((2, n))
    x = rng.standard_normal(m)
    code = gf.compile(cell, backend)
    found = [
        code.step(params, state, x),
        code.jacobian(params, state, x),
        code.input_jacobian(params, state, x),
        code.jvp(params, state, u, x),
        code.vjp(params, state, u, x),
        *(code.parameter_vjp(params, state, u, x)[names[k]] for k in shapes),
    ]
    return [np.asarray(v, dtype=np.float64) for v in found], params, state, x


ALL = list(renamings())


@pytest.mark.parametrize("backend", ["numpy", "mpmath", "array-api"])
def test_values_do_not_depend_on_names(backend):
    wanted = values(cell_of(PLAIN, "plain"), PLAIN, backend)[0]
    for number, names in enumerate(ALL):
        found = values(cell_of(names, f"named_{number}"), names, backend)[0]
        for a, b in zip(found, wanted, strict=True):
            # sums are taken in the order of the names
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13, err_msg=str(names))


@pytest.fixture
def uncompiled(monkeypatch):
    """Numba's modules run as plain Python, which is quick to start and reads the same names."""
    helpers = {n: getattr(runtime, n) for n in words.HELPERS - {"jit"}}
    helpers |= {n: getattr(rows, n) for n in words.ROW_HELPERS}
    plain = {n: getattr(f, "py_func", f) for n, f in helpers.items()}
    scope = {**array_runtime(), **plain, "jit": lambda f: f}
    scope["rows_times"] = lambda x, matrix, out: np.dot(x, matrix, out)

    def load(cell, source):
        body = source[source.index("@jit") :]
        return SimpleNamespace(**run_text(body, scope, cell.name))

    monkeypatch.setattr(target, "load", load)


def test_loops_do_not_depend_on_names(uncompiled):
    plain = cell_of(PLAIN, "plain")
    wanted, params, state, x = values(plain, PLAIN, "numpy")
    inputs = np.random.default_rng(1).standard_normal((20, len(x)))
    theirs = gf.run(plain, params, inputs, state=state, backend="numpy")
    for number, names in enumerate(ALL):
        cell = cell_of(names, f"loops_{number}")
        for a, b in zip(values(cell, names, "numba")[0], wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13, err_msg=str(names))
        renamed = {names[k]: v for k, v in params.items()}
        ours = gf.run(cell, renamed, inputs, state=state, backend="numba")
        np.testing.assert_allclose(
            next(iter(ours.states.values())), theirs.states["h"], rtol=1e-12, err_msg=str(names)
        )
        found, known = (run.decay().log_norm for run in (ours, theirs))
        np.testing.assert_allclose(found, known, rtol=1e-9, err_msg=str(names))


def test_the_normaliser_of_xlstm_may_be_called_n():
    """Fault L1: naming the loops' variables never ended."""
    cell = gf.Cell(name="m", state="n", maps="U", equations="n_next = tanh(U @ n)")
    U, n = np.array([[0.5, -1.0], [0.25, 2.0]]), np.array([1.0, 0.5])
    for backend in ("numpy", "numba", "mpmath", "array-api"):
        found = gf.compile(cell, backend).step({"U": U}, n).astype(float)
        np.testing.assert_allclose(found, np.tanh(U @ n), rtol=1e-15)


def test_a_number_beside_a_map_is_a_diagonal():
    """Fault L2: the array-api Jacobian of ``U @ (0.5 h)`` raised IndexError."""
    cell = gf.Cell(name="half", state="h", maps="U", equations="h_next = tanh(U @ (0.5 * h))")
    U, h = np.array([[0.5, -1.0], [0.25, 2.0]]), np.array([1.0, 0.5])
    wanted = (1 - np.tanh(U @ h / 2) ** 2)[:, None] * U / 2
    for backend in ("numpy", "numba", "mpmath", "array-api"):
        code = gf.compile(cell, backend)
        found = code.jacobian({"U": U}, h).astype(float)
        np.testing.assert_allclose(found, wanted, rtol=1e-14)
        many = code.jacobian({"U": U}, np.tile(h, (9, 1))).astype(float)
        np.testing.assert_allclose(many, np.tile(wanted, (9, 1, 1)), rtol=1e-14)


def test_a_keyword_of_python_is_refused_where_it_is_declared():
    with pytest.raises(UsageError, match="'lambda' cannot be a name"):
        gf.Cell(name="k", state="lambda", equations="lambda_next = 1")


def kernels(cell):
    """All that is printed for numba: pairs of lines and of the symbols' names."""
    back, push = recurrence.pullback(cell), recurrence.push(cell)
    tape = tape_of(back)
    yield forward_lines(cell, recurrence.forward(cell))
    yield pullback_lines(cell, back)
    yield forward_lines(cell, recurrence.taped(cell, back), tape)
    yield replay_lines(cell, back, tape)
    yield PushText(cell, push, known=False).lines("push")
    yield PushText(cell, push, known=True).lines("push_known")
    for routine in gf.compile(cell, "numpy")._routines.values():
        if routine.name != "parameter_vjp":
            yield loop_lines(cell, routine)


def printed(lines):
    """Every name in the body and the arguments of a kernel."""
    tree = ast.parse("\n".join(lines)).body[0]
    body = {n.id for line in tree.body for n in ast.walk(line) if isinstance(n, ast.Name)}
    return body | {a.arg for a in tree.args.args}


DECLARED = words.HELPERS | words.ROW_HELPERS | words.BUILTINS | words.ARGUMENTS | words.LOCALS


SOFT = gf.Cell(name="soft", state="q_h", maps="q_U", equations="q_h_next = softmax(q_U @ q_h)")
QUEUE = {letter: f"q_{letter}" for letter in PLAIN}
# how names begin that lowering and printing make of those of `QUEUE`
MADE = ("q_", "mean_q_", "softmax_", "largest_softmax_", "sum_in", "sum_out")
MADE += tuple(f"{letter}_{name}" for letter in "UVWdabesu" for name in MADE)


@cache
def of_queue():
    cells = cell_of(QUEUE, "queue"), SOFT
    return {name for cell in cells for lines in kernels(cell) for name in printed(lines)}


@cache
def of_many():
    cells = [*map(gf.cells.get, gf.cells.LIBRARY), *CELLS.values(), SOFT]
    return {name for cell in cells for lines in kernels(cell) for name in printed(lines)}


def undeclared(declared):
    """What the loops of a cell print that is neither declared nor made of the cell's names."""
    sizes, found = {"n_hidden", "n_input"}, of_queue()
    return {
        name
        for name in found - declared - runtime_names() - sizes
        if not name.startswith(MADE)
        and not words.is_numbered(name)
        and not (name[0] in "vkdp" and name[1:2].isdigit())  # symbols that lowering numbers
    }


def in_vain(declared):
    """What is declared and printed for no cell of many."""
    return declared - of_many()


def test_loops_print_the_words_declared_and_no_others():
    assert undeclared(DECLARED) == set()
    assert in_vain(DECLARED) == {"jit"}  # a decorator, no name of the body


@pytest.mark.parametrize("word", sorted(DECLARED - {"jit"}))
def test_a_word_left_out_of_the_declaration_is_found(word):
    assert undeclared(DECLARED - {word}) == {word}


def test_a_word_too_many_is_found():
    assert in_vain(DECLARED | {"lag"}) == {"jit", "lag"}


def test_a_fresh_name_is_new_every_time():
    names = Names(["h", "h_", "exp", "v0"], refused={"exp", "exp_"}.__contains__)
    assert [names("h"), names("exp")] == ["h", "exp__"]
    assert [names.fresh("h"), names.fresh("h"), names.fresh("exp")] == ["h__", "h___", "exp___"]
    numbers = names.numbered("v")
    assert [next(numbers), next(numbers)] == ["v1", "v2"]
