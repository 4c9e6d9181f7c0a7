"""The oracles are tested too: an error planted in a derivative must be caught by each of them."""

import mpmath
import numpy as np
import pytest
import sympy as sp

import gradflow as gf
from oracles import entrywise
from oracles.convergence import errors, is_second_order, slopes
from oracles.samples import SMALL, distance, sample

CELLS = pytest.mark.parametrize("name", gf.cells.LIBRARY)


def scaled(J, code, s):
    """One column of the derivative, the largest, wrong by 0.1 %."""
    wrong = J.copy()
    wrong[:, np.argmax(np.abs(J.astype(float)).sum(0))] *= type(J.flat[0])(1.001)
    return wrong


def transposed(J, code, s):
    """The block of the first part transposed."""
    wrong = J.copy()
    n = next(iter(code.part_sizes(s.params).values()))
    wrong[:n, :n] = J[:n, :n].T
    return wrong


def path_dropped(J, code, s):
    """The largest of several paths left out; half of the only one."""
    paths = list(code.path_jacobians(s.params, s.state, s.x, s.t).values())
    largest = max(paths, key=lambda p: np.abs(p.astype(float)).max())
    return J - largest / (1 if paths[1:] else 2)


PLANTS = [scaled, transposed, path_dropped]


def visible(name, plant):
    """A transposed number, or a transposed diagonal block, is no error."""
    return not (plant is transposed and name == "scalar")


@CELLS
@pytest.mark.parametrize("plant", PLANTS)
def test_autograd_catches_it(name, plant):
    pytest.importorskip("torch")
    from oracles import torch_cells

    s = sample(name)
    code = gf.compile(s.cell)
    wanted = torch_cells.jacobian(name, s.params, s.state, s.x, s.t)
    J = code.jacobian(s.params, s.state, s.x, s.t)
    assert distance(J, wanted) < 1e-12
    # 0.1 % of an entry that is at least a tenth of the largest
    assert (distance(plant(J, code, s), wanted) > 1e-4) == visible(name, plant)


@CELLS
@pytest.mark.parametrize("plant", PLANTS)
def test_the_measured_order_catches_it(name, plant):
    s = sample(name, (4, 3, 2))
    code = gf.compile(s.cell, backend="mpmath", digits=50)
    with mpmath.workdps(50):
        v = code.target.asarray(np.random.default_rng(1).standard_normal(len(s.state)))
        J = code.jacobian(s.params, s.state, s.x, s.t)

        def moved(e):
            return code.step(s.params, code.target.asarray(s.state) + e * v, s.x, s.t)

        assert is_second_order(errors(moved, J @ v))
        found = errors(moved, plant(J, code, s) @ v)
        assert is_second_order(found) != visible(name, plant), slopes(found)


def test_the_measured_order_catches_one_in_a_million():
    with mpmath.workdps(50):
        right = mpmath.exp(mpmath.mpf(1) / 3)

        def moved(e):
            return np.array([mpmath.exp(mpmath.mpf(1) / 3 + e)])

        assert is_second_order(errors(moved, [right]))
        assert not is_second_order(errors(moved, [right * (1 + mpmath.mpf(10) ** -6)]))


SIZES = {"hidden": 2, "input": 3, "context": 4, "one": 1}


@pytest.mark.parametrize(
    ("out", "wrt", "plant"),
    [
        ("h", "h", lambda J: J[:-1]),  # a path dropped
        ("c", "h", lambda J: J[1:]),
        ("h", "c", lambda J: [sp.Rational(1001, 1000) * t for t in J]),
        ("h", "h", lambda J: [sp.Rational(1001, 1000) * t for t in J]),
        ("h", "h", lambda J: [t.T for t in J]),
        ("c", "h", lambda J: [t.T for t in J]),
    ],
)
def test_entrywise_sympy_catches_it(out, wrt, plant):
    cell = gf.cells.lstm
    values = entrywise.variables(cell, SIZES)
    known = entrywise.run(cell, values, SIZES, 1)
    new = dict(zip(cell.states, entrywise.lstm(values), strict=True))
    wanted = new[out].jacobian(values[wrt])
    terms = gf.jacobian(cell)[out, wrt].terms
    parts = [entrywise.expand(cell, [t], known, values, SIZES, 1, "hidden") for t in terms]
    total = sum(parts, sp.zeros(2, 2))
    assert entrywise.same(total, wanted, {})
    assert not entrywise.same(sum(plant(parts), sp.zeros(2, 2)), wanted, {})


def test_entrywise_normal_form_tells_functions_and_arguments_apart():
    a, b = sp.symbols("a b")
    fresh = {}

    def normal(expression):
        return entrywise.normal(expression, fresh)

    assert normal(entrywise.sigma(a * (b + 1))) == normal(entrywise.sigma(a * b + a))
    assert normal(entrywise.sigma(a)) != normal(entrywise.sigma(b))
    assert normal(entrywise.sigma(a)) != normal(entrywise.hyp(a))
    assert normal((a + entrywise.hyp(b)) ** 2) != normal(a**2 + entrywise.hyp(b) ** 2)


def test_the_distance_of_samples_sees_shape_scale_and_zero():
    one = np.eye(SMALL[0])
    assert distance(one, one) == 0
    assert distance(1.001 * one, one) == pytest.approx(1e-3)
    assert distance(np.zeros(2), np.zeros(2)) == 0
    assert distance(np.ones(2), np.zeros(2)) == 1
    with pytest.raises(AssertionError):
        distance(one, one[:-1])


READ = pytest.mark.parametrize(
    "name", ["scalar", "rnn", "irnn", "lstm", "gru", "gru_reset_after", "scrn"]
)


@READ
def test_a_cell_that_python_reads_is_the_cell_by_hand(name):
    cell = gf.cells.get(name)
    values = entrywise.variables(cell, SIZES)
    if name == "irnn":
        point = entrywise.numbers(values, np.random.default_rng(0))
        values = {n: m.subs(point) for n, m in values.items()}
    wanted, fresh = entrywise.BY_HAND[name](values), {}
    found = entrywise.read_by_python(cell)(values)
    for a, b in zip(found, wanted, strict=True):
        assert entrywise.same(a, sp.Matrix(b), fresh)
        assert not entrywise.same(sp.Rational(1001, 1000) * a, sp.Matrix(b), fresh)


@READ
def test_a_cell_that_python_reads_is_the_cell_by_hand_in_torch(name):
    pytest.importorskip("torch")
    from oracles import torch_cells as by

    s = sample(name)
    given = by.tensors(s.params), by.tensor(s.state), by.tensor(s.x), s.t
    found = by.read_by_python(s.cell)(*given)
    np.testing.assert_allclose(found, by.BY_HAND[name](*given), rtol=1e-13, atol=1e-15)
