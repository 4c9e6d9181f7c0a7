"""Initial values: exact properties where there are some, moments within exact bounds elsewhere."""

import numpy as np
import pytest
from scipy.stats import chi2, kstest

import gradflow as gf
from gradflow.cells.initializers import (
    chrono,
    clock_periods,
    constant,
    gaussian,
    glorot,
    identity,
    identity_plus_noise,
    orthogonal,
)
from gradflow.errors import UsageError


def drawn(rule, shape, seed=0):
    return rule.draw(np.random.default_rng(seed), shape)


def chi_square_accepts(values, std):
    """Whether the sum of squares lies between its two-sided one-in-a-million quantiles."""
    low, high = chi2.ppf([5e-7, 1 - 5e-7], values.size)
    return low < (values**2).sum() / std**2 < high


@pytest.mark.parametrize("shape", [(400, 300), (30, 50), (2000,)])
def test_gaussian_has_its_standard_deviation(shape):
    std = 1.7 / np.sqrt(shape[-1])
    z = drawn(gaussian(1.7), shape)
    assert chi_square_accepts(z, std)
    assert not chi_square_accepts(1.2 * z, std)
    assert not chi_square_accepts(z, 1.7 / np.sqrt(shape[0])) or len(shape) == 1
    assert abs(z.sum()) < 5 * std * np.sqrt(z.size)  # five standard deviations of the sum
    assert kstest(z.ravel() / std, "norm").pvalue > 1e-6


def test_glorot_fills_its_interval_evenly():
    z = drawn(glorot(), (300, 100))
    limit = np.sqrt(6 / 400)
    assert np.abs(z).max() <= limit
    assert kstest(z.ravel() / limit, "uniform", (-1, 2)).pvalue > 1e-6


@pytest.mark.parametrize("shape", [(40, 40), (40, 7), (7, 40), (1, 1), (1, 5)])
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_orthogonal_rows_or_columns(shape, gain):
    q = drawn(orthogonal(gain), shape) / gain
    assert q.shape == shape
    gram = q @ q.T if shape[0] <= shape[1] else q.T @ q
    # Householder QR of 40 columns: some 40 eps = 1e-14
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-12)


def test_orthogonal_is_haar():
    """Without the signs of diag(R) the entry (0, 0) would always be negative (Mezzadri 2007)."""
    rng = np.random.default_rng(0)
    corner = np.array([orthogonal().draw(rng, (3, 3))[0, 0] for _ in range(2000)])
    # one coordinate of a uniform point on the sphere in 3 dimensions is uniform on [-1, 1]
    assert kstest(corner, "uniform", (-1, 2)).pvalue > 1e-6


@pytest.mark.parametrize("shape", [(4, 4), (4, 6), (6, 4)])
def test_identity_is_exact(shape):
    assert np.array_equal(drawn(identity(0.9), shape), 0.9 * np.eye(*shape))
    noise = drawn(identity_plus_noise(0.9, 0.01), (200, 300)) - 0.9 * np.eye(200, 300)
    assert chi_square_accepts(noise, 0.01)
    assert np.array_equal(drawn(identity_plus_noise(1.0, 0.0), shape), np.eye(*shape))


def test_constant_chrono_and_clocks():
    assert np.array_equal(drawn(constant(3.5), (3, 2)), np.full((3, 2), 3.5))
    b = drawn(chrono(100), (5000,))
    assert b.min() >= 0
    assert b.max() <= np.log(99)
    assert kstest(np.exp(b), "uniform", (1, 98)).pvalue > 1e-6
    assert drawn(clock_periods(3), (7,)).tolist() == [1, 1, 1, 2, 2, 4, 4]
    assert drawn(clock_periods(8), (3,)).tolist() == [1, 2, 4]
    assert drawn(clock_periods(), (1,)).tolist() == [1]


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_the_same_seed_gives_the_same_arrays(name):
    cell = gf.cells.get(name)
    sizes = {
        ("inputs" if s == "input" else s): n for s, n in zip(cell.sizes, (6, 5, 4), strict=False)
    }
    first, again = cell.init(rng=3, **sizes), cell.init(rng=3, **sizes)
    passed = cell.init(rng=np.random.default_rng(3), **sizes)
    other = cell.init(rng=4, **sizes)
    assert list(first) == [*cell.parameters, *cell.constant_names]
    drawn_ones = [k for k in first if k in cell.linear_maps and not (name == "irnn" and k == "U")]
    for key, array in first.items():
        assert array.dtype == np.float64
        assert array.shape == tuple(
            {**sizes, "one": 1, "input": sizes.get("inputs")}[s] for s in cell.shape_of(key)
        )
        assert np.array_equal(array, again[key])
        assert np.array_equal(array, passed[key])
        assert (key in drawn_ones) != np.array_equal(array, other[key])


def test_defaults_of_the_library():
    lstm = gf.cells.lstm.init(hidden=3, inputs=2, rng=0)
    assert np.array_equal(lstm["b_f"], np.ones(3))
    assert np.array_equal(lstm["b_i"], np.zeros(3))
    irnn = gf.cells.irnn.init(hidden=3, inputs=2, rng=0)
    assert np.array_equal(irnn["U"], np.eye(3))
    assert np.array_equal(irnn["b"], np.zeros(3))
    assert gf.cells.scrn.init(hidden=3, inputs=2, context=4, rng=0)["alpha"].tolist() == [0.95]
    clockwork = gf.cells.clockwork.init(hidden=16, inputs=2, rng=0)
    assert clockwork["period"].tolist() == np.repeat(2.0 ** np.arange(8), 2).tolist()
    assert gf.cells.scalar.init()["w"].tolist() == [1.0]


def test_memory_choices():
    lstm = gf.cells.lstm.init(hidden=200, inputs=2, rng=0, chrono=50)
    assert np.array_equal(lstm["b_i"], -lstm["b_f"])
    assert lstm["b_f"].min() >= 0
    assert lstm["b_f"].max() <= np.log(49)
    assert np.ptp(lstm["b_f"]) > 1
    assert np.array_equal(
        gf.cells.lstm.init(hidden=3, inputs=2, forget_bias=2.5)["b_f"], np.full(3, 2.5)
    )
    gru = gf.cells.gru.init(hidden=3, inputs=2, forget_bias=-1)
    assert np.array_equal(gru["b_z"], np.full(3, -1.0))
    assert gf.cells.gru.init(hidden=3, inputs=2, chrono=50, rng=0)["b_z"].min() > 0


def test_choices_by_role_and_by_name():
    W = np.arange(6.0).reshape(3, 2)
    params = gf.cells.lstm.init(
        hidden=3, inputs=2, rng=0, recurrent=identity(0.5), input_maps=constant(2), W_f=W, b_o=7
    )
    assert all(np.array_equal(params[f"U_{k}"], 0.5 * np.eye(3)) for k in "ifog")
    assert all(np.array_equal(params[f"W_{k}"], np.full((3, 2), 2)) for k in "iog")
    assert np.array_equal(params["W_f"], W)
    assert np.array_equal(params["b_o"], np.full(3, 7.0))
    assert params["W_f"] is not W
    params["W_f"][0, 0] = 99
    assert W[0, 0] == 0


def test_the_size_of_the_input_by_its_own_name():
    wanted = gf.cells.rnn.init(hidden=3, inputs=2, rng=0)
    found = gf.cells.rnn.init(hidden=3, input=2, rng=0)
    assert all(np.array_equal(found[key], wanted[key]) for key in wanted)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.array(0.5), [0.5], np.array([0.5])])
def test_a_scalar_parameter_by_a_number_or_an_array(value):
    found = gf.cells.scalar.init(w=value)["w"]
    assert found.tolist() == [0.5]
    assert found.dtype == np.float64


def test_a_default_array_is_never_handed_out():
    level = np.array([1.0, 2.0])
    cell = gf.Cell(
        name="c", state="h", constants="k", equations="h_next = k * h", defaults={"k": level}
    )
    cell.init(hidden=2)["k"][0] = 99
    assert cell.init(hidden=2)["k"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("name", "choices", "message"),
    [
        ("rnn", {"inputs": 2}, "init needs hidden="),
        ("rnn", {"hidden": 3}, "init needs inputs="),
        ("rnn", {"hidden": 3, "inputs": 2, "input": 2}, "both inputs= and input= given; keep one"),
        ("rnn", {"hidden": 3, "input": 0}, "input is 0; it must be a whole number"),
        ("rnn", {"hidden": 3, "inputs": 2, "b": np.ones(3) * 1j}, "b is no array of real"),
        ("rnn", {"hidden": 3, "inputs": 2, "b": 1 + 0j}, "b is given as"),
        ("rnn", {"hidden": 0, "inputs": 2}, "hidden is 0; it must be a whole number"),
        ("rnn", {"hidden": -3, "inputs": 2}, "hidden is -3; it must be a whole number"),
        ("rnn", {"hidden": 3.0, "inputs": 2}, "hidden is 3.0; it must be a whole number"),
        ("rnn", {"hidden": True, "inputs": 2}, "hidden is True; it must be a whole number"),
        ("rnn", {"hidden": "3", "inputs": 2}, "hidden is '3'; it must be a whole number"),
        (
            "rnn",
            {"hidden": 3, "inputs": 2, "V": 1.0},
            "init got 'V'; allowed are hidden, inputs, W",
        ),
        ("rnn", {"hidden": 3, "inputs": 2, "U": np.eye(4)}, r"U has shape \(4, 4\); \(3, 3\)"),
        ("rnn", {"hidden": 3, "inputs": 2, "b": np.ones((3, 1))}, r"b has shape \(3, 1\)"),
        ("rnn", {"hidden": 3, "inputs": 2, "U": "orthogonal"}, "U is given as 'orthogonal'"),
        ("rnn", {"hidden": 3, "inputs": 2, "U": [[1], [1, 2]]}, "U is given as"),
        ("rnn", {"hidden": 3, "inputs": 2, "b": orthogonal()}, "b: initializer orthogonal"),
        ("rnn", {"hidden": 3, "inputs": 2, "U": clock_periods()}, r"U has shape \(3,\)"),
        ("rnn", {"hidden": 3, "inputs": 2, "rng": -1}, "rng=-1 is no seed"),
        ("rnn", {"hidden": 3, "inputs": 2, "rng": "a"}, "rng='a' is no seed"),
        ("rnn", {"hidden": 3, "inputs": 2, "forget_bias": 1}, "has no forget gate"),
        ("rnn", {"hidden": 3, "inputs": 2, "chrono": 9}, "has no forget gate"),
        ("lstm", {"hidden": 3, "inputs": 2, "chrono": 2}, "longest memory 2; it must be above 2"),
        ("lstm", {"hidden": 3, "inputs": 2, "chrono": "x"}, "longest memory 'x'"),
        ("lstm", {"hidden": 3, "inputs": 2, "chrono": float("nan")}, "longest memory nan"),
        ("lstm", {"hidden": 3, "inputs": 2, "forget_bias": "x"}, "b_f is given as"),
        (
            "lstm",
            {"hidden": 3, "inputs": 2, "chrono": 9, "forget_bias": 1},
            "both forget_bias= and",
        ),
        ("lstm", {"hidden": 3, "inputs": 2, "forget_bias": 1, "b_f": 2}, "forget_bias= and b_f="),
        ("lstm", {"hidden": 3, "inputs": 2, "chrono": 9, "b_i": 2}, "chrono= and b_i="),
        ("scalar", {"recurrent": identity()}, "no maps that recurrent= could set"),
        ("scalar", {"input_maps": identity()}, "no maps that input_maps= could set"),
        ("clockwork", {"hidden": 3, "inputs": 2, "period": np.ones(4)}, "period has shape"),
    ],
)
def test_wrong_choices(name, choices, message):
    with pytest.raises(UsageError, match=message) as caught:
        gf.cells.get(name).init(**choices)
    assert f"cell {name!r}" in str(caught.value) or "initializer" in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_constant_without_default_must_be_given():
    cell = gf.Cell(name="c", state="h", constants="D[hidden,hidden]", equations="h_next = D @ h")
    with pytest.raises(UsageError, match="constant 'D' has no default; pass D="):
        cell.init(hidden=2)
    with pytest.raises(UsageError, match="constant 'D' has no default"):
        cell.init(hidden=2, recurrent=identity())
    assert cell.init(hidden=2, D=np.eye(2))["D"].tolist() == [[1, 0], [0, 1]]


def test_number_of_modules():
    with pytest.raises(UsageError, match="0 modules; it must be 1 or more"):
        clock_periods(0)
