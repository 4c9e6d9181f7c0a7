"""``W.T``, ``A + B`` and ``c * W`` on the left of ``@``, against Python on complex matrices."""

import numpy as np
import pytest
import sympy

import gradflow as gf
from oracles import complex_step
from oracles.agreement import draw, gap

SIZES = {"hidden": 3, "context": 2, "inputs": 4}
CELLS = {
    "antisymmetric": ("W", "h + 0.5 * tanh((W - W.T - gamma * identity) @ h)"),
    "numbers": ("W A", "tanh((2 * W - A / 4 + W.T * 0.5 - identity) @ h)"),
    "twice": ("W", "tanh((W + W) @ h) + (W.T.T - (-W)) @ h"),
    "turned sum": ("W A", "tanh((W + 2 * A.T).T @ (0.5 * h))"),
    "chain": ("W A", "tanh(W.T @ tanh((W + A) @ h) + W @ h)"),
    "scalar": ("W A", "tanh(((1 - gamma) * W + gamma * A.T) @ h)"),
    "moving scalar": ("W A", "tanh((mean(h) * W + A) @ h)"),
    "functions of scalars": ("W", "tanh((exp(gamma) * (W + W.T) / (1 + gamma**2)) @ h) + gamma"),
    "identity alone": ("W", "tanh((-gamma * identity) @ h + (W.T - 0.5 * W.T) @ h)"),
    "by a number": ("W", "tanh((2 * W) @ h - (W.T / 3) @ h)"),
}
RECTANGULAR = """
    z = tanh((A + 0.5 * B).T @ h + s)
    s_next = z * s
    h_next = h - (A - 2 * B) @ z
"""


def cell_of(name):
    maps, right = CELLS[name]
    scalars = "gamma" if "gamma" in right else ""
    return gf.Cell(
        name="sums", state="h", maps=maps, scalars=scalars, equations=f"h_next = {right}"
    )


def rectangular():
    return gf.Cell(name="sums", state="h s[context]", maps="A B", equations=RECTANGULAR)


def check(cell, backend):
    """Jacobian, both products, and the gradient of every parameter, where the text says."""
    params, state, _ = draw(cell, np.random.default_rng(3), **SIZES)
    values = {**params, **state}
    text, states = cell.equations, cell.states
    code = gf.compile(cell, backend=backend)
    flat = code.join(state)
    u = np.random.default_rng(4).standard_normal(len(flat))
    J = complex_step.jacobian(text, states, values)
    # float64 on matrices of 3: a few rounding units of sums of a few terms below 10
    assert gap(code.step(params, state), complex_step.new_state(text, states, values)) < 1e-13
    assert gap(code.jacobian(params, state), J) < 1e-13
    assert gap(code.jvp(params, state, u), J @ u) < 1e-13
    assert gap(code.vjp(params, state, u), u @ J) < 1e-13
    found = code.parameter_vjp(params, state, u)
    for name in cell.parameters:
        wanted = u @ complex_step.derivative(text, states, values, name)
        assert gap(np.ravel(found[name]), wanted) < 1e-13, name
    block = gf.jacobian(cell)
    for part in states:
        for name in cell.parameters:
            wanted = complex_step.derivative(text, states, values, name)
            assert gap(dense(cell, block[part, name], values), rows(cell, wanted, part)) < 1e-13


def rows(cell, matrix, part):
    stops = np.cumsum([0, *(SIZES[cell.spaces[p]] for p in cell.states)])
    k = cell.states.index(part)
    return matrix[stops[k] : stops[k + 1]]


def dense(cell, block, values):
    """A parameter block as (units, entries of the parameter), by its own documentation."""
    known = gf.compile(cell).values(
        {n: values[n] for n in cell.parameters}, {p: values[p] for p in cell.states}
    )
    known = {**values, **known}
    height = SIZES[cell.spaces[block.out]]
    shape = np.shape(values[block.parameter])
    total = np.zeros((height, *shape))
    for turned, pairs in ((False, block.terms), (True, block.turned)):
        for term, operand in pairs:
            matrix = term_matrix(cell, term, known, height, shape)
            if operand is None:
                total += matrix
            elif turned:
                total += np.einsum("aj,i->aij", matrix, known[operand.name])
            else:
                total += np.einsum("ai,j->aij", matrix, known[operand.name])
    return total.reshape(height, -1)


def term_matrix(cell, term, known, height, shape):
    def value(expression):
        names = sorted(expression.free_symbols, key=str)
        kinds = [{"sigmoid": complex_step.WORDS["sigmoid"]}, "numpy"]
        function = sympy.lambdify(names, expression, kinds)
        return np.asarray(function(*(known[s.name] for s in names)))

    whole = np.diag(np.broadcast_to(value(term.diagonals[0]), height).astype(float))
    for linear_map, diagonal in zip(term.maps, term.diagonals[1:], strict=True):
        whole = whole @ matrix_of(linear_map, known, whole.shape[1]) * value(diagonal)
    return whole


def matrix_of(linear_map, known, height):
    if linear_map.kind == "spread":
        return np.ones((height, 1))
    if linear_map.kind == "mean":
        return np.full((1, SIZES[linear_map.into]), 1 / SIZES[linear_map.into])
    if not linear_map.summands:
        return known[linear_map.name]
    total = 0
    for part in linear_map.summands:
        matrix = known[part.linear_map.name]
        total = total + float(part.factor) * (matrix.T if part.transposed else matrix)
    return total


@pytest.mark.parametrize("backend", ["numpy", "array-api", "mpmath"])
@pytest.mark.parametrize("name", CELLS)
def test_square_maps(name, backend):
    check(cell_of(name), backend)


@pytest.mark.parametrize("backend", ["numpy", "array-api", "mpmath"])
def test_a_rectangular_map_turned_swaps_its_sizes(backend):
    cell = rectangular()
    assert cell.shape_of("A") == ("hidden", "context")
    check(cell, backend)


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_numba(name):
    pytest.importorskip("numba")
    check(cell_of(name), "numba")


def test_the_oracle_sees_a_map_that_is_not_turned():
    cell = cell_of("antisymmetric")
    params, state, _ = draw(cell, np.random.default_rng(3), **SIZES)
    values = {**params, **state}
    right = complex_step.jacobian(cell.equations, cell.states, values)
    wrong = complex_step.jacobian(cell.equations.replace("W.T", "1.001*W.T"), ("h",), values)
    assert gap(wrong, right) > 1e-4


def test_torch_and_jax_arrays_have_the_same_gradient():
    torch = pytest.importorskip("torch")
    cell = cell_of("antisymmetric")
    params, state, _ = draw(cell, np.random.default_rng(3), **SIZES)
    module = gf.to_torch(cell, params)
    arrays = {n: torch.tensor(p, requires_grad=True) for n, p in params.items()}
    new = gf.compile(cell, backend="array-api").step(arrays, torch.tensor(state["h"]))
    new.sum().backward()
    wanted = gf.compile(cell).parameter_vjp(params, state, np.ones(3))
    for name, array in arrays.items():
        assert gap(array.grad.numpy(), wanted[name]) < 1e-13
    assert {n for n, _ in module.named_parameters()} >= {"W", "gamma"}


def test_how_they_print():
    cell = cell_of("antisymmetric")
    assert r"\left( W - W^{\top} - \gamma \, I \right) \, h_{t-1}" in cell.latex()
    J = gf.jacobian(cell)
    assert J["h", "h"].text().endswith(" (W - W.T)")
    assert J["h", "h"].latex().count(r"\left( W - W^{\top} \right)") == 3
    assert " (x) h^T + h (x) diag(" in J["h", "W"].text()
    assert J["h", "W"].to_json()["terms"][-1]["transposed"] is True
    assert repr(J["h", "W"]) == "<ParameterBlock d+h'/dW of sums: 2 terms>"
    turned = gf.jacobian(cell_of("chain"))["h", "h"]
    assert "W.T diag(" in turned.text()
    assert r"W^{\top} \, \operatorname{diag}" in turned.latex()
    raised = gf.Cell(name="m", state="h", maps="W__2", equations="h_next = W__2.T @ h")
    assert r"\left( W^{2} \right)^{\top} \, h_{t-1}" in raised.latex()


def test_labels_name_the_sum():
    labels = gf.jacobians.path_labels(cell_of("turned sum"))
    assert list(labels.values()) == ["(W.T + 2*A)"]


def test_recurrent_maps_are_the_named_ones():
    assert cell_of("numbers").recurrent_maps() == ("W", "A")
    drawn = cell_of("antisymmetric").init(hidden=400, rng=0)["W"]
    # drawn as any recurrent map, with spread 1/sqrt(400); the sample's own error is 0.2 %
    assert abs(drawn.std() * 20 - 1) < 0.01


@pytest.mark.slow
def test_a_bound_is_in_norms_of_the_named_maps():
    from gradflow.proofs.bounding.step import bounds
    from gradflow.proofs.coq import check as coq_check

    assert bounds(cell_of("by a number")).statement().startswith("|dh'/dh| <= 7/3 |W|;")
    claims = gf.prove(cell_of("antisymmetric"))
    level = "PROVED" if coq_check.available() else "CERTIFIED"
    assert claims["sums.upper"].level == level
    assert "<= (1 + |W| + 1/2 sup|gamma|)^(t-k)" in claims["sums.upper"].text()
    params, _, _ = draw(cell_of("numbers"), np.random.default_rng(0), **SIZES)
    for claim in gf.prove(cell_of("numbers"), params):
        assert claim.level == ("CERTIFIED" if claim.name == "sums.weights" else level)
        assert claim.margin is None or claim.margin.holds
