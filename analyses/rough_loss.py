"""Why does the loss of a recurrent network jump while it learns, and what does clipping do?

Corresponds to: Bengio, Simard & Frasconi (IEEE TNN 5(2), 1994) and the lecture's "the error surface
is rough", the curve of a real language model; Pascanu, Mikolov & Bengio (ICML 2013), section 3.2,
for the remedy. A vanilla network learns the next character by plain descent; the same run is made
with and without clipping, and every update is measured.

A step of rate r lowers the loss to second order unless r g'Hg/g'g exceeds 2: that is not fitted.
The control takes the trend out of each quantity (its median over the 25 updates before), since
whatever drifts in a training seems to foretell what comes later in it.
"""

import numpy as np

from gradflow.cells.initializers import gaussian
from gradflow.figures import Series, plot_series
from gradflow.figures.look.style import QUIET
from gradflow.reporting import page
from gradflow.training import characters, train
from gradflow.training.events import area, detrended, share_over

# gain, rate and seed of runs that are rough and alive, found by a scan: a little less and none
# jumps, a little more and the network is lost
RUNS = ((1.6, 1.2, 1), (1.75, 1.0, 2), (1.75, 0.7, 3), (1.9, 0.9, 7), (1.6, 1.2, 4))
QUICK = ((1.6, 2.5, 1), (2.0, 2.5, 2))
AHEAD = (1, 2, 3, 5)
NAMES = ("rate x curvature", "gradient norm", "leading exponent")


def measured(runs, quick):
    """Train each run with and without clipping; the records of all updates."""
    steps, hidden, updates = (12, 12, 60) if quick else (40, 48, 300)
    task = characters(steps=steps)
    for gain, rate, seed in runs:
        yield train(
            "rnn",
            task,
            updates=updates,
            batch=8 if quick else 16,
            optimizer="sgd",
            rates=rate,
            clips=[np.inf, 0.5],
            seeds=[seed],
            every=1,
            lags=[steps],
            hidden=hidden,
            recurrent=gaussian(gain),
        )


def foretold(found, first):
    """Areas (quantity, ahead, detrended or not) of one run, and shares over 2 at jumps and else."""
    alive = np.isfinite(found.held_out[0])
    jumps = found.jumps()[0][alive]
    exponents = np.array([look.exponent for look in found.looks[0]])
    told = [v[alive] for v in (found.rate_curvature[0], found.gradient_norm[0], exponents)]
    areas = np.empty((len(told), len(AHEAD), 2))
    for q, values in enumerate(told):
        for a, ahead in enumerate(AHEAD):
            for d, shown in enumerate((values, detrended(values))):
                areas[q, a, d] = area(shown[first:-ahead], jumps[first + ahead :])
    return areas, share_over(told[0][first:-1], jumps[first + 1 :], 2), int(jumps.sum())


def main(out, quick=False, **look):
    """Draw the loss of one run with and without clipping, and what tells a jump before it comes."""
    runs = list(measured(QUICK if quick else RUNS, quick))
    first = 10 if quick else 25
    told = [foretold(run, first) for run in runs]
    areas = np.nanmean([areas for areas, _, _ in told], axis=0)
    before, else_ = np.nanmean([shares for _, shares, _ in told], axis=0)
    jumps = np.array([run.jumps().sum(axis=1) for run in runs])
    final = np.array([run.held_out[:, -1] for run in runs])
    numbers = {
        "jumps of a run, not clipped": jumps[:, 0].mean(),
        "jumps of a run, clipped": jumps[:, 1].mean(),
        "final loss, not clipped": np.median(final[:, 0]),
        "final loss, clipped": np.median(final[:, 1]),
        "share over 2 before a jump": before,
        "share over 2 elsewhere": else_,
        "runs": len(runs),
    }
    for q, name in enumerate(NAMES):
        numbers[f"area of {name}, one update ahead"] = areas[q, 0, 1]
        numbers[f"area of {name}, two ahead"] = areas[q, 1, 1]
        numbers[f"area of {name} with its trend"] = areas[q, 0, 0]
    shown = runs[0]
    alive = np.isfinite(shown.held_out)
    curves, lines = [], []
    for k, label in enumerate(("not clipped", "clipped")):
        x, y = shown.update[alive[k]], shown.held_out[k][alive[k]]
        curves.append(Series(label=label, x=x, y=y, style=k))
    for q, name in enumerate(NAMES):
        lines.append(Series(label=name, x=AHEAD, y=areas[q, :, 1], style=q + 2))
        lines.append(Series(label="", x=AHEAD, y=areas[q, :, 0], kind="points", style=q + 2))
    with page("rough_loss", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        plot_series(left, curves, x="update", y="loss held out (nats)")
        plot_series(right, lines, x="updates ahead of the jump", y="area under the curve")
        right.axhline(0.5, color=QUIET, linewidth=0.6, zorder=0)
        return sheet.publish(
            answer=(
                f"{jumps[:, 0].mean():.0f} jumps over 0.1 a run become {jumps[:, 1].mean():.0f} by "
                f"clipping; rate times curvature is over 2 before {100 * before:.0f} % of them and "
                f"at {100 * else_:.0f} % of the other updates; the area of that product is "
                f"{areas[0, 0, 1]:.2f}, that of the leading exponent {areas[2, 0, 1]:.2f} (chance "
                "0.5)."
            ),
            caption=(
                f"A vanilla network learning characters by plain descent, {len(runs)} runs of "
                f"{shown.update[-1]} updates. Left: loss held out of one run, with the gradient's "
                "norm clipped at 0.5 and without. Right: how well each quantity tells a rise by "
                "over 0.1 so many updates before it comes, mean area over the runs, 0.5 being "
                "chance (line); lines: less its median over the 25 updates before; markers: as it "
                f"is. One update ahead {areas[0, 0, 1]:.2f}, two ahead {areas[0, 1, 1]:.2f}."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
