"""Does a spectral radius below 1 keep the gradient of a recurrent network from exploding?

Corresponds to: Kerg et al., "Non-normal Recurrent Neural Network (nnRNN)", NeurIPS 2019, whose
U = Q (D + T) Q' is drawn; Trefethen & Embree, "Spectra and Pseudospectra", 2005, for the pictures;
Pascanu, Mikolov & Bengio, ICML 2013, section 2.1, for the question.

No, twice. At the state 0 the product of T Jacobians is U^T, which follows the radius only in the
end; before that it reaches the Kreiss constant or more. And elsewhere the derivatives of tanh stand
between the factors: U = [[2, -2], [2, -2]] has radius 0, and its product can grow like (3/2)^T.
"""

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian, orthogonal
from gradflow.figures import Grid, Series, plot_pseudospectra, plot_series
from gradflow.reporting import magnitude, page
from gradflow.spectra import kreiss_constant, log_resolvent_norms

RADIUS, COUPLING, RATE = 0.9, 3.0, np.log(1.5)
LEVELS = (0.003, 0.01, 0.03, 0.1)
CELL = gf.cells.rnn


def pair(hidden):
    """Return a normal and a non-normal matrix (n, n) of the same eigenvalues."""
    rng = np.random.default_rng(3)
    basis = orthogonal().draw(rng, (hidden, hidden))
    coupling = COUPLING * gaussian().draw(rng, (hidden, hidden))
    turns = np.zeros((hidden, hidden))
    for at, size in zip(range(0, hidden, 2), np.linspace(0.3, RADIUS, hidden // 2), strict=True):
        angle = rng.uniform(0, np.pi)
        cos, sin = size * np.cos(angle), size * np.sin(angle)
        turns[at : at + 2, at : at + 2] = [[cos, -sin], [sin, cos]]
        coupling[at:, at : at + 2] = 0.0  # only what lies above these blocks leaves them alone
    return basis @ turns @ basis.T, basis @ (turns + coupling) @ basis.T


def held(u, state, steps):
    """Return the run of the recurrent matrix ``u`` whose bias holds it at ``state``."""
    params = {"U": u, "W": np.zeros((len(u), 1)), "b": np.arctanh(state) - u @ state}
    return gf.run(CELL, params, np.zeros((steps, 1)), state, backend="numpy")


def main(out, quick=False, **look):
    """Draw pseudospectra, the powers of two matrices, and a product that radius 0 lets explode."""
    hidden, steps, side = (10, 100, 31) if quick else (32, 150, 241)
    # at the state 0 every tanh' is 1 and each step Jacobian is U
    normal, other = (held(u, np.zeros(hidden), steps) for u in pair(hidden))
    matrix, eigenvalues = other.jacobian(steps), other.eigenvalues(steps)
    radius, kreiss = np.abs(eigenvalues).max(), kreiss_constant(matrix)
    across = np.linspace(-1.6, 1.6, side)
    resolvent = log_resolvent_norms(matrix, across + 1j * across[:, None])
    lag, calm, wild = other.decay().lag, normal.decay().log_norm, other.decay().log_norm
    # tanh' is 1 and 1/4 where tanh is 0 and sqrt(3)/2
    u, state, span = np.array([[2.0, -2.0], [2.0, -2.0]]), np.array([0.0, np.sqrt(0.75)]), 40
    exploding, powers = (held(u, s, span).decay() for s in (state, 0 * state))
    growth, zero = exploding.log_norm, powers.zero_lag()
    numbers = {
        "spectral radius": radius,
        "Kreiss constant": kreiss.value,
        "distance of z from the unit circle": abs(kreiss.at) - 1,
        "largest norm of U^t, non-normal": np.exp(wild.max()),
        "step of the largest": wild.argmax(),
        "error of t log radius, normal": np.abs(calm - lag * np.log(radius)).max(),
        "step from which U^t is zero, [[2, -2], [2, -2]]": zero,
        "log10 norm of P, [[2, -2], [2, -2]]": growth[-1] / np.log(10),
        "growth of that P (nats a step)": (growth[-1] - growth[1]) / (span - 1),
    }
    with page("radius_is_not_norm", out, quick, shape=(1, 3), aspect=1.15, **look) as sheet:
        left, middle, right = sheet.axes
        grid = Grid(across, across, resolvent, r"perturbation $\epsilon$")
        plot_pseudospectra(left, grid, eigenvalues, levels=LEVELS)
        left.plot([kreiss.at.real], [kreiss.at.imag], "*", mfc="white", mec="black", ms=7)
        curves = [
            Series(label="", x=lag, y=wild, style=1),
            Series(label="", x=lag, y=calm, style=0),
        ]
        level = np.full(len(lag), np.log(kreiss.value))
        curves += [Series(label="", x=lag, y=level, kind="bound")]
        curves += [Series(label="", x=lag, y=lag * np.log(radius), kind="theory")]
        plot_series(middle, curves, x="step $t$", y=r"$\Vert U^t\Vert_2$", log=True)
        above = (steps, level[0] / np.log(10))
        middle.text(*above, f"$K={kreiss.value:.1f}$", ha="right", va="bottom")
        middle.text(0.98, 0.73, "non-normal", ha="right", transform=middle.transAxes)
        middle.text(0.06, 0.1, f"normal\n${radius:.1f}^t$", transform=middle.transAxes)
        lags = exploding.lag
        law = Series(
            label="", x=lags[1:], y=lags[1:] * RATE - RATE + np.log(8.5) / 2, kind="theory"
        )
        curves = [
            Series(label="", x=lags, y=growth, style=1),
            Series(label="", x=lags, y=powers.log_norm, style=0),
        ]
        plot_series(right, [*curves, law], x="lag $t-k$", y=r"$\Vert P(t,k)\Vert_2$", log=True)
        right.texts[0].remove()  # "exactly 0" beside its cross would lie on the other curve
        there, here = (line.get_color() for line in right.lines[:2])
        right.text(
            0.05, 0.85, r"$\mathrm{tanh}' = (1, 1/4)$", transform=right.transAxes, color=there
        )
        right.text(0.57, 0.45, "$(3/2)^{t-k}$", transform=right.transAxes)
        ends = "$\\mathrm{tanh}' = (1, 1)$:\nexactly 0"
        right.text(0.36, 0.05, ends, transform=right.transAxes, color=here)
        return sheet.publish(
            answer=(
                f"No: with spectral radius {radius:.1f} the product of Jacobians first grows to "
                f"{magnitude(wild.max(), 3)}, and with radius 0 it can grow for ever, to "
                f"{magnitude(growth[-1])} in {span} steps."
            ),
            caption=(
                f"Left: eigenvalues of a non-normal recurrent matrix $U$ of {hidden} units, all "
                f"within {radius:.1f}, and where a perturbation of norm $\\epsilon$ can move them; "
                "the star is the point outside the unit circle that attains the Kreiss constant "
                f"$K = {kreiss.value:.1f}$. Middle: the product of $t$ Jacobians at the state 0, "
                f"$U^t$. It has to reach $K$ (dotted), and comes to {magnitude(wild.max(), 3)} at "
                f"step {wild.argmax()}; a normal matrix of the same eigenvalues follows "
                f"${radius:.1f}^t$ (dashed) throughout. Right: $U = (2, -2; 2, -2)$ has radius 0, "
                f"$U^{zero} = 0$. Held at a state with $\\mathrm{{tanh}}' = (1, 1/4)$, its product "
                f"over {span} steps is {magnitude(growth[-1])}, growing by the 3/2 a step of the "
                "theorem rnn.radius (dashed)."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
