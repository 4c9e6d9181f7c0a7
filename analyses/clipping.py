"""What does clipping the gradient's norm do, and what can it not do?

Corresponds to: Pascanu, Mikolov & Bengio (ICML 2013), Algorithm 1: if |g| is at least a threshold,
g becomes threshold g / |g|. The paper has no figure of what it does to the lags.

Clipping multiplies the whole gradient by one number of at most 1. So it cures a gradient that
explodes, and leaves one that vanishes as it is: the share of the long lags stays what it was, on
both sides.
"""

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.figures import Series, plot_series
from gradflow.figures.look.style import QUIET
from gradflow.networks import read_sequence
from gradflow.reporting import magnitude, page
from gradflow.spectra import cross_entropy, log_clip_factor

THRESHOLD, FAR, SHOWN = 10.0, 20, (0.75, 1.55, 3.15)


def components(gain, seed, text, hidden):
    """C_l of the last step's loss, all parameters side by side: (lags, parameters)."""
    inputs = text.values.shape[1]
    sizes = {"hidden": hidden, "inputs": inputs}
    params = gf.cells.rnn.init(rng=seed, recurrent=gaussian(gain), **sizes)
    run = gf.run(gf.cells.rnn, params, text.values, backend="numpy")
    readout = np.random.default_rng(seed).standard_normal((inputs, hidden)) / np.sqrt(hidden)
    loss = cross_entropy(readout, run.states["h"][-1], text.targets[-1])
    found = run.parameter_gradient(loss.gradient)
    scaled = np.concatenate([c.reshape(len(c), -1) for c in found.by_lag.values()], axis=1)
    return scaled * np.exp(found.log_scale)[:, None]


def main(out, quick=False, **look):
    """Draw norms against the gain before and after clipping, and the share of each lag."""
    steps, hidden, seeds = (60, 16, 3) if quick else (100, 64, 9)
    text = read_sequence(None, steps)
    gains = np.linspace(0.4, 3.2, 8 if quick else 15)
    logs = {name: np.empty((gains.size, seeds)) for name in ("whole", "cut", "far", "far cut")}
    moved, numbers, shares = [], {}, {}
    for row, gain in enumerate(gains):
        for seed in range(seeds):
            parts = components(gain, seed, text, hidden)
            whole, far = (np.log(np.linalg.norm(p.sum(axis=0))) for p in (parts, parts[FAR + 1 :]))
            # what Algorithm 1 does to the sum, it does to each of its terms
            cut = log_clip_factor(whole, THRESHOLD)
            for name, log in zip(logs, (whole, whole + cut, far, far + cut), strict=True):
                logs[name][row, seed] = log
            factor = np.exp(cut)
            share = np.linalg.norm(parts, axis=1)
            share, same = share / share.sum(), factor * share / (factor * share).sum()
            moved.append(np.abs(same / share - 1).max())
            if seed == 0:
                shares[gain] = share, same
    middle = {name: np.median(values, axis=1) for name, values in logs.items()}
    highest = np.exp(logs["cut"].max())
    small = logs["whole"] < np.log(THRESHOLD)
    change = np.exp(logs["cut"] - logs["whole"])[small] - 1
    numbers |= {
        "largest norm after clipping": highest,
        "most a gradient under the threshold changes": np.abs(change).max(),
        "most a lag's share changes": max(moved),
        "gradients clipped, percent": 100 * (1 - small.mean()),
        "log10 of the whole, largest gain": middle["whole"][-1] / np.log(10),
        "log10 of lags beyond 20, least gain": middle["far"][0] / np.log(10),
        "log10 of lags beyond 20 after, least gain": middle["far cut"][0] / np.log(10),
    }
    curves = []
    for style, (name, label) in enumerate((("whole", "all lags"), ("far", f"lags over {FAR}"))):
        low, high = np.quantile(logs[name], (0.1, 0.9), axis=1, method="nearest")
        curves.append(Series(label=label, x=gains, y=middle[name], low=low, high=high, style=style))
        cut = middle["cut" if name == "whole" else "far cut"]
        curves.append(Series(label="", x=gains, y=cut, kind="points", style=style))
    lag, every = np.arange(steps), slice(None, None, steps // 10)
    lines = []
    for style, gain in enumerate(gains[np.searchsorted(gains, SHOWN)]):
        share, same = shares[gain]
        lines.append(Series(label=f"$g={gain:.1f}$", x=lag, y=np.log(share), style=style + 2))
        after = np.log(same)[every]
        lines.append(Series(label="", x=lag[every], y=after, kind="points", style=style + 2))
    with page("clipping", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        plot_series(left, curves, x="recurrent gain $g$", y="norm of gradient", log=True)
        left.set_xlim(gains[0] - 0.1, gains[-1] + 0.1)
        left.text(0.97, 0.30, "markers: after", transform=left.transAxes, ha="right")
        left.axhline(np.log10(THRESHOLD), color=QUIET, linewidth=0.6, zorder=0)
        plot_series(right, lines, x="lag $\\ell$ (steps)", y="share of the gradient", log=True)
        return sheet.publish(
            answer=(
                f"It cuts {magnitude(middle['whole'][-1])} at $g = {gains[-1]:g}$ to "
                f"{THRESHOLD:g}, and leaves the {magnitude(middle['far'][0])} from beyond lag "
                f"{FAR} at $g = {gains[0]:g}$ as it is: no lag's share changes by more than "
                f"{magnitude(np.log(max(moved)))}."
            ),
            caption=(
                f"Parameter gradient of a vanilla network of {hidden} units (loss of the last of "
                f"{steps} steps of English text; medians and 10-90 % of {seeds} draws). Left: its "
                f"norm, and that of the part from lags over {FAR}, against the recurrent gain; "
                f"markers: after norm clipping at {THRESHOLD:g} (line), which meets "
                f"{numbers['gradients clipped, percent']:.0f} % of the gradients. Right: share of "
                "each lag in the sum of the norms of one draw, before (lines) and after clipping "
                "(markers): the same to rounding. Vanishing is a matter of shares, and clipping "
                "has no hold on them."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
