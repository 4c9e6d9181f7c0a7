r"""Which recurrent networks keep the gradient in most directions, and not in one alone?

Corresponds to: Pennington, Schoenholz & Ganguli, "Resurrecting the sigmoid in deep learning through
dynamical isometry", NeurIPS 2017, and Le, Jaitly & Hinton, arXiv:1504.00941, for recurrent networks
and the whole spectrum of Lyapunov exponents.

A leading exponent of 0 says that one direction survives. By rank fraction x, the exponents of a
tanh network on its critical line fall: with Gaussian weights the median direction is lost at once,
with orthogonal ones slowly. An identity keeps all, an LSTM with an open gate half of its state.
"""

import math

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian, orthogonal
from gradflow.ensembles import exponents_by_rank
from gradflow.figures import Series, plot_series
from gradflow.reporting import page

# the critical line of tanh with biases of variance 0.05
GAIN, NOISE = math.sqrt(1.7609546396), 0.05
FORGET, SMALL = 5.0, 0.5
LOWEST = -3.0


def fresh_tanh(rule, n, steps):
    """Return the exponents of a tanh network of n units whose weights are new at every step."""
    rng = np.random.default_rng(0)
    params = gf.cells.rnn.init(hidden=n, inputs=1, rng=rng, W=0.0)
    params["U"] = np.array([rule(GAIN).draw(rng, (n, n)) for _ in range(steps)])
    params["b"] = math.sqrt(NOISE) * rng.standard_normal((steps, n))
    run = gf.run("rnn", params, np.zeros((steps, 1)), rng.standard_normal(n), backend="numpy")
    return np.sort(run.lyapunov(transient=steps // 4).exponents)[::-1]


def spectrum(cell, n, steps, bias, **rules):
    """Return the exponents of a network of a cell of the library, weights tied, no input."""
    rng = np.random.default_rng(1)
    cell = gf.cells.get(cell)
    params = cell.init(hidden=n, inputs=1, rng=rng, input_maps=0.0, **rules)
    for name, (mean, variance) in bias.items():
        params[name] = mean + math.sqrt(variance) * rng.standard_normal(n)
    start = rng.uniform(0, 1, n * len(cell.states))
    run = gf.run(cell, params, np.zeros((steps, 1)), start, backend="numpy")
    return np.sort(run.lyapunov(transient=steps // 2).exponents)[::-1]


def main(out, quick=False, **look):
    """Draw exponents by rank: theory of two tanh networks, and four networks measured."""
    n, steps = (32, 80) if quick else (128, 300)
    ranks = (np.arange(200) + 0.5) / 200
    rules = {"Gaussian": gaussian, "orthogonal": orthogonal}
    theory = {
        word: gf.mean_field("rnn", gains=rule(GAIN), biases={"b": (0, NOISE)})
        for word, rule in rules.items()
    }
    lines = {word: exponents_by_rank(told, ranks) for word, told in theory.items()}
    measured = {word: fresh_tanh(rule, n, steps) for word, rule in rules.items()}
    measured["identity"] = spectrum("irnn", n, steps, {"b": (0.1, 0.0)})
    gates = {"b_f": (FORGET, 0.0)} | dict.fromkeys(("b_i", "b_o", "b_g"), (0.0, NOISE))
    measured["LSTM"] = spectrum("lstm", n, steps, gates, recurrent=gaussian(SMALL))
    (floor,) = gf.proofs.derived("lstm", gains=SMALL, biases=gates)
    lstm = measured["LSTM"]
    numbers = {
        "leading exponent of theory, Gaussian": theory["Gaussian"].exponent,
        "median exponent of theory, Gaussian": float(np.interp(0.5, ranks, lines["Gaussian"])),
        "median exponent of theory, orthogonal": float(np.interp(0.5, ranks, lines["orthogonal"])),
        "median exponent measured, Gaussian": measured["Gaussian"][n // 2],
        "median exponent measured, orthogonal": measured["orthogonal"][n // 2],
        "largest size of an exponent, identity": np.abs(measured["identity"]).max(),
        "LSTM, exponent of rank n": lstm[n - 1],
        "LSTM, exponent of rank n + 1": lstm[n],
        "LSTM, ln of the gate": -math.log1p(math.exp(-FORGET)),
        "LSTM, floor": floor.value,
    }
    gauss, kept = (numbers[f"median exponent of theory, {word}"] for word in rules)
    with page("isometry", out, quick, **look) as sheet:
        curves = [
            Series(label=word, x=((np.arange(len(e)) + 0.5) / len(e))[e > LOWEST], y=e[e > LOWEST])
            for word, e in measured.items()
        ]
        dashed = [
            Series(
                label="theory" if word == "Gaussian" else "",
                x=ranks[line > LOWEST],
                y=line[line > LOWEST],
                kind="theory",
            )
            for word, line in lines.items()
        ]
        names = {"x": "rank fraction $x$", "y": "exponent (nats a step)"}
        plot_series(sheet.ax, [*curves, *dashed], **names)
        sheet.ax.set(ylim=(LOWEST, 0.2))
        return sheet.publish(
            answer=(
                f"Identity keeps every direction and an open LSTM half of its state; on the "
                f"critical line of tanh, where the leading exponent is 0, the median direction "
                f"decays as {math.exp(gauss):.2f}$^t$ with Gaussian weights and as "
                f"{math.exp(kept):.2f}$^t$ with orthogonal ones."
            ),
            caption=(
                f"Lyapunov exponents by rank; solid: networks of $n = {n}$ units; dashed: "
                "infinitely many units (S-transform). Tanh network with weights fresh at every "
                rf"step on its critical line, $\sigma_w^2 = {GAIN**2:.4f}$, $\sigma_b^2 = "
                f"{NOISE:g}$; identity: ReLU network with $U = 1$ and positive state; LSTM: "
                f"forget bias {FORGET:g}, recurrent gain {SMALL:g}, weights tied: exponent "
                f"{lstm[n - 1]:.3f} at rank $n$ of $2n$ and {lstm[n]:.2f} at the next; $\\ln "
                rf"\sigma(b_f) = {numbers['LSTM, ln of the gate']:.4f}$, and for fresh weights "
                f"the leading exponent is at least {floor.value:.4f} whatever the other gains."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
