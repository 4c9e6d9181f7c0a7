"""Derivatives equal central differences by order: slope 2 within 1e-6."""

import mpmath
import numpy as np
import pytest

import gradflow as gf
from oracles.convergence import errors, is_second_order, slopes
from oracles.samples import sample

CELLS = pytest.mark.parametrize("name", gf.cells.LIBRARY)
SIZE = (4, 3, 2)

# Linear in what is moved: there is no truncation error on which to measure a slope.
LINEAR = {"scalar", "irnn"}


@pytest.fixture(autouse=True)
def many_digits():
    with mpmath.workdps(50):
        yield


def exact(cell, arrays):
    """The same numbers as the mpmath target holds them."""
    code = gf.compile(cell, backend="mpmath", digits=50)
    return {k: code.target.asarray(v) for k, v in arrays.items()}


@CELLS
def test_state_derivative(name):
    s = sample(name, SIZE)
    code = gf.compile(s.cell, backend="mpmath", digits=50)
    v = code.target.asarray(np.random.default_rng(5).standard_normal(len(s.state)))
    state = code.target.asarray(s.state)
    for derivative in (
        code.jvp(s.params, state, v, s.x, s.t),
        code.jacobian(s.params, state, s.x, s.t) @ v,
    ):
        found = errors(lambda e: code.step(s.params, state + e * v, s.x, s.t), derivative)
        assert is_second_order(found), (name, slopes(found))
        assert (slopes(found) is None) == (name in LINEAR)


@CELLS
def test_input_derivative(name):
    s = sample(name, SIZE)
    if s.x is None:
        with pytest.raises(gf.errors.UsageError, match="has no input"):
            gf.compile(s.cell).input_jacobian(s.params, s.state, None)
        return
    code = gf.compile(s.cell, backend="mpmath", digits=50)
    x = code.target.asarray(s.x)
    v = code.target.asarray(np.random.default_rng(6).standard_normal(len(s.x)))
    derivative = code.input_jacobian(s.params, s.state, x, s.t) @ v
    found = errors(lambda e: code.step(s.params, s.state, x + e * v, s.t), derivative)
    assert is_second_order(found), (name, slopes(found))
    assert (slopes(found) is None) == (name in LINEAR)


@CELLS
def test_parameter_derivatives(name):
    s = sample(name, SIZE)
    code = gf.compile(s.cell, backend="mpmath", digits=50)
    rng = np.random.default_rng(7)
    u = code.target.asarray(rng.standard_normal(len(s.state)))
    params = exact(s.cell, s.params)
    gradient = code.parameter_vjp(params, s.state, u, s.x, s.t)
    for parameter in s.cell.parameters:
        v = code.target.asarray(rng.standard_normal(params[parameter].shape))

        def moved(e, parameter=parameter, v=v):
            new = params | {parameter: params[parameter] + e * v}
            return u @ code.step(new, s.state, s.x, s.t)

        found = errors(moved, (gradient[parameter] * v).sum())
        assert is_second_order(found), (name, parameter, slopes(found))
        assert (slopes(found) is None) == (name in LINEAR), parameter
