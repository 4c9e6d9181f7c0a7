"""gradflow's normal form, multiplied out, is exactly SymPy's `Matrix.jacobian` of the same cell."""

import numpy as np
import pytest
import sympy as sp

import gradflow as gf
from oracles import entrywise

SIZES = {"hidden": 2, "input": 3, "context": 4, "one": 1}
# clocks 1, 2 at t = 3: unit 1 rests, and reads row(1) <= column(2) only one way
CLOCKS = {"period": sp.Matrix([1, 2]), "t": sp.Integer(3)}


def situation(name):
    """The cell, its entries as symbols, gradflow's names in them, and the oracle's new state."""
    cell = gf.cells.get(name)
    values = entrywise.variables(cell, SIZES)
    if name == "clockwork":
        values["period"] = CLOCKS["period"]
    new = entrywise.new_state(name)({**values, "t": CLOCKS["t"]})
    known = entrywise.run(cell, values, SIZES, CLOCKS["t"])
    return cell, values, known, dict(zip(cell.states, new, strict=True))


def expanded(cell, terms, known, values, out, wrt):
    rows = SIZES[cell.shape_of(out)[0]]
    if not terms:
        return sp.zeros(rows, values[wrt].rows)
    space = cell.shape_of(wrt)[0]
    return entrywise.expand(cell, terms, known, values, SIZES, CLOCKS["t"], space)


def points(name, values):
    """No substitution, or for ReLU twelve rational points, one with arguments exactly 0."""
    if name != "irnn":
        return [{}]
    drawn = [entrywise.numbers(values, np.random.default_rng(k)) for k in range(12)]
    return [*drawn, dict.fromkeys(drawn[0], sp.S.Zero)]


def at(matrix, point):
    return matrix.subs(point, simultaneous=True) if point else matrix


def by_parts(new, wrt, point):
    """Oracle: differentiate, then insert the point; ReLU's derivative at 0 is 0."""
    return at(new.jacobian(wrt), point)


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_step_state_and_input_blocks(name):
    cell, values, known, new = situation(name)
    jacobian, fresh = gf.jacobian(cell), {}
    for out in cell.states:
        assert entrywise.same(known[f"{out}_next"], new[out], fresh)
        for wrt in (*cell.states, *cell.input_names):
            found = expanded(cell, jacobian[out, wrt].terms, known, values, out, wrt)
            for point in points(name, values):
                wanted = by_parts(new[out], values[wrt], point)
                assert entrywise.same(at(found, point), wanted, fresh), (out, wrt)


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_the_nested_form_is_the_same_block(name):
    cell, values, known, new = situation(name)
    jacobian, fresh = gf.jacobian(cell), {}
    for (out, wrt), block in jacobian.blocks().items():
        total = sp.zeros(new[out].rows, values[wrt].rows)
        for term, part in block.nested:
            inner = part or wrt
            factor = expanded(cell, [term], known, values, out, inner)
            if part:
                factor *= expanded(cell, jacobian[part, wrt].terms, known, values, part, wrt)
            total += factor
        for point in points(name, values):
            wanted = by_parts(new[out], values[wrt], point)
            assert entrywise.same(at(total, point), wanted, fresh), (out, wrt)


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_immediate_parameter_derivatives(name):
    cell, values, known, new = situation(name)
    jacobian, fresh = gf.jacobian(cell), {}
    for out in cell.states:
        for parameter in cell.parameters:
            block = jacobian[out, parameter]
            entries = values[parameter]
            rows, columns = entries.shape
            if name == "clockwork" and parameter == "W_H":
                rows, columns = 1, 2  # the masked entry of row 1 is no parameter
            found = sp.zeros(new[out].rows, rows * columns)
            for term, operand in block.terms:
                left = expanded(cell, [term], known, values, out, parameter)
                for i in range(rows):
                    for j in range(columns):
                        factor = 1 if operand is None else known[operand.name][j]
                        found[:, i * columns + j] += left[:, i] * factor
            flat = sp.Matrix([entries[i, j] for i in range(rows) for j in range(columns)])
            for point in points(name, values):
                wanted = by_parts(new[out], flat, point)
                assert entrywise.same(at(found, point), wanted, fresh), (out, parameter)
