"""Stacks: one map through depth and time, against differences and against the layers by hand."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import NotFiniteError, PrecisionError, UsageError
from gradflow.networks.between import Normalisation

STACKS = [("lstm", 3), ("gru", 2), (["gru", "lstm", "rnn"], None), ("irnn", 1)]
OPTIONS = [{}, {"residual": True}, {"norm": True}, {"residual": True, "norm": True}]


ROOT = gf.Cell(
    name="root",
    state="h",
    inputs="x",
    maps="W",
    vectors="b",
    equations="h_next = 0*h + sqrt(W @ x + b)",
)


def made(cell, layers, options):
    network = gf.stack(cell, layers, hidden=4, inputs=3, rng=1, **options)
    return network, np.random.default_rng(0).normal(size=(6, 3))


def stepped(network, flat, x):
    """One step of the whole network from a flat state."""
    state, at = [], 0
    for layer in network.layers:
        state.append({})
        for part in layer.cell.states:
            state[-1][part] = flat[at : at + 4]
            at += 4
    return network.run(x[None], state).flat_states[-1]


def differences(network, flat, x, h):
    columns = [
        (stepped(network, flat + h * v, x) - stepped(network, flat - h * v, x)) / (2 * h)
        for v in np.eye(len(flat))
    ]
    return np.array(columns).T


@pytest.mark.parametrize(("cell", "layers"), STACKS)
@pytest.mark.parametrize("options", OPTIONS)
def test_the_jacobian_has_the_order_of_central_differences(cell, layers, options):
    network, x = made(cell, layers, options)
    run = network.run(x)
    jacobian, flat = run.jacobian(4), run.flat_states[3]
    errors = [np.abs(differences(network, flat, x[3], h) - jacobian).max() for h in (4e-3, 2e-3)]
    if cell == "irnn":  # piecewise linear: the differences are exact but for rounding
        assert max(errors) < 1e-10
        return
    assert 3.5 < errors[0] / errors[1] < 4.5
    planted = jacobian * 1.001
    wrong = [np.abs(differences(network, flat, x[3], h) - planted).max() for h in (4e-3, 2e-3)]
    assert not 3.5 < wrong[0] / wrong[1] < 4.5


@pytest.mark.parametrize(("cell", "layers"), STACKS)
@pytest.mark.parametrize("options", OPTIONS)
def test_everything_speaks_of_that_jacobian(cell, layers, options):
    network, x = made(cell, layers, options)
    run = network.run(x)
    whole = run.jacobians()
    row = np.random.default_rng(3).normal(size=run.width)
    np.testing.assert_allclose(run.vjp(row, 4), row @ whole[3], atol=1e-14)
    np.testing.assert_allclose(sum(run.path_jacobians().values()), whole, atol=1e-14)
    product = np.eye(run.width)
    for t in range(6):
        product = whole[t] @ product
    last = run.gradient_decay(row).log_norm[-1]
    with np.errstate(divide="ignore"):  # the one-layer network of ReLU is dead by then: log 0
        want = np.log(np.linalg.norm(row @ product))
    assert last == pytest.approx(want, abs=1e-12)
    norms = run.layer_norms(6)
    for a, rows in enumerate(run.layers):
        for b, columns in enumerate(run.layers):
            want = np.linalg.norm(product[rows, columns], 2)
            if b > a:
                assert norms[a, b] == -np.inf
            else:
                with np.errstate(divide="ignore"):
                    assert norms[a, b] == pytest.approx(np.log(want), abs=1e-11)


def test_parameter_gradients_by_differences():
    network, x = made("gru", 2, {"norm": True, "residual": True})
    run = network.run(x)
    row = np.random.default_rng(3).normal(size=run.width)
    total = run.parameter_gradient(row).total
    for level in (0, 1):
        layer = network.layers[level]
        for name in ("U_z", "W_g", "b_r"):
            change = np.random.default_rng(5).normal(size=layer.params[name].shape)
            ends = []
            for h in (1e-5, -1e-5):
                moved = dict(layer.params) | {name: layer.params[name] + h * change}
                layers = list(network.layers)
                layers[level] = replaced(layer, moved)
                ends.append(row @ with_layers(network, layers).run(x).flat_states[-1])
            want = (ends[0] - ends[1]) / 2e-5
            found = float((total[f"{level + 1}.{name}"] * change).sum())
            # a central difference of step 1e-5 is good to about 1e-10 here
            assert found == pytest.approx(want, abs=1e-8)


def replaced(layer, params):
    from dataclasses import replace

    return replace(layer, params=params)


def with_layers(network, layers):
    from dataclasses import replace

    return replace(network, layers=tuple(layers))


def test_batches_go_together():
    network = gf.stack("lstm", 2, hidden=3, inputs=2, rng=0)
    x = np.random.default_rng(0).normal(size=(5, 7, 2))
    run = network.run(x)
    single = network.run(x[3])
    np.testing.assert_allclose(run.one(3).jacobians(), single.jacobians(), atol=1e-15)
    row = np.ones(run.width)
    np.testing.assert_allclose(
        run.gradient_decay(row).log_norm[3], single.gradient_decay(row).log_norm, atol=1e-12
    )


def test_the_derivative_of_a_normalisation_and_its_transpose():
    chance = np.random.default_rng(0)
    norm = Normalisation(gain=chance.normal(size=5), shift=chance.normal(size=5))
    h, v, u = chance.normal(size=(3, 5))
    found = norm.push(h, v[:, None])[:, 0]
    want = (norm.value(h + 1e-6 * v) - norm.value(h - 1e-6 * v)) / 2e-6
    np.testing.assert_allclose(found, want, atol=1e-9)
    assert u @ found == pytest.approx(norm.pull(h, u) @ v, abs=1e-13)


def test_lyapunov_spectrum_of_a_stack_is_that_of_its_layers():
    """Block triangular: the exponents of independent layers are those of the blocks."""
    network = gf.stack("rnn", 2, hidden=3, inputs=2, rng=0)
    x = np.random.default_rng(0).normal(size=(400, 2))
    run = network.run(x)
    sums = run.lyapunov().exponents.sum()
    slopes = np.linalg.slogdet(run.jacobians()[40:])[1].mean()
    assert sums == pytest.approx(slopes, abs=1e-6)


@pytest.mark.parametrize("hidden", [1, 3, 14])
def test_lyapunov_spectra_of_a_batch_are_those_of_its_runs(hidden):
    """Small ones go forward together, those of 28 units one after the other."""
    network = gf.stack("rnn", 2, hidden=hidden, inputs=2, rng=0)
    run = network.run(np.random.default_rng(0).normal(size=(2, 3, 200, 2)))
    found = run.lyapunov(leading=2)
    assert found.exponents.shape == (2, 3, 2)
    for index in np.ndindex(2, 3):
        one = run.one(*index).lyapunov(leading=2)
        # the same steps, with windows that end elsewhere
        np.testing.assert_allclose(found.exponents[index], one.exponents, atol=1e-8)
        np.testing.assert_allclose(found.history[index][-1], one.history[-1], atol=1e-8)
    assert np.ptp(found.exponents[..., 0]) > 1e-4  # runs that differ cannot pass for each other


def test_refusals_name_the_layer():
    network = gf.stack("lstm", 2, hidden=3, inputs=2, rng=0)
    with pytest.raises(UsageError, match="layer 1 reads 2"):
        network.run(np.zeros((4, 3)))
    with pytest.raises(UsageError, match="one a layer"):
        network.run(np.zeros((4, 2)), [None])
    with pytest.raises(UsageError, match="gives its part h"):
        gf.stack("scalar", 2, hidden=3, inputs=2)


def test_a_slope_that_is_not_finite_is_located_in_its_layer():
    """The second layer's ``level`` is 0 at its first unit at step 3 alone, where W x is."""
    network = gf.stack(ROOT, 2, hidden=2, inputs=2, rng=0)
    first, second = network.layers
    first.params["W"][...], second.params["W"][...] = np.eye(2), np.eye(2)
    first.params["b"][...], second.params["b"][...] = 1.0, -1.0
    x = np.full((5, 2), 8.0)
    x[2, 0] = 0.0  # sqrt(0 + 1) - 1 = 0
    run = network.run(x)
    fault = run.fault()
    assert (fault.step, fault.equation, fault.unit, fault.operation) == (3, "2.h", 0, "sqrt")
    assert fault.wrt == "2.W"
    with pytest.raises((NotFiniteError, PrecisionError), match=r"step 3, equation 2\.h: the slope"):
        run.parameter_gradient(np.ones((5, run.width)))
