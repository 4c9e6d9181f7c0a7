r"""How large must an LSTM's forget bias be for its gradient to survive, and what can be proved?

Corresponds to: Jozefowicz, Zaremba & Sutskever (ICML 2015), who advise a forget bias of 1, and
Tallec & Ollivier (ICLR 2018), who draw the biases for memories of up to T steps.

A step multiplies the gradient of c by the forget gate; the recurrent maps, of norm g, add or take.
Where the cone theorem, in exact arithmetic, leaves 1 % after T steps, no input can take more.
"""

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian, orthogonal
from gradflow.figures import Grid, mark_points, outline, plot_heat
from gradflow.figures.look.style import INK, stroke
from gradflow.networks import read_sequence
from gradflow.proofs import forget_bias_for, sigma_max
from gradflow.reporting import magnitude, page
from gradflow.spectra import cross_entropy

KEEP, LSTM, SCALES = Fraction(1, 100), gf.cells.lstm, ("U_i", "U_f", "U_o", "U_g")
NAMES = {"x": "forget bias $b$", "y": "recurrent gain $g$"}
TRIED, AT = (-2.5, -1.5, -0.5), (-1, 0, 1, 2, 3, 5, 8)
# Recurrent maps scaled and the forget bias shifted by inputs of one unit: a grid is one batch.
SCALED = re.sub(r"(U_. @ h)", r"gain * (\1)", LSTM.equations).replace("b_f", "b_f + shift")
OWN = {"name": "lstm_grid", "inputs": "x gain[one] shift[one]", "equations": SCALED}
CELL = gf.Cell(**vars(LSTM.declaration) | OWN)


def decay_of(params, x, targets, readout, gain, shift):
    """Return the decay of the gradient of a loss read from c, (gains, biases, texts, lags)."""
    fill = np.ones((x.shape[-2], 1))
    inputs = {"x": x, "gain": gain[..., None, None] * fill, "shift": shift[..., None, None] * fill}
    run = gf.run(CELL, params, inputs, backend="numpy")
    c = run.states["c"][..., -1, :]
    loss = cross_entropy(readout, c, np.broadcast_to(targets, c.shape[:-1]))
    return run.gradient_decay({"c": loss.gradient}, units=False)


def certified(params, x, target, readout, bias, log_gain):
    """Whether 1% of the gradient of c is left for certain at the first step, and whether less."""
    at = params | {n: 10**log_gain * params[n] for n in SCALES} | {"b_f": params["b_f"] + bias}
    loss = gf.proofs.Loss(kind="cross-entropy", weight=readout, target=int(target), part="c")
    low, high = gf.certify(gf.run(LSTM, at, x, backend="numpy"), loss, digits=2).part("c")
    return low[-1] - high[0] >= np.log(float(KEEP)), high[-1] - low[0] < np.log(float(KEEP))


def main(out, quick=False, **look):
    """Draw the measured horizon over bias and gain, and where survival is proved."""
    steps, hidden, windows, rows, fine = (50, 12, 1, 12, 1) if quick else (100, 32, 3, 36, 4)
    biases, logs = np.linspace(-2, 12, 29 if quick else 57), np.linspace(-3, 0.6, rows * fine + 1)
    gains, measured = 10**logs, logs[::fine]  # the proof is looked for at all of them
    text = read_sequence(None, windows * steps)
    data = text.values.reshape(windows, steps, -1), text.targets[steps - 1 :: steps]
    init = {"hidden": hidden, "inputs": text.values.shape[1], "recurrent": orthogonal(), "rng": 0}
    params, drawn = LSTM.init(**init, forget_bias=0.0), LSTM.init(**init, chrono=steps)
    readout = gaussian().draw(np.random.default_rng(1), params["W_f"].T.shape)
    decay = decay_of(params, *data, readout, gains[::fine, None, None], biases[:, None])
    points = [[replace(decay, log_norm=d) for d in row] for row in decay.log_norm]
    horizon = np.array([[d.horizon(float(KEEP)) or 1.2 * steps for d in row] for row in points])
    end = np.array([[d.relative()[-1] for d in row] for row in points])
    how = {"inputs": gf.ensembles.one_hot(init["inputs"]), "size": 400, "populations": 2}
    low = [0] if quick else [-1, 0, 1, 2]
    line = [gf.critical("lstm", "recurrent", (0.5, 6), biases={"b_f": b}, **how).value for b in low]
    chrono = decay_of(drawn, *data, readout, np.ones(1), np.zeros(1)).relative()[-1]
    norms = {n: sigma_max(params[n]).bound for n in (*SCALES, "W_f")}
    scaled = [{n: v if n == "W_f" else Fraction(g) * v for n, v in norms.items()} for g in gains]
    proofs = [forget_bias_for(steps, KEEP, s, hidden, Fraction(1), Fraction(steps)) for s in scaled]
    least = [proof.bias if proof else np.inf for proof in proofs]  # |x| = 1, |c| < 1 a step
    proven = np.array([[b >= bias for b in biases] for bias in least[::fine]])
    share = (decay.by_part["c"] - decay.log_norm[..., :1])[proven].min()
    tried = [(b, g) for g in (TRIED[1:3] if quick else TRIED) for b in (AT[2::2] if quick else AT)]
    sure = np.array([certified(params, data[0][0], data[1][0], readout, *at) for at in tried])
    one, unit, last = np.argmin(abs(biases - 1)), np.argmin(abs(measured)), least.index(np.inf) - 1
    small, usual = (biases[np.flatnonzero(horizon[k] <= steps)[-1] + 1] for k in (0, unit))
    numbers = {
        "horizon at bias 1, least gain": horizon[0, one],
        "bias that outlasts the run, least gain": small,
        "bias that outlasts the run, gain 1": usual,
        "bias proved, least gain": least[0],
        "largest gain with a proof": gains[last],
        "bias proved there": least[last],
        "points proved, horizon within the run": np.count_nonzero(proven & (horizon <= steps)),
        "log10 least share of c left where proved": share / np.log(10),
        "log10 gradient left, bias 1, gain 1": end[unit, one] / np.log(10),
        "log10 gradient left, chrono": chrono / np.log(10),
        "points certified to keep 1 %": sure[:, 0].sum(),
        "points certified to keep less": sure[:, 1].sum(),
        "gain at bias 0 from which infinitely many units are chaotic": line[low.index(0)],
    }
    with page("forget_bias", out, quick, **look) as sheet:
        ax, heat = sheet.ax, Grid(biases, measured, np.log(horizon), "horizon (steps)")
        plot_heat(ax, heat, log=True, limits=np.log([horizon.min(), steps]), **NAMES)
        sheet.figure.axes[-1].set_yticks(np.log10([5, 10, 20, steps]), [5, 10, 20, steps])
        ax.contour(biases, measured, horizon, [steps], colors=INK)
        ax.contour(biases, measured, end, [0], colors=(growth := stroke(1).color))
        ax.contourf(biases, measured, end, [0, np.inf], colors=growth, alpha=0.25)
        ax.plot(low, np.log10(line), "o:", color=INK, mfc="white", ms=3)
        ax.text(11.8, 0.33, "grows", color="white", ha="right", bbox={"fc": growth, "lw": 0})
        ax.text(8.3, TRIED[2], "certified", va="center")
        for held, fill in zip(sure.T, (INK, "white"), strict=True):
            ax.plot(*np.transpose(tried)[:, held], "s", mfc=fill, mec=INK, ms=3.5)
        across = np.linspace(*biases[[0, -1]], 500)
        outline(ax, across, logs, [across >= float(b) for b in least], "proved", (9, -2.4))
        ax.plot(np.log([1, steps / 2, steps - 1]), [0, 0, 0], "|-", color=INK)
        mark_points(ax, {f"chrono:{steps}": (np.log(steps - 1), 0)})
        ax.plot(1, 0, "o", color="white", markeredgecolor=INK)
        ax.set_yticks(range(-3, 1), ["0.001", "0.01", "0.1", "1"])
        ax.set(xlim=biases[[0, -1]], ylim=logs[[0, -1]])
        return sheet.publish(
            answer=(
                f"To keep 1% over {steps} steps of text takes a bias of {small} at gain "
                f"{gains[0]:g} and of {usual} at gain 1; at gain {gains[0]:g}, "
                f"{float(least[0]):.2f} is proved to do so for all inputs of norm 1 or less."
            ),
            caption=(
                "Lag from which on the gradient of the next-character loss stays under 1% of its "
                f"start; LSTM, $n = {hidden}$, read from $c$, orthogonal $U$ times $g$, median of "
                f"texts: {windows}. Arrow: beyond $T = {steps}$ steps; shaded: grown; "
                "squares: 1% (full), or less (open), certified along the first text; dotted: from "
                "here infinitely many units are chaotic, by theory with tied weights. "
                r"Hatched: for all inputs of $\Vert x_t\Vert_2 \leq 1$ lstm.lower proves that 1% "
                r"of the gradient of $c$ survives $T$ steps from state 0, given $\Vert U_\ast"
                rf"\Vert_2 = g$, $\Vert W_f\Vert_2 = {float(norms['W_f']):.3f}$ (certified upper "
                r"bounds), $|h| \leq 1$, $|c| \leq T$, $f \geq \sigma(b - g\sqrt n - \Vert W_f"
                rf"\Vert_2)$; least there {magnitude(share)}. Dot: {magnitude(end[unit, one])}. "
                f"Bar: range and median of chrono:{steps} ($b_i = -b$): {magnitude(chrono)}."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
