"""How far back does the gradient reach in each cell, and what is certain about it?

Corresponds to: the question of Pascanu, Mikolov & Bengio, ICML 2013, asked of every cell.

A path of its own (an identity, a clock, a gate near 1) hands the gradient on. What every gradient
of given runs keeps, and what none exceeds, the singular values of their products certify.
"""

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.figures import Series, plot_series
from gradflow.networks import read_sequence
from gradflow.reporting import magnitude, page
from gradflow.spectra import cross_entropy

LAG, QUANTILES = "lag $t-k$ (steps)", (0.1, 0.5, 0.9)
# name, style, cell, start, what the loss reads ("" for all)
CELLS = (
    ("IRNN", 0, "irnn", {}, "h"),
    # a dotted line would pass for a bound
    ("GRU 5", (3, 0), "gru", {"forget_bias": 5.0}, "h"),
    ("LSTM 3", 1, "lstm", {"forget_bias": 3.0}, "h"),
    ("clock", 6, "clockwork", {}, "h"),
    ("SCRN", 5, "scrn", {}, ""),
    ("LSTM 1", 2, "lstm", {"forget_bias": 1.0}, "h"),
    ("RNN", 4, "rnn", {}, "h"),
    ("LSTM 0", (1, 2), "lstm", {"forget_bias": 0.0}, "h"),
)
# what is drawn of the certified singular values: side, which one, where its name stands
CERTIFIED = {
    "GRU 5": (-1, -1, "GRU 5: at least, certified"),
    "LSTM 0": (1, 0, "LSTM 0: at most, certified"),
}
MARKS = 6


def runs(case, text, windows, hidden):
    """Yield run and gradient against lag (T + 1,), 0 at lag 0, with new parameters each."""
    _, _, name, init, part = case
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


def certain(found, side, which, lags):
    """Return the weakest bound over runs of the largest or least singular value at some lags."""
    several = [gf.certify(run) for run, _ in found]
    ends = [[one.singular_values(lag)[side > 0][which] for lag in lags] for one in several]
    return side * (side * np.array(ends)).max(axis=0)


def main(out, quick=False, **look):
    """Draw the gradient against lag of eight cells, and what is certain about it."""
    steps, hidden, windows = (60, 12, 3) if quick else (100, 32, 21)
    text = read_sequence(None, windows * 2 * steps)
    numbers, curves, told, lag = {}, [], {}, np.arange(steps + 1)
    lags, named = np.linspace(0, steps, MARKS).astype(int), {}
    for case in CELLS:
        name, style, *_ = case
        found = list(runs(case, text, windows, hidden))
        log = np.array([decay for _, decay in found])
        low, middle, high = (np.sort(log, axis=0)[round(q * (windows - 1))] for q in QUANTILES)
        curves.append(Series(label=name, x=lag, y=middle, low=low, high=high, style=style))
        told[name] = magnitude(middle[-1])
        numbers[f"log10 gradient, {name}"] = middle[-1] / np.log(10)
        if name in CERTIFIED:
            side, which, words = CERTIFIED[name]
            bound = certain(found, side, which, lags)
            curves.append(Series(label="", x=lags, y=bound, kind="bound"))
            named[words] = (lags[MARKS // 2], bound[MARKS // 2] / np.log(10), side)
            told[words] = magnitude(bound[-1])
            numbers[f"log10 bound, {name}"] = bound[-1] / np.log(10)
            numbers[f"least room (nats), {name}"] = (side * (bound - log[:, lags]))[:, 1:].min()
    with page("decay", out, quick, aspect=0.8, **look) as sheet:
        ax = plot_series(sheet.ax, curves, x=LAG, y="gradient left", log=True)
        ax.set_ylim(top=2)
        thin = {"arrowstyle": "-", "linewidth": 0.6, "shrinkB": 0}
        for words, (x, y, side) in named.items():
            # what lies among other curves is named above all of them
            at = (x, y + 0.3) if side > 0 else (x, 1)
            ax.annotate(words, (x, y), at, va="bottom", arrowprops=thin if side < 0 else None)
        low, high = (told[words] for _, _, words in CERTIFIED.values())
        return sheet.publish(
            answer=(
                f"Over {steps} steps an LSTM of forget bias 3 keeps {told['LSTM 3']}, of bias 1 "
                f"{told['LSTM 1']}, of bias 0 {told['LSTM 0']}; of these {windows} GRUs of bias 5 "
                f"each keeps at least {low} of any gradient."
            ),
            caption=(
                f"Gradient relative to lag 0, {windows} draws of parameters and text: medians, "
                "10-90 % bands. Numbers beside names are biases of gates. "
                f"After {steps} steps: {', '.join(f'{c[0]} {told[c[0]]}' for c in CELLS)}. "
                "Dotted: singular values of the product, certified at "
                f"{MARKS - 1} lags, the weakest over the draws. Of "
                f"any gradient these GRUs keep at least {low}; of no gradient do these LSTMs of "
                f"bias 0 keep more than {high}."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
