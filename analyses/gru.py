"""What does the update gate of a GRU do to the gradient, open and closed?

Corresponds to: Cho et al. (EMNLP 2014), eqs. 5-8, whose update gate z keeps the state,
h' = z h + (1 - z) g (others write 1 - z for it). The paper has no figure of the gradient.

dh'/dh holds diag(z), the carousel, beside the ways through the candidate, the update gate and the
reset gate. The bias of z decides which of them carries the gradient: open (z near 1) nearly all of
it stays on the carousel and decays as sigma(b)^k; closed, the GRU is a vanilla network.
"""

import numpy as np

import gradflow as gf
from gradflow.figures import Series, plot_series
from gradflow.figures.look.style import stroke
from gradflow.networks import read_sequence
from gradflow.proofs import bound_below
from gradflow.reporting import magnitude, page
from gradflow.spectra import cross_entropy

BIASES = (5, 3, 1, 0, -3)
NAMES = {"carousel": "carousel", "g": "candidate", "r, g": "reset gate", "z": "update gate"}
SHORT = {"carousel": "carousel", "g": "via $g$", "r, g": "via $r$", "z": "via $z$"}


def started(bias, text, hidden, **choices):
    """A run on the text with the update gate's bias, and the gradient of the last loss by h."""
    inputs = text.values.shape[1]
    params = gf.cells.gru.init(hidden=hidden, inputs=inputs, rng=0, forget_bias=bias, **choices)
    run = gf.run(gf.cells.gru, params, text.values, backend="numpy")
    readout = np.random.default_rng(0).standard_normal((inputs, hidden)) / np.sqrt(hidden)
    return run, cross_entropy(readout, run.states["h"][-1], text.targets[-1]).gradient


def relative(run, gradient):
    """Log norm of the gradient against lag, over that at lag 0."""
    log = run.gradient_decay({"h": gradient}).log_norm
    return log - log[0]


def main(out, quick=False, **look):
    """Draw the gradient for some biases; its rate and the share of each path against the bias."""
    steps, hidden = (50, 8) if quick else (200, 32)
    text, lag = read_sequence(None, steps), np.arange(steps + 1)
    curves, powers, proven, numbers = [], [], {}, {}
    for bias in BIASES:
        run, gradient = started(bias, text, hidden)
        log, proven[bias] = relative(run, gradient), bound_below(run)
        curves.append(Series(label=f"$b={bias}$", x=lag, y=log))
        alone = relative(*started(bias, text, hidden, recurrent=0.0, input_maps=0.0))
        powers.append(alone / np.log(10))
        numbers[f"b={bias}: log10 of the gradient"] = log[-1] / np.log(10)
        numbers[f"b={bias}, all maps 0: log10 of the gradient"] = alone[-1] / np.log(10)
    grid = np.linspace(-4, 6, 11 if quick else 41)
    shares, rates, bounds = {name: [] for name in NAMES}, [], []
    for bias in grid:
        run, gradient = started(bias, text, hidden)
        rates.append(relative(run, gradient)[-1] / steps)
        bound = bound_below(run)
        bounds.append(np.nan if bound is None else bound[-1] / steps)
        for name, share in run.paths({"h": gradient}).share().items():
            shares[name].append(100 * share.mean())
    for name, share in shares.items():
        numbers[f"{NAMES[name]}: percent at b=-4"] = share[0]
        numbers[f"{NAMES[name]}: percent at b=6"] = share[-1]
    half = np.interp(50, shares["carousel"], grid)
    applies = np.isfinite(bounds)
    bounded = ", ".join(f"{bias}" for bias, bound in proven.items() if bound is not None)
    numbers |= {
        "b=5: log10 of the proven bound": proven[5][-1] / np.log(10),
        "bias at which the carousel has half": half,
        "least bias with a proven bound": grid[applies][0],
        "b=6: nats a step": rates[-1],
        "b=6: nats a step, least singular value": run.singular_values([steps]).log_sigma[0, -1]
        / steps,
        "b=6: nats a step, proven": bounds[-1],
    }
    with page("gru", out, quick, shape=(1, 3), aspect=1.05, **look) as sheet:
        left, middle, right = sheet.axes
        y, across = r"$\|\partial L/\partial h_k\|$ (1 at lag 0)", "bias $b$ of $z$"
        curves.append(Series(label="proven", x=lag, y=proven[5], kind="bound"))
        plot_series(left, curves, x="lag $t-k$ (steps)", y=y, log=True)
        left.set_ylim(left.get_ylim())
        for style, power in enumerate(powers):
            left.plot(lag, power, color=stroke(style).color, linewidth=0.6, zorder=1.2)
        lines = [
            Series(label="bound", x=grid[applies], y=np.array(bounds)[applies], kind="bound"),
            Series(label="", x=grid, y=rates),
            Series(label="", x=grid, y=-np.logaddexp(0, -grid), kind="theory"),
        ]
        plot_series(middle, lines, x=across, y="growth (nats per step)", named=False)
        middle.set_ylim(-3.5, 0.1)
        middle.text(-3.8, rates[0] - 0.08, "all", va="top", color=stroke(0).color)
        middle.text(-1.9, -3.4, r"$\log\,\sigma(b)$", rotation=90)
        middle.text(3.0, -1, "proven", rotation=90, va="top")
        paths = [
            Series(label=SHORT[name], x=grid, y=np.log(s) - np.log(100))
            for name, s in shares.items()
        ]
        plot_series(right, paths, x=across, y="share of gradient", log=True)
        return sheet.publish(
            answer=(
                f"With $b = 5$ the gradient keeps {magnitude(curves[0].y[-1])} of its size over "
                f"{steps} steps, with $b = -3$ {magnitude(curves[4].y[-1])}; from $b = {half:.1f}"
                "$ on the carousel carries more than half of it."
            ),
            caption=(
                f"A GRU of {hidden} units on English text. Left: gradient of the next-character "
                "loss for five biases of the update gate $z$, which keeps the state; thin, what is "
                r"left without maps, $\sigma(b)^k$; dotted, the bound of the theorem gru.lower for "
                f"$b = 5$, {magnitude(proven[5][-1])} in the end. Of the five it applies to $b = "
                f"{bounded}$ only. Middle: rate by all paths and (dashed) by the carousel; "
                "dotted, the bound for every singular value of these runs' products: one exists "
                f"from $b = {grid[applies][0]:g}$ on. Right: share of the gradient by path, mean "
                "over lags: carousel, candidate $g$, reset gate $r$, update gate $z$."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
