"""Lyapunov spectra of systems with known answers, degenerate ones first."""

import mpmath
import numpy as np
import pytest
from scipy.special import digamma, polygamma

from gradflow.spectra.lyapunov.spectrum import initial_frame, lyapunov_spectrum
from oracles.precision import lstm_jacobians, rnn_jacobians


def henon(steps, a=1.4, b=0.3):
    """Jacobians along the attractor of x' = 1 - a x^2 + y, y' = b x (Henon 1976)."""
    x, y = 0.1, 0.1
    jacobians = np.empty((steps, 2, 2))
    for t in range(steps):
        jacobians[t] = [[-2 * a * x, 1], [b, 0]]
        x, y = 1 - a * x * x + y, b * x
    return jacobians


def ikeda(steps, u=0.9):
    """Jacobians along the attractor of z' = 1 + u z exp(i (0.4 - 6 / (1 + |z|^2))) (Ikeda 1979)."""
    x, y = 0.1, 0.1
    jacobians = np.empty((steps, 2, 2))
    for t in range(steps):
        size = 1 + x * x + y * y
        angle = 0.4 - 6 / size
        cos, sin = np.cos(angle), np.sin(angle)
        turn_x, turn_y = 12 * x / size**2, 12 * y / size**2
        along, across = x * cos - y * sin, x * sin + y * cos
        jacobians[t] = [
            [u * (cos - across * turn_x), u * (-sin - across * turn_y)],
            [u * (sin + along * turn_x), u * (cos + along * turn_y)],
        ]
        x, y = 1 + u * along, u * across
    return jacobians


def naive_leading(jacobians, transient):
    """Mean log growth of one vector, the definition."""
    vector, logs = np.array([1.0, 0.5]), []
    for step in jacobians:
        vector = step @ vector
        logs.append(np.log(np.linalg.norm(vector)))
        vector /= np.linalg.norm(vector)
    return np.mean(logs[transient:])


def test_a_linear_cell_has_the_logs_of_its_eigenvalues():
    basis = np.random.default_rng(1).normal(size=(4, 4))
    moduli = np.array([1.5, 0.9, -0.5, 0.1])
    weight = basis @ np.diag(moduli) @ np.linalg.inv(basis)
    result = lyapunov_spectrum(np.array([weight] * 1000), transient=200)
    # the frame has converged: (0.9 / 1.5)^200 = 1e-44; windows of three steps lose e^8 of 1e-16
    np.testing.assert_allclose(result.exponents, np.log(np.abs(moduli)), atol=1e-10)
    assert result.steps == 800
    assert result.transient == 200
    assert result.stderr.max() < 1e-10
    assert np.abs(np.diff(result.history, axis=0)).max() < 1e-10


def test_orthogonal_steps_have_exponent_zero():
    rng = np.random.default_rng(2)
    turns = np.array([np.linalg.qr(rng.normal(size=(5, 5)))[0] for _ in range(300)])
    result = lyapunov_spectrum(turns)
    assert np.abs(result.exponents).max() < 1e-12
    assert result.interval == 270 // 20  # nothing spreads, so only the blocks shorten it
    assert lyapunov_spectrum(turns, blocks=2).interval == 50


@pytest.mark.parametrize("seed", [0, 1])
def test_gaussian_steps_follow_newman(seed):
    d, steps, scale = 8, 4000, 0.3
    jacobians = scale * np.random.default_rng(seed).normal(size=(steps, d, d))
    freedom = d - np.arange(d)  # |R_ii|^2 / scale^2 is chi squared with d - i + 1 of them
    exact = np.log(scale) + (np.log(2) + digamma(freedom / 2)) / 2
    deviation = np.sqrt(polygamma(1, freedom / 2) / 4 / steps)  # steps are independent: exact
    result = lyapunov_spectrum(jacobians, transient=0)
    # 4.5 standard deviations: one of the 16 numbers strays further once in 9000 draws
    assert (np.abs(result.exponents - exact) < 4.5 * deviation).all()
    # the estimated error has 19 degrees of freedom: a third off is two of its own deviations
    np.testing.assert_allclose(result.stderr, deviation, rtol=0.66)


@pytest.mark.parametrize("plant", [1.03, 0.97])
def test_newmans_formula_sees_a_planted_error(plant):
    d, steps = 8, 4000
    jacobians = plant * np.random.default_rng(0).normal(size=(steps, d, d))
    freedom = d - np.arange(d)
    exact = (np.log(2) + digamma(freedom / 2)) / 2
    deviation = np.sqrt(polygamma(1, freedom / 2) / 4 / steps)
    # log(1.03) = 0.03 against deviations from 0.004 for the leading exponent
    strayed = np.abs(lyapunov_spectrum(jacobians, transient=0).exponents - exact) / deviation
    assert strayed.max() > 4.5


def test_henon():
    jacobians = henon(40_000)
    result = lyapunov_spectrum(jacobians, transient=1000)
    # 0.41922 is published to five digits (Sprott 2003), within the error of 39 000 steps
    assert abs(result.exponents[0] - 0.41922) < 4 * result.stderr[0] < 0.01
    # det J = -b at every step
    assert abs(result.exponents.sum() - np.log(0.3)) < 1e-10
    assert result.interval > 1  # e^2 a step leaves room for several steps a window
    assert abs(result.exponents[0] - naive_leading(jacobians, 1000)) < 1e-3  # 40 nats / 39 000


def test_ikeda_and_its_orientation():
    jacobians = ikeda(20_000)
    result = lyapunov_spectrum(jacobians, transient=1000)
    assert abs(result.exponents.sum() - 2 * np.log(0.9)) < 1e-10  # det J = u^2
    # both follow the same steps, and differ by the choice of first vector: 40 nats / 19 000
    assert abs(result.exponents[0] - naive_leading(jacobians, 1000)) < 2e-3
    for wrong in (jacobians[::-1], jacobians.swapaxes(1, 2)):
        planted = lyapunov_spectrum(wrong, transient=1000)
        assert abs(planted.exponents[0] - naive_leading(jacobians, 1000)) > 0.1


@pytest.mark.parametrize(
    "jacobians", [rnn_jacobians(12, 2.0, 400, 3), lstm_jacobians(6, 2.0, 400, 3)]
)
def test_the_sum_is_the_mean_log_determinant(jacobians):
    volume = np.linalg.slogdet(jacobians)[1].mean()
    exponents = lyapunov_spectrum(jacobians, transient=0).exponents
    # determinants good to eps times condition numbers of 1e5
    assert abs(exponents.sum() - volume) < 1e-10


def test_the_interval_costs_less_than_1e_8():
    jacobians = rnn_jacobians(6, 1.2, 1200, 4)
    every = lyapunov_spectrum(jacobians, interval=1)
    chosen = lyapunov_spectrum(jacobians)
    assert every.interval == 1
    assert 1 < chosen.interval < 50
    # the stated accuracy; windows end elsewhere only where the transient does
    np.testing.assert_allclose(chosen.exponents, every.exponents, atol=1e-8, rtol=0)


def test_the_leading_ones_are_the_first_of_all():
    jacobians = rnn_jacobians(10, 2.0, 500, 5)
    every = lyapunov_spectrum(jacobians)
    for leading in (1, 3):
        some = lyapunov_spectrum(jacobians, leading=leading)
        assert some.exponents.shape == (leading,)
        assert some.history.shape == (20, leading)
        np.testing.assert_allclose(some.exponents, every.exponents[:leading], atol=1e-8)
    assert lyapunov_spectrum(jacobians, leading=1, blocks=9).interval == 50


def test_a_stream_of_chunks_is_the_array():
    jacobians = rnn_jacobians(5, 1.5, 700, 6)
    whole = lyapunov_spectrum(jacobians, transient=100)
    stream = (jacobians[start : start + 64] for start in range(0, 700, 64))
    chunked = lyapunov_spectrum(stream, transient=100)
    assert chunked.steps == whole.steps == 600
    np.testing.assert_allclose(chunked.exponents, whole.exponents, atol=1e-8)  # other windows
    single = lyapunov_spectrum((step[None] for step in jacobians), transient=100)
    np.testing.assert_allclose(single.exponents, whole.exponents, atol=1e-8)
    assert lyapunov_spectrum(list(jacobians), transient=100).steps == 600


def test_exactly_singular_steps():
    jacobians = lstm_jacobians(4, 1.5, 200, 7)
    jacobians[:, :, :4] = 0  # no recurrent weights: only the carousel is left
    result = lyapunov_spectrum(jacobians)
    forget = np.log(np.diagonal(jacobians[20:, 4:, 4:], axis1=1, axis2=2)).mean(axis=0)
    # frames of decoupled units turn to the axes as e^(-gap t), so sums agree and values nearly
    assert abs(result.exponents[:4].sum() - forget.sum()) < 0.05
    assert (result.exponents[4:] == -np.inf).all()
    assert (result.stderr[4:] == 0).all()
    assert np.isfinite(result.stderr[:4]).all()
    assert not np.isnan(result.history).any()
    late = lstm_jacobians(4, 1.5, 200, 7)
    late[150, 2] = 0  # one unit rests at one step
    found = lyapunov_spectrum(late)
    assert np.isfinite(found.exponents).tolist() == [True] * 7 + [False]
    assert np.isfinite(found.history[0]).all()
    assert found.history[-1, -1] == -np.inf
    for dead in (np.zeros((9, 3, 3)), np.array([[[2.0, -2.0], [2.0, -2.0]]] * 9)):
        assert (lyapunov_spectrum(dead).exponents == -np.inf).all()
    pieces = (np.zeros((length, 3, 3)) for length in (1, 5))
    assert (lyapunov_spectrum(pieces, transient=0).exponents == -np.inf).all()


@pytest.mark.parametrize("leading", [1, 2, 3])
@pytest.mark.parametrize("dead", [(0,), (0, 2), (0, 1, 2)])
def test_steps_of_columns_far_apart_after_a_singular_one(dead, leading):
    """Steps whose columns' scales are joined to the step before meet lost directions."""
    rng = np.random.default_rng(len(dead))
    rates = np.where(np.arange(3) == 1, 0.0, 400.0) * rng.choice([-1, 1], (8, 3))
    steps = np.exp(rates + rng.normal(size=(8, 3)))[:, :, None] * np.eye(3)
    steps[3, dead, dead] = 0.0
    axes = np.eye(3)[:, :leading]
    found = lyapunov_spectrum(steps, leading=leading, transient=0, initial=axes).exponents
    gone = sum(place < leading for place in dead)
    assert np.isfinite(found).tolist() == [True] * (leading - gone) + [False] * gone
    assert (found[leading - gone :] == -np.inf).all()


def test_one_unit_and_one_step():
    result = lyapunov_spectrum(np.full((7, 1, 1), -0.5))
    np.testing.assert_allclose(result.exponents, [-np.log(2)], rtol=1e-15)
    assert result.history.shape == (7, 1)
    assert result.stderr[0] < 1e-15
    together = lyapunov_spectrum(np.full((7, 1, 1), -0.5), blocks=1)
    assert together.stderr.tolist() == [np.inf]  # one block: nothing to compare
    step = np.random.default_rng(8).normal(size=(1, 3, 3))
    frame = np.eye(3)
    single = lyapunov_spectrum(step, initial=frame)
    r = np.linalg.qr(step[0])[1]
    np.testing.assert_allclose(single.exponents, np.log(np.abs(np.diag(r))), atol=1e-14)


def test_scales_far_out_of_range():
    jacobians = rnn_jacobians(5, 1.5, 300, 9)
    once = lyapunov_spectrum(jacobians, leading=2)
    for power in (-900, 900):
        grown = lyapunov_spectrum(np.ldexp(jacobians, power), leading=2)
        # exponents of size 600 are good to 1e-13
        np.testing.assert_allclose(grown.exponents, once.exponents + power * np.log(2), atol=1e-12)


def test_blocks_history_and_label():
    jacobians = rnn_jacobians(4, 1.5, 330, 10)
    result = lyapunov_spectrum(jacobians, transient=30, interval=1, blocks=6, label="h only")
    assert result.history.shape == (6, 4)
    assert np.array_equal(result.history[-1], result.exponents)
    first = lyapunov_spectrum(jacobians[:80], transient=30, interval=1)
    np.testing.assert_allclose(result.history[0], first.exponents, atol=1e-14)
    assert result.label == "h only"
    means = np.diff(np.arange(1, 7)[:, None] * result.history, axis=0, prepend=0)
    expected = means.std(axis=0, ddof=1) / np.sqrt(6)  # the textbook error of six equal blocks
    np.testing.assert_allclose(result.stderr, expected, rtol=1e-10)


def test_the_transient_is_a_tenth_by_default():
    result = lyapunov_spectrum(rnn_jacobians(3, 1.5, 105, 11))
    assert (result.transient, result.steps) == (10, 95)


ROUND = np.eye(3)[None].repeat(20, axis=0)


@pytest.mark.parametrize(
    ("jacobians", "options", "sentence"),
    [
        (np.empty((0, 3, 3)), {}, "0 steps were given and 0 of them are discarded"),
        (iter([]), {}, "0 steps were given"),
        (ROUND, {"transient": 20}, "at least one step must be left"),
        (ROUND, {"transient": -1}, "transient is -1; it must be a whole number of at least 0"),
        (ROUND, {"interval": 0}, "interval is 0; it must be a whole number of at least 1"),
        (ROUND, {"blocks": 0}, "blocks is 0; it must be a whole number of at least 1"),
        (ROUND, {"leading": 4}, "leading is 4; it must be a whole number from 1 to 3"),
        (ROUND, {"leading": 0}, "leading is 0; it must be a whole number from 1 to 3"),
        (ROUND, {"initial": np.ones((3, 3))}, "linearly independent columns of length 3"),
        (ROUND, {"initial": np.eye(3), "leading": 2}, "`leading` sets how many"),
        (np.ones((3, 3)), {}, r"shape \(3, 3\), and \(T, d, d\)"),
        (np.full((3, 2, 2), np.nan), {}, "hold nan at index"),
        (iter([ROUND, np.ones((2, 2, 2))]), {}, "after chunks of 3 x 3 matrices"),
    ],
)
def test_bad_input_is_one_sentence(jacobians, options, sentence):
    with pytest.raises(ValueError, match=f"^lyapunov_spectrum: .*{sentence}"):
        lyapunov_spectrum(jacobians, **options)


def test_columns_in_units_far_apart():
    # columns 1e-20 apart, and far from singular with these scales out: this was refused
    jacobians = np.array([[[1.0, 1e-20], [1.0, 2e-20]]] * 10)
    exponents = lyapunov_spectrum(jacobians, transient=0).exponents
    assert abs(exponents.sum() - np.log(1e-20)) < 1e-14 * 46


@pytest.mark.parametrize("side", ["rows", "columns"])
@pytest.mark.parametrize("d", [1, 2, 3, 30])
def test_scaled_columns_are_as_healthy_as_scaled_rows(side, d):
    turns = np.linalg.qr(np.random.default_rng(0).normal(size=(200, d, d)))[0]
    for power in [*range(2, 15), 100]:
        scales = 10.0 ** -np.linspace(power if d == 1 else 0, power, d)
        jacobians = turns * scales if side == "columns" else scales[:, None] * turns
        found = lyapunov_spectrum(jacobians, transient=0)
        volume = np.log(scales).sum()
        # each determinant is +- the product of the scales; QR alone is off by 1e-5 at 1e-13
        assert abs(found.exponents.sum() - volume) < 1e-13 * abs(volume)


@pytest.mark.parametrize("d", [3, 26])
def test_triangular_steps_have_the_exponents_of_their_diagonals(d):
    rng = np.random.default_rng(d)
    diagonals = -np.sort(rng.uniform(0, 4, d)) + rng.uniform(0, 0.1, (80, d))
    jacobians = np.triu(rng.normal(size=(80, d, d)), 1) + np.exp(diagonals)[:, :, None] * np.eye(d)
    found = lyapunov_spectrum(jacobians, initial=np.eye(d), transient=0)
    np.testing.assert_allclose(found.exponents, diagonals.mean(axis=0), rtol=1e-12)


def saturated(n, gain, steps, seed):
    """Jacobians of x' = W tanh(x), their columns scaled by sech^2 x (Sompolinsky 1988)."""
    rng = np.random.default_rng(seed)
    weight = gain * rng.normal(size=(n, n)) / np.sqrt(n)
    state, found = rng.normal(size=n), np.empty((steps, n, n))
    for t in range(steps):
        decayed = np.exp(-2 * np.abs(state))
        found[t] = weight * (4 * decayed / (1 + decayed) ** 2)
        state = weight @ np.tanh(state)
    return found


def mean_volume(jacobians):
    """The mean of log |det|, scales of the columns taken out before."""
    scales = np.abs(jacobians).max(axis=1, keepdims=True)
    volumes = np.linalg.slogdet(jacobians / scales)[1] + np.log(scales).sum(axis=(1, 2))
    return volumes.mean()


@pytest.mark.parametrize("after", [False, True], ids=["J tanh(x)", "tanh(J x)"])
@pytest.mark.parametrize(
    ("n", "gain", "seed"),
    [
        *[(n, gain, 0) for n in (3, 16, 23, 24, 50) for gain in (2.0, 3.0, 4.0, 5.0, 8.0)],
        (100, 5.0, 0),
        *[
            pytest.param(n, gain, seed, marks=pytest.mark.slow)
            for n in (50, 100, 200, 512)
            for gain in (2.0, 3.0, 4.0, 5.0, 8.0)
            for seed in (range(5) if n < 512 else (0,))
        ],
    ],
)
def test_saturated_networks_are_not_refused_and_keep_their_volume(n, gain, seed, after):
    columns = saturated(n, gain, 120 if n < 512 else 40, seed)
    # with the state after the nonlinearity, the Jacobians are diag(slope) J
    jacobians = columns.swapaxes(1, 2) if after else columns
    found = lyapunov_spectrum(jacobians)
    volume = mean_volume(columns[found.transient :])
    assert abs(found.exponents.sum() - volume) < 1e-12 * abs(volume)


def test_a_slope_that_is_off_is_seen_in_the_sum():
    columns = saturated(24, 4.0, 120, 0)
    wrong = columns.copy()
    wrong[60:, :, 5] *= 1.001
    found, volume = lyapunov_spectrum(wrong, transient=0), mean_volume(columns)
    assert abs(found.exponents.sum() - volume - np.log(1.001) / 2) < 1e-12 * abs(volume)
    assert abs(found.exponents.sum() - volume) > 1e-4


@pytest.mark.parametrize("weight", [19, 20, 40])
def test_a_saturated_unit_at_its_fixed_point(weight):
    with mpmath.workdps(60):
        x = mpmath.findroot(lambda x: weight * mpmath.tanh(x) - x, weight)
        exact = float(mpmath.log(weight * mpmath.sech(x) ** 2))
    decayed = np.exp(-2.0 * weight)
    slope = weight * 4 * decayed / (1 + decayed) ** 2
    found = lyapunov_spectrum(np.full((30, 1, 1), slope))
    assert abs(found.exponents[0] - exact) < 1e-10


def test_each_exponent_of_a_saturated_network_against_long_arithmetic():
    jacobians = saturated(6, 6.0, 40, 1)
    frame = initial_frame(6, None, None)
    with mpmath.workdps(300):
        product = mpmath.matrix(frame.tolist())
        for step in jacobians:
            product = mpmath.matrix(step.tolist()) * product
        _, triangle = mpmath.qr(product)
        exact = np.array([float(mpmath.log(abs(triangle[k, k]))) for k in range(6)]) / 40
    found = lyapunov_spectrum(jacobians, transient=0).exponents
    np.testing.assert_allclose(found, exact, atol=1e-11)
    assert np.abs(plain_exponents(jacobians, frame) - exact).max() > 1e-8


def plain_exponents(jacobians, frame):
    """QR at every step, which columns of very different size defeat."""
    total = 0.0
    for step in jacobians:
        frame, triangle = np.linalg.qr(step @ frame)
        total = total + np.log(np.abs(np.diag(triangle)))
    return total / len(jacobians)


@pytest.mark.parametrize(
    "jacobians", [rnn_jacobians(20, 1.5, 400, 3), lstm_jacobians(10, 1.5, 400, 3)]
)
def test_the_sum_holds_to_rounding_at_the_default_accuracy(jacobians):
    volume = np.linalg.slogdet(jacobians)[1].mean()
    found = lyapunov_spectrum(jacobians, transient=0)
    assert found.interval > 1
    # parts may spread by 15 nats, 4e-10 each, of which some hundred are averaged
    assert abs(found.exponents.sum() - volume) < 1e-12 * abs(volume)
