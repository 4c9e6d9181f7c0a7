"""How far back does the gradient reach in each cell, and what is certain about it?

Corresponds to: the question of Pascanu, Mikolov & Bengio, ICML 2013, asked of every cell.

A path of its own (an identity, a clock, a gate near 1) hands the gradient on. Theorems bound it for
given weights and gates; each bound is drawn beside the very runs that it is about.
"""

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import constant, gaussian, orthogonal
from gradflow.figures import Series, plot_series
from gradflow.networks import read_sequence
from gradflow.proofs import bound_above, bound_below
from gradflow.reporting import magnitude, page
from gradflow.spectra import cross_entropy

PERIOD, LAG, QUANTILES = 20, "lag $t-k$ (steps)", (0.1, 0.5, 0.9)
TITLES = ("a path kept open", "no path, or shut", "within a bound")
B0, B1, B3, B5 = ({"forget_bias": float(b)} for b in (0, 1, 3, 5))
ONE_CLOCK = {"recurrent": orthogonal(0.5), "period": constant(PERIOD)}
# a dotted line would pass for a bound
SOLID = (3, 0)
# name, style, cell, start, what the loss reads ("" for all), side of bound
OPEN = (
    ("IRNN", 0, "irnn", {}, "h", 1),
    ("LSTM 3", 1, "lstm", B3, "h", 0),
    ("clock", 6, "clockwork", {}, "h", 0),
    ("GRU 3", SOLID, "gru", B3, "h", 0),
    ("SCRN", 5, "scrn", {}, "", 1),
    ("LSTM 1", 2, "lstm", B1, "h", 0),
)
SHUT = (
    ("Gauss", 4, "rnn", {}, "h", 0),
    ("orth", 2, "rnn", {"recurrent": orthogonal()}, "h", 1),
    ("GRU 0", SOLID, "gru", B0, "h", 0),
    ("LSTM 0", 1, "lstm", B0, "h", 0),
)
BOUND = (
    ("GRU 5", SOLID, "gru", B5, "h", -1),
    ("clock 20", 6, "clockwork", ONE_CLOCK, "h", 1),
    ("LSTM c", 1, "lstm", B3 | {"recurrent": gaussian(0.01)}, "c", -1),
    ("orth 0.9", 2, "rnn", {"recurrent": orthogonal(0.9)}, "h", 1),
)


def runs(case, text, windows, hidden):
    """Yield run and gradient against lag (T + 1,), 0 at lag 0, with new parameters each."""
    _, _, name, init, part, _ = case
    cell, x = gf.cells.get(name), text.values.reshape(windows, 2, -1, text.values.shape[1])
    sizes = {s: hidden for s in cell.sizes if s != "input"} | {"inputs": x.shape[-1]}
    for seed in range(windows):
        params = cell.init(rng=seed, **sizes, **init)
        # the first half takes the state away from its start at 0
        first = gf.run(cell, params, x[seed, 0], backend="numpy").flat_states[-1]
        run = gf.run(cell, params, x[seed, 1], first, backend="numpy")
        read = run.parts.get(part, slice(0, run.width))
        state, target = run.flat_states[-1, read], text.targets[2 * run.steps * (seed + 1) - 1]
        readout = gaussian().draw(np.random.default_rng(100 + seed), (x.shape[-1], state.size))
        gradient = np.zeros(run.width)
        gradient[read] = cross_entropy(readout, state, target).gradient
        log_norm = run.gradient_decay(gradient, units=False).log_norm
        yield run, log_norm - log_norm[0]


def main(out, quick=False, **look):
    """Draw the gradient against lag: cells with an open path, without, and with a strict bound."""
    steps, hidden, windows = (60, 12, 3) if quick else (200, 32, 21)
    text = read_sequence(None, windows * 2 * steps)
    numbers, panels, told, lag = {}, ([], [], []), {}, np.arange(steps + 1)
    for panel, cases in zip(panels, (OPEN, SHUT, BOUND), strict=True):
        for case in cases:
            name, style, *_, side = case
            found = list(runs(case, text, windows, hidden))
            log = np.array([decay for _, decay in found])
            low, middle, high = (np.sort(log, axis=0)[round(q * (windows - 1))] for q in QUANTILES)
            panel.append(Series(label=name, x=lag, y=middle, low=low, high=high, style=style))
            told[name] = magnitude(middle[-1])
            numbers[f"log10 gradient, {name}"] = middle[-1] / np.log(10)
            below = [line for run, _ in found if (line := bound_below(run)) is not None]
            above = np.array([bound_above(run) for run, _ in found])
            numbers[f"most growth a step by the theorem, {name}"] = np.exp(above[:, 1].max())
            numbers[f"draws bounded from below, {name}"] = len(below)
            if below:
                told[f"{name} below"] = magnitude(least := min(line[-1] for line in below))
                numbers[f"log10 least the carousel keeps, {name}"] = least / np.log(10)
            if side:
                bound = above if side > 0 else np.array(below)
                worst = side * (side * bound).max(axis=0)
                label = "" if abs(worst[-1] - middle[-1]) < 0.5 else "-≤≥"[side] + name.split()[0]
                panel.append(Series(label=label, x=lag, y=worst, kind="bound"))
                told[f"{name} bound"] = magnitude(worst[-1])
                numbers[f"log10 bound, {name}"] = worst[-1] / np.log(10)
                numbers[f"least room (nats), {name}"] = (side * (bound - log))[:, 1:].min()
    with page("decay", out, quick, shape=(1, 3), aspect=1.3, **look) as sheet:
        for ax, title, curves in zip(sheet.axes, TITLES, panels, strict=True):
            plot_series(ax, curves, x=LAG, y="gradient", log=True)
            ax.set_title(title)
        return sheet.publish(
            answer=(
                f"Over {steps} steps an LSTM of forget bias 3 keeps {told['LSTM 3']}, of bias 0 "
                f"{told['LSTM 0']}; these GRUs with bias 5 for certain keep {told['GRU 5 bound']}."
            ),
            caption=(
                f"Gradient relative to lag 0, {windows} draws of parameters and text: medians, "
                "10-90 % bands, dotted the weakest bound that a theorem gives for these weights "
                "and gates. Numbers beside names are biases of gates. "
                f"After {steps} steps: {', '.join(f'{c[0]} {told[c[0]]}' for c in OPEN + SHUT)}. "
                "No theorem bounds the LSTM from below here, nor Gaussian RNN, LSTM, GRU and "
                f"clockwork usefully from above; GRU 3 keeps {told['GRU 3 below']} for certain. "
                f"Right, cells with a useful bound: at most {told['clock 20 bound']} for one "
                f"period of {PERIOD}, {told['orth 0.9 bound']} for $0.9$ times an orthogonal "
                f"matrix; at least {told['GRU 5 bound']} for the GRU, {told['LSTM c bound']} for "
                "$c$ of an LSTM with small recurrent weights."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
