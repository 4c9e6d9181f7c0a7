"""Singular values and eigenvalues of matrix products at thousands of bits, and trajectories to try.

The balls of python-flint enclose the true value, and every value is returned only when its ball is
narrower than `WIDTH`; otherwise the work is done again at twice the precision.
"""

import flint
import mpmath
import numpy as np

# relative to 1e-8, the tightest tolerance on a log that is held against these oracles
WIDTH = 1e-13
MOST_BITS = 40_000


def ball_matrix(matrix):
    return flint.arb_mat([[flint.arb(float(x)) for x in row] for row in matrix])


def ball_product(jacobians):
    """J_T ... J_1 in balls, at the working precision."""
    product = ball_matrix(np.eye(jacobians.shape[-1]))
    for step in jacobians:
        product = ball_matrix(step) * product
    return product


def _certified(compute, bits):
    """The first result of `compute` (a list of balls) whose balls are all narrow."""
    while bits <= MOST_BITS:
        with flint.ctx.workprec(bits):
            try:
                balls = compute()
            except ValueError:  # flint could not tell two eigenvalues apart
                balls = None
            if balls is not None and all(float(ball.rad()) < WIDTH for ball in balls):
                return np.array([float(ball.mid()) for ball in balls])
        bits *= 2
    raise AssertionError(f"{MOST_BITS} bits do not suffice")


def log_singular_values(jacobians, bits=2000):
    """log sigma (d,), descending, of a product of nonsingular Jacobians (T, d, d), certified."""

    def compute():
        product = ball_product(jacobians)
        squares = flint.acb_mat(product.transpose() * product).eig()
        return [square.real.log() / 2 for square in squares]

    return np.sort(_certified(compute, bits))[::-1]


def eigenvalues(jacobians, bits=2000):
    """(log |lambda|, phase) (d,) each, by log |lambda| descending, then phase; certified."""

    def compute():
        found = flint.acb_mat(ball_product(jacobians)).eig()
        # A real eigenvalue's imaginary ball holds 0; its phase is then 0 or pi.
        phases = [_phase(value) for value in found]
        return [abs(value).log() for value in found] + phases

    both = _certified(compute, bits)
    log_abs, phase = both[: len(both) // 2], both[len(both) // 2 :]
    order = np.lexsort((phase, -np.round(log_abs, 9)))
    return log_abs[order], phase[order]


def _phase(value):
    if not value.imag.contains(0):
        return value.arg()
    return flint.arb(0) if value.real > 0 else flint.arb.pi()


def integer_log_singular_values(jacobians):
    """log sigma (d,), descending, of integer Jacobians, singular ones included: exact zeros -inf.

    Roots of the characteristic polynomial of P^T P, with multiplicities, in exact integers.
    """
    product = _integer_product(jacobians)
    roots = (product.transpose() * product).charpoly().complex_roots()
    logs = [_log_abs(root) / 2 for root, times in roots for _ in range(times)]
    return np.sort(np.array(logs))[::-1]


def integer_log_eigenvalues(jacobians):
    """log |lambda| (d,), descending, of integer Jacobians, exact zeros -inf."""
    roots = _integer_product(jacobians).charpoly().complex_roots()
    logs = [_log_abs(root) for root, times in roots for _ in range(times)]
    return np.sort(np.array(logs))[::-1]


def _integer_product(jacobians):
    product = flint.fmpz_mat(np.eye(jacobians.shape[-1], dtype=int).tolist())
    for step in jacobians:
        product = flint.fmpz_mat(step.astype(int).tolist()) * product
    return product


def _log_abs(root):
    return -np.inf if root == 0 else float(abs(root).log())


def mpmath_log_singular_values(jacobians, digits):
    """log sigma (d,), descending, by another library and another algorithm (Golub-Kahan)."""
    with mpmath.workdps(digits):
        values = mpmath.svd_r(_mpmath_product(jacobians), compute_uv=False)
        return np.sort([float(mpmath.log(value)) for value in values])[::-1]


def mpmath_log_eigenvalues(jacobians, digits):
    """log |lambda| (d,), descending, by another library (Hessenberg QR)."""
    with mpmath.workdps(digits):
        values, _ = mpmath.eig(_mpmath_product(jacobians))
        return np.sort([float(mpmath.log(abs(value))) for value in values])[::-1]


def _mpmath_product(jacobians):
    product = mpmath.eye(jacobians.shape[-1])
    for step in jacobians:
        product = mpmath.matrix(step.tolist()) * product
    return product


def sigmoid(x):
    return 0.5 * (1 + np.tanh(x / 2))


def rnn_step(weight, drive, state):
    """h' = tanh(W h + drive)."""
    return np.tanh(weight @ state + drive)


def rnn_jacobian(weight, drive, state):
    return (1 - rnn_step(weight, drive, state) ** 2)[:, None] * weight


def lstm_step(weights, drives, state):
    """(h', c') of an LSTM without peepholes; weights (4, n, n) and drives (4, n) of i, f, o, g."""
    n = len(state) // 2
    h, c = state[:n], state[n:]
    i, f, o = (sigmoid(weights[k] @ h + drives[k]) for k in range(3))
    g = np.tanh(weights[3] @ h + drives[3])
    cell = f * c + i * g
    return np.concatenate([o * np.tanh(cell), cell])


def lstm_jacobian(weights, drives, state):
    """The whole state's Jacobian, (h, c) by (h, c)."""
    n = len(state) // 2
    h, c = state[:n], state[n:]
    i, f, o = (sigmoid(weights[k] @ h + drives[k]) for k in range(3))
    g = np.tanh(weights[3] @ h + drives[3])
    squashed = np.tanh(f * c + i * g)
    through_input = (g * i * (1 - i))[:, None] * weights[0]
    through_forget = (c * f * (1 - f))[:, None] * weights[1]
    through_cell_input = (i * (1 - g**2))[:, None] * weights[3]
    cell_by_h = through_input + through_forget + through_cell_input
    open_ = o * (1 - squashed**2)
    h_by_h = open_[:, None] * cell_by_h + (squashed * o * (1 - o))[:, None] * weights[2]
    return np.block([[h_by_h, np.diag(open_ * f)], [cell_by_h, np.diag(f)]])


def rnn_jacobians(n, gain, steps, seed):
    """(steps, n, n) along a trajectory with random weights N(0, gain^2 / n) and random inputs."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(n, n)) * gain / np.sqrt(n)
    state = rng.normal(size=n)
    jacobians = np.empty((steps, n, n))
    for t in range(steps):
        drive = 0.1 * rng.normal(size=n)
        jacobians[t] = rnn_jacobian(weight, drive, state)
        state = rnn_step(weight, drive, state)
    return jacobians


def lstm_jacobians(n, gain, steps, seed, forget_bias=1.0):
    """(steps, 2n, 2n) along a trajectory with random weights and inputs."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(4, n, n)) * gain / np.sqrt(n)
    state = np.zeros(2 * n)
    jacobians = np.empty((steps, 2 * n, 2 * n))
    for t in range(steps):
        drives = 0.5 * rng.normal(size=(4, n))
        drives[1] += forget_bias
        jacobians[t] = lstm_jacobian(weights, drives, state)
        state = lstm_step(weights, drives, state)
    return jacobians
