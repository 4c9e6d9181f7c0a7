"""Sampled populations: the field oracle, closed theory, limits that are refused."""

import math

import numpy as np
import pytest

import gradflow as gf
from ensembles.cells import ANTISYMMETRIC, LIGHT, OWN, SHIFT, SUMMED
from gradflow.cells.initializers import (
    constant,
    glorot,
    identity,
    identity_plus_noise,
    orthogonal,
)
from gradflow.ensembles.fields import Field
from gradflow.ensembles.laws import MapLaw, read_laws
from gradflow.errors import UsageError

QUICK = {"populations": 3, "size": 256, "steps": 10}


def test_a_field_is_one_linear_map():
    rng = np.random.default_rng(0)
    field = Field(300, 500, rng)
    v, w = rng.standard_normal((2, 500))
    u = rng.standard_normal(300)
    a, b, c = field(v), field(w), field(u, transposed=True)
    mixed = field(2 * v - 3 * w)
    np.testing.assert_allclose(mixed, 2 * a - 3 * b, atol=2e-5)  # memory in single precision
    assert u @ a == pytest.approx(v @ c, abs=1e-3)
    assert u @ field(w) == pytest.approx(w @ c, abs=1e-3)
    # entries of variance 1 / columns: each product has mean square |v|^2 / 500, both ways
    assert np.mean(a**2) == pytest.approx(v @ v / 500, rel=1e-4)
    assert np.mean(c**2) == pytest.approx(u @ u / 500, rel=0.2)
    field.clear()
    assert np.abs(field(v) - a).max() > 0.1


def test_fields_have_the_covariances_of_their_vectors():
    # a long chain of vectors, each made of earlier answers: orthogonality must not be lost
    rng = np.random.default_rng(2)
    field = Field(400, 400, rng)
    v, vectors, answers = rng.standard_normal(400), [], []
    for _ in range(150):
        vectors.append(np.tanh(v))
        answers.append(field(vectors[-1]))
        v = 0.5 * v + 1.5 * answers[-1]
    asked, answered = np.array(vectors[-20:]), np.array(answers[-20:])
    gram = asked @ asked.T / 400
    np.testing.assert_allclose(answered @ answered.T / 400, gram, atol=1e-5)
    assert np.abs(answered @ answered.T / 400 - 1.001 * gram).max() > 1e-5


def test_a_field_of_more_vectors_than_it_remembers():
    rng = np.random.default_rng(1)
    field = Field(400, 400, rng)
    vectors = rng.standard_normal((200, 400))
    answers = [field(v) for v in vectors]
    # the last ones are remembered, the first ones drawn again
    np.testing.assert_allclose(field(vectors[-1]), answers[-1], atol=1e-3)
    assert np.abs(field(vectors[0]) - answers[0]).max() > 0.1


@pytest.mark.parametrize("tied", [True, False])
def test_sampling_agrees_with_quadrature(tied):
    exact = gf.mean_field("rnn", gains=2.0, biases={"b": (0, 0.1)}, tied=tied)
    found = gf.mean_field(
        "rnn", gains=2.0, biases={"b": (0, 0.1)}, tied=tied, method="sampled", size=600, steps=100
    )
    assert found.method == "sampled"
    assert abs(found.exponent - exact.exponent) < 2 * found.error < 0.03
    assert found.moments["h"] == pytest.approx(exact.moments["h"], rel=0.02)


@pytest.mark.slow
def test_sampling_finds_bulk_and_outlier():
    case = {"gains": {"U_z": 1.0, "U_g": 1.3}, "biases": {"b_z": 1.0, "b_g": (0, 0.05)}}
    exact = gf.mean_field(LIGHT, tied=False, **case)
    found = gf.mean_field(
        LIGHT, tied=False, method="sampled", size=2000, populations=3, steps=60, **case
    )
    assert found.bulk == pytest.approx(exact.bulk, abs=6e-3)
    assert found.exponent == pytest.approx(exact.outlier, abs=0.015)


def fresh_lstm_by_hand(gain, bias, variance, units=20000, burn=100, steps=60):
    """Return the growth of a tangent of an LSTM, fresh weights, from its equations.

    Fields are drawn with the means of h h, h dh and dh dh over many independent units.
    """
    rng = np.random.default_rng(0)
    h, c = 0.5 * rng.standard_normal((2, units))
    dh, dc = rng.standard_normal((2, units))
    logs = []
    for _ in range(burn + steps):
        own, both, moved = np.mean(h * h), np.mean(h * dh), np.mean(dh * dh)
        a, da = {}, {}
        for gate in "ifog":
            z, w, noise = rng.standard_normal((3, units))
            field = gain * math.sqrt(own) * z
            a[gate] = field + bias[gate] + math.sqrt(variance) * noise
            da[gate] = both / own * field + gain * math.sqrt(moved - both**2 / own) * w
        i, f, o = (1 / (1 + np.exp(-a[gate])) for gate in "ifo")
        g = np.tanh(a["g"])
        di, df, do = (s * (1 - s) * da[gate] for s, gate in zip((i, f, o), "ifo", strict=True))
        dc = f * dc + df * c + di * g + i * (1 - g**2) * da["g"]
        c = f * c + i * g
        dh = do * np.tanh(c) + o * (1 - np.tanh(c) ** 2) * dc
        h = o * np.tanh(c)
        size = math.sqrt(np.mean(dc * dc) + np.mean(dh * dh))
        signs = rng.choice([-1.0, 1.0], units) / size  # second moments alone are left
        dc, dh = dc * signs, dh * signs
        logs.append(math.log(size))
    return np.mean(logs[burn:])


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "forget"), [(4.0, 0.0), (4.0, 2.0), (1.0, 3.0)])
def test_an_lstm_with_fresh_weights_by_hand(gain, forget):
    exact = fresh_lstm_by_hand(gain, dict.fromkeys("iog", 0.0) | {"f": forget}, 0.05)
    biases = dict.fromkeys(("b_i", "b_o", "b_g"), (0, 0.05)) | {"b_f": (forget, 0.05)}
    how = {"size": 4000, "populations": 4, "steps": 100}
    found = gf.mean_field("lstm", gains=gain, biases=biases, tied=False, **how)
    assert found.exponent == pytest.approx(exact, abs=2e-3)
    assert found.error < 2.5e-3


def test_the_same_seed_gives_the_same_number():
    one, two, three = (
        gf.mean_field("rnn", method="sampled", rng=rng, **QUICK).exponent for rng in (1, 1, 2)
    )
    assert one == two != three


@pytest.mark.parametrize("name", gf.cells.names())
def test_every_cell_of_the_library_has_a_theory(name):
    found = gf.mean_field(name, inputs=1.0, **QUICK)
    assert found.error < 0.2
    assert -3 < found.exponent < 0.1
    assert repr(found).count("\n") == 0


@pytest.mark.parametrize("cell", [OWN, SHIFT, ANTISYMMETRIC], ids=lambda c: c.name)
def test_a_cell_of_ones_own_from_its_declaration(cell):
    assert gf.mean_field(cell, gains=1.0, **QUICK).method == "sampled"


def test_laws_of_inputs():
    laws = [gf.ensembles.white(0.5), gf.ensembles.correlated(0.5, 0.9), gf.ensembles.one_hot(2)]
    found = [gf.mean_field("rnn", gains=1.5, inputs=law, method="sampled", **QUICK) for law in laws]
    # without memory of its own the network sees the variance alone, and all three have 1/2
    exact = gf.mean_field("rnn", gains=1.5, inputs=0.5)
    for one in found[:2]:
        assert one.moments["h"] == pytest.approx(exact.moments["h"], rel=0.1)
    assert found[2].moments["h"] == pytest.approx(exact.moments["h"], rel=0.2)


def test_the_laws_are_those_of_the_initializers():
    def law(rule, sizes=None):
        return read_laws("t", gf.cells.rnn, {"U": rule}, None, 0.0, sizes).maps["U"]

    n = {"hidden": 100, "input": 25}
    assert law(identity(0.9)) == MapLaw(0.9, 0.0)
    assert law(orthogonal(1.5)) == MapLaw(0.0, 1.5, orthogonal=True)
    assert law(identity_plus_noise(1.0, 0.02), n) == MapLaw(1.0, 0.2)
    assert law(glorot()) == law(2 * 0.5) == MapLaw(0.0, 1.0)
    default = read_laws("t", gf.cells.rnn, None, None, 0.0, n)
    assert default.maps["U"] == MapLaw(0.0, 1.0)
    drawn = gf.cells.rnn.init(hidden=100, inputs=25, rng=0)["W"]
    assert default.maps["W"].sigma == pytest.approx(drawn.std() * 5, rel=0.05)
    assert read_laws("t", gf.cells.lstm, None, None, 0.0).vectors["b_f"].mean == 1.0
    for rule, words in (
        (constant(0.1), "do not fall as the units grow"),
        (identity_plus_noise(1.0, 0.02), "pass sizes="),
    ):
        with pytest.raises(UsageError, match=words):
            law(rule)


def test_a_sum_has_no_limit():
    with pytest.raises(UsageError, match=r"cell 'summed' has sum\(sum_in\), .* no limit"):
        gf.mean_field(SUMMED)


def test_a_mask_of_single_rows_has_no_limit():
    cell = gf.Cell(
        name="rows",
        state="h",
        maps="U",
        masks={"U": "row(index) > column(index)"},
        equations="h_next = tanh(U @ h)",
    )
    with pytest.raises(UsageError, match="every row is a kind of its own"):
        gf.mean_field(cell, **QUICK)


def test_an_identity_carries_everything():
    found = gf.mean_field("irnn", inputs=0.0, biases={"b": 0.1}, **QUICK)
    assert found.exponent == pytest.approx(0, abs=1e-9)
    smaller = gf.mean_field("irnn", gains=identity(0.9), biases={"b": 0.1}, **QUICK)
    assert smaller.exponent == pytest.approx(math.log(0.9), abs=1e-9)


def test_wrong_arguments_are_refused():
    for given, words in (
        ({"gains": {"V": 1.0}}, "gains names 'V'; the cell has W, U"),
        ({"gains": -1.0}, "gains"),
        ({"inputs": -1.0}, "inputs is -1.0"),
        ({"biases": {"b": "x"}}, r"biases\['b'\] is 'x'"),
        ({"sizes": {"hidden": 0}}, "sizes"),
        ({"method": "guess"}, "auto, quadrature, sampled"),
        ({"populations": 1}, "from 2 to 10000"),
    ):
        with pytest.raises(UsageError, match=words):
            gf.mean_field("rnn", **given)
