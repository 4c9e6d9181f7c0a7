"""Initial values: exact properties, exact bounds for random ones, seeds, and refusals."""

import numpy as np
import pytest
from scipy.stats import chi2

import gradflow as gf
from gradflow.cells.initializers import (
    RULES,
    chrono,
    clock_periods,
    constant,
    gaussian,
    glorot,
    identity,
    identity_plus_noise,
    orthogonal,
    read_choices,
)
from gradflow.errors import UsageError


def draw(rule, shape, seed=0):
    return rule.draw(np.random.default_rng(seed), shape)


def within_chi_square(values, std):
    """Whether the sum of squares lies within the two-sided 1e-6 quantiles of its exact law."""
    total = (values**2).sum() / std**2
    return chi2.ppf(5e-7, values.size) < total < chi2.ppf(1 - 5e-7, values.size)


def test_gaussian_has_standard_deviation_g_over_sqrt_columns():
    weights = draw(gaussian(1.5), (70, 40))
    assert within_chi_square(weights, 1.5 / np.sqrt(40))
    assert not within_chi_square(weights, 1.5 / np.sqrt(70))  # rows instead of columns is seen
    assert abs(weights.mean()) < 5 * 1.5 / np.sqrt(40) / np.sqrt(weights.size)


def test_glorot_is_uniform_within_its_limit():
    weights = draw(glorot(), (30, 50))
    limit = np.sqrt(6 / 80)
    assert np.abs(weights).max() <= limit
    assert np.abs(weights).max() > 0.99 * limit
    # The fourth moment bounds the sample variance's own deviation: five of them.
    deviation = limit**2 * np.sqrt((1 / 5 - 1 / 9) / weights.size)
    assert abs((weights**2).mean() - limit**2 / 3) < 5 * deviation


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (1, 1)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape):
    weights = draw(orthogonal(2.0), shape) / 2.0
    gram = weights @ weights.T if shape[0] <= shape[1] else weights.T @ weights
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-12)


def test_identity_and_noise():
    np.testing.assert_array_equal(draw(identity(0.9), (4, 4)), 0.9 * np.eye(4))
    noisy = draw(identity_plus_noise(1.0, 0.01), (50, 50))
    assert within_chi_square(noisy - np.eye(50), 0.01)


def test_constant_chrono_and_periods():
    assert set(draw(constant(-3.0), (5,))) == {-3.0}
    biases = draw(chrono(100), (4000,))
    assert biases.min() >= 0.0
    assert biases.max() <= np.log(99)
    # exp of the bias is uniform on [1, 99]: its mean is 50, within five standard errors.
    assert abs(np.exp(biases).mean() - 50) < 5 * 98 / np.sqrt(12 * 4000)
    assert draw(clock_periods(3), (7,)).tolist() == [1, 1, 1, 2, 2, 4, 4]
    assert draw(clock_periods(8), (2,)).tolist() == [1, 2]


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_a_seed_gives_the_same_arrays_as_its_generator(name):
    cell = gf.cells.get(name)
    sizes = {
        ("inputs" if s == "input" else s): n for s, n in zip(cell.sizes, (4, 3, 2), strict=False)
    }
    first = cell.init(rng=7, **sizes)
    second = cell.init(rng=np.random.default_rng(7), **sizes)
    other = cell.init(rng=8, **sizes)
    assert list(first) == [*cell.parameters, *cell.constant_names]
    for key, value in first.items():
        np.testing.assert_array_equal(value, second[key])
        assert value.shape == tuple(
            {
                **dict.fromkeys(["one"], 1),
                **{("input" if s == "inputs" else s): n for s, n in sizes.items()},
            }[space]
            for space in cell.shape_of(key)
        )
    if cell.linear_maps:
        assert any((first[k] != other[k]).any() for k in cell.linear_maps)


def test_defaults_of_the_papers():
    np.testing.assert_array_equal(gf.cells.irnn.init(hidden=3, inputs=2)["U"], np.eye(3))
    assert set(gf.cells.lstm.init(hidden=3, inputs=2)["b_f"]) == {1.0}
    assert gf.cells.scrn.init(hidden=3, inputs=2, context=4)["alpha"].tolist() == [0.95]


def test_roles_and_names_choose_the_initializer():
    params = gf.cells.gru.init(hidden=3, inputs=2, recurrent=identity(0.5), input_maps=2.0, U_z=0.0)
    np.testing.assert_array_equal(params["U_r"], 0.5 * np.eye(3))
    np.testing.assert_array_equal(params["U_z"], np.zeros((3, 3)))
    np.testing.assert_array_equal(params["W_g"], np.full((3, 2), 2.0))
    given = np.arange(3.0)
    assert gf.cells.gru.init(hidden=3, inputs=2, b_r=given)["b_r"].tolist() == [0, 1, 2]


def test_forget_bias_and_chrono():
    assert set(gf.cells.lstm.init(hidden=3, inputs=2, forget_bias=4)["b_f"]) == {4.0}
    assert set(gf.cells.gru.init(hidden=3, inputs=2, forget_bias=4)["b_z"]) == {4.0}
    params = gf.cells.lstm.init(hidden=50, inputs=2, rng=0, chrono=30)
    np.testing.assert_array_equal(params["b_i"], -params["b_f"])
    assert params["b_f"].max() <= np.log(29)


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"inputs": 2}, "init needs hidden="),
        ({"hidden": 2}, "init needs inputs="),
        ({"hidden": 0, "inputs": 2}, "hidden=0; a size is a whole number of at least 1"),
        ({"hidden": -1, "inputs": 2}, "at least 1"),
        ({"hidden": 2.5, "inputs": 2}, "at least 1"),
        ({"hidden": "many", "inputs": 2}, "at least 1"),
        ({"hidden": 2, "inputs": 2, "U_q": 0}, "init got 'U_q'; allowed are hidden, inputs, W_i"),
        ({"hidden": 2, "inputs": 2, "U_f": np.eye(3)}, r"U_f has shape \(3, 3\); \(2, 2\)"),
        ({"hidden": 2, "inputs": 2, "b_f": identity(1.0)}, "is for maps, not for a vector"),
        ({"hidden": 2, "inputs": 2, "chrono": 2}, "must be above 2"),
        ({"hidden": 2, "inputs": 2, "chrono": 9, "forget_bias": 1}, "keep one"),
    ],
)
def test_bad_choices_are_refused(choices, says):
    with pytest.raises(UsageError, match=says):
        gf.cells.lstm.init(**choices)


def test_a_cell_without_a_forget_gate_says_so():
    with pytest.raises(UsageError, match="no forget gate"):
        gf.cells.rnn.init(hidden=2, inputs=2, forget_bias=1)


def test_the_command_lines_words_are_read():
    found = read_choices("orthogonal, b_f=constant:3,forget_bias:2 ,U_g=identity_plus_noise:1:0.1")
    assert found == {
        "recurrent": orthogonal(),
        "b_f": constant(3.0),
        "forget_bias": 2.0,
        "U_g": identity_plus_noise(1.0, 0.1),
    }
    assert read_choices("") == {}
    for rule in RULES.values():
        made = rule(50.0) if rule in (constant, chrono) else rule()
        assert read_choices(f"U={made}") == {"U": made}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gausian", "unknown rule 'gausian'"),
        ("gaussian:a", "no number"),
        ("gaussian:1:2", "wrong count"),
        ("constant", "wrong count"),
        ("=gaussian:", "no number"),
    ],
)
def test_words_that_cannot_be_read_are_refused(text, says):
    with pytest.raises(UsageError, match=says):
        read_choices(text)
