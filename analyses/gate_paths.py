"""Which way does an LSTM's gradient go, and what is lost when only h is looked at?

Corresponds to: the constant error carousel of Hochreiter & Schmidhuber (Neural Computation 9, 1997)
with the forget gate of Gers, Schmidhuber & Cummins (2000). The picture by path, and the exponent of
the whole state (h, c) beside that of dh'/dh alone, are in none of them.

Every step of the gradient is a sum over paths: it stays in c (the carousel, diag(f)), comes to h
from c, or passes a gate. Published tools multiply dh'/dh, which leaves the carousel out.
"""

import numpy as np

import gradflow as gf
from gradflow.figures import Series, plot_series, plot_shares
from gradflow.figures.look.style import stroke
from gradflow.networks import read_sequence
from gradflow.reporting import magnitude, page
from gradflow.spectra import cross_entropy

BIASES, SHOWN = (0, 1, 3, 5), 3
NAMES = {
    "carousel": "carousel",
    "c to h": "c to h",
    "g": "candidate",
    "i": "input gate",
    "f": "forget gate",
    "o": "output gate",
}
LAG = "lag $t-k$ (steps)"


def carousel_alone(bias, steps):
    """Log of what is left of a gradient in c after some steps, all maps 0."""
    params = gf.cells.lstm.init(
        hidden=1, inputs=1, recurrent=0.0, input_maps=0.0, forget_bias=bias, rng=0
    )
    run = gf.run(gf.cells.lstm, params, np.zeros((steps, 1)), backend="numpy")
    return run.gradient_decay({"c": [1.0]}).by_part["c"][-1]


def main(out, quick=False, **look):
    """Draw the shares of the paths for four forget biases, the gradient, and both exponents."""
    # an exponent near 0 is lost in its own error after so few steps as the paths are shown for
    steps, hidden, many = (60, 8, 1000) if quick else (200, 32, 20_000)
    text, lag = read_sequence(None, steps), np.arange(steps + 1)
    far = read_sequence(None, many).values
    inputs = text.values.shape[1]
    readout = np.random.default_rng(0).standard_normal((inputs, hidden)) / np.sqrt(hidden)
    shown, whole, alone, numbers = {}, [], [], {}
    exponents = {"whole": [], "h only": []}
    for style, bias in enumerate(BIASES):
        params = gf.cells.lstm.init(hidden=hidden, inputs=inputs, rng=0, forget_bias=bias)
        run = gf.run(gf.cells.lstm, params, text.values, backend="numpy")
        loss = cross_entropy(readout, run.states["h"][-1], text.targets[-1])
        paths = run.paths({"h": loss.gradient})
        shares = {NAMES[name]: paths.share()[name] for name in NAMES}
        if bias == SHOWN:
            shown, ways = shares, paths.lag
        log = run.gradient_decay({"h": loss.gradient}).log_norm
        whole.append(Series(label=f"$b_f={bias}$", x=lag, y=log - log[0], style=style))
        alone.append((paths.carousel_only - log[0]) / np.log(10))
        long_run = gf.run(gf.cells.lstm, params, far, backend="numpy")
        for name, part in (("whole", None), ("h only", "h")):
            spectrum = long_run.lyapunov(part=part, leading=1)
            exponents[name].append((spectrum.exponents[0], spectrum.stderr[0]))
            numbers[f"b={bias}: exponent, {name}"] = spectrum.exponents[0]
            numbers[f"b={bias}: its standard error, {name}"] = spectrum.stderr[0]
        numbers[f"b={bias}: log10 of the gradient"] = (log[-1] - log[0]) / np.log(10)
        numbers[f"b={bias}: log10 of the carousel alone"] = alone[-1][-1]
        for name, share in shares.items():
            numbers[f"b={bias}: percent by {name}"] = 100 * share.mean()
    numbers |= {f"sigma({b})^100": np.exp(carousel_alone(b, 100)) for b in (0, 1, 2, 5)}
    right, wrong = (
        rf"${mean:.4f} \pm {error:.4f}$"
        for mean, error in (values[BIASES.index(SHOWN)] for values in exponents.values())
    )
    by_carousel = [numbers[f"b={bias}: percent by carousel"] for bias in BIASES]
    with page("gate_paths", out, quick, shape=("AAAABBB", "AAAACCC"), aspect=2.2, **look) as sheet:
        ways_ax, curves_ax, exponents_ax = sheet.axes
        plot_shares(ways_ax, ways, shown, x=LAG, y=f"share of the paths at $b_f={SHOWN}$ (%)")
        curves_ax.set_ylim(-7, 1)
        plot_series(curves_ax, whole[1:], x=LAG, y=r"$\|\partial L/\partial s_k\|$", log=True)
        curves_ax.plot(lag, whole[0].y / np.log(10), color=stroke(0).color)
        spot = {"xy": (np.argmax(whole[0].y < -5 * np.log(10)), -5), "xytext": (4, 2)}
        curves_ax.annotate("$b_f=0$", **spot, textcoords="offset points", color=stroke(0).color)
        for style, curve in enumerate(alone[1:], start=1):
            curves_ax.plot(ways, curve, color=stroke(style).color, linewidth=0.6, zorder=1.2)
        lines = []
        for name, values in exponents.items():
            mean, error = np.transpose(values)
            lines.append(Series(label=name, x=BIASES, y=mean, low=mean - error, high=mean + error))
        plot_series(exponents_ax, lines, x="forget bias $b_f$", y="nats per step")
        exponents_ax.set_xticks(BIASES)
        return sheet.publish(
            answer=(
                f"With forget bias 3 the carousel has {by_carousel[BIASES.index(3)]:.0f} % of what "
                f"the paths carry; the exponent of the whole state is {right}, that of "
                f"$dh'/dh$ alone {wrong} nats a step."
            ),
            caption=(
                f"An LSTM of {hidden} units on {steps} steps of English text. Areas: the gradient "
                "of the next-character loss by its path through the step at each lag, each path's "
                "norm as a share of the sum of all norms (the vectors add up, their norms do not), "
                f"for forget bias {SHOWN}; for {', '.join(map(str, BIASES))} the carousel has "
                + ", ".join(f"{percent:.0f}" for percent in by_carousel)
                + " % in the mean over lags. Then: the whole gradient, and (thin, from bias 1 "
                "on) what never leaves the carousel; over all steps the whole falls to "
                + ", ".join(magnitude(one.y[-1]) for one in whole)
                + f". Last: leading Lyapunov exponent over {many} steps of the whole state "
                "$(h, c)$, and of $dh'/dh$ alone, which others publish (bands: standard error)."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
