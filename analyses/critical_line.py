"""At which gain does an LSTM turn chaotic, and what does an open forget gate do to that?

Corresponds to: Chen, Pennington & Schoenholz, "Dynamical isometry and a mean field theory of
RNNs", ICML 2018, and Gilboa et al., arXiv:1901.08987, whose phase diagrams take the weights as
drawn afresh at every step.

Theory of infinitely many units gives the leading exponent over forget bias and gain, with weights
that stay and with fresh ones; both lines where it is zero are drawn over networks whose weights
stay. Each theory is also judged by networks of its own kind, the fresh one by fresh networks.
"""

import math

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.ensembles import fresh_exponent
from gradflow.figures import Grid, plot_heat
from gradflow.figures.look.style import INK
from gradflow.reporting import page

VARIANCE = 0.05
# Networks closer to zero than so many nats are on the line: they themselves scatter by that.
ON_THE_LINE = 0.01
REDRAWN = "fresh beside fresh networks"


def laws(bias):
    """Return the biases' laws."""
    return {"b_f": (bias, VARIANCE)} | dict.fromkeys(("b_i", "b_o", "b_g"), (0.0, VARIANCE))


def network(gain, bias, n, draws, steps):
    """Return the leading exponent of networks without input, weights tied, mean of draws."""
    found = []
    for rng in np.random.default_rng(0).spawn(draws):
        params = gf.cells.lstm.init(
            hidden=n, inputs=1, rng=rng, input_maps=0.0, recurrent=gaussian(gain)
        )
        for name, (mean, variance) in laws(bias).items():
            params[name] = mean + math.sqrt(variance) * rng.standard_normal(n)
        start = 0.5 * rng.standard_normal(2 * n)
        run = gf.run("lstm", params, np.zeros((steps, 1)), start, backend="numpy")
        found.append(run.lyapunov(leading=1, transient=steps // 2).exponents[0])
    return float(np.mean(found))


def crossing(gains, exponents):
    """Return the gain at which exponents rise through zero, nan where they do not."""
    up = np.flatnonzero((exponents[:-1] < 0) & (exponents[1:] >= 0))
    if not len(up):
        return math.nan
    i = up[-1]
    share = -exponents[i] / (exponents[i + 1] - exponents[i])
    return float(gains[i] + share * (gains[i + 1] - gains[i]))


def main(out, quick=False, **look):
    """Draw measured exponents over bias and gain, and the two critical lines of theory."""
    biases = np.array([0.0, 2.0]) if quick else np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    gains = np.array([0.5, 3.0, 5.5]) if quick else np.linspace(0.5, 4.5, 9)
    how = {"method": "sampled", "populations": 2}
    how |= {"size": 256, "steps": 20} if quick else {"size": 400, "steps": 80}
    n, draws, steps = (64, 1, 200) if quick else (200, 1, 500)

    def theories(tied):
        return [
            gf.mean_field("lstm", gains=g, biases=laws(b), tied=tied, **how)
            for g in gains
            for b in biases
        ]

    def table(values):
        return np.reshape(list(values), (len(gains), len(biases)))

    told = {"tied": theories(True), "fresh": theories(False)}
    theory = {word: table(t.exponent for t in all_of) for word, all_of in told.items()}
    measured = table(network(g, b, n, draws, steps) for g in gains for b in biases)
    redrawn = table(fresh_exponent(t, n, steps=steps // 5, draws=2)[0] for t in told["fresh"])
    lines = {
        w: np.array([crossing(gains, e[:, k]) for k in range(len(biases))])
        for w, e in theory.items()
    }
    pairs = {
        "tied": (theory["tied"], measured),
        "fresh": (theory["fresh"], measured),
        REDRAWN: (theory["fresh"], redrawn),
    }
    off = {w: float(np.sqrt(np.mean((e - seen) ** 2))) for w, (e, seen) in pairs.items()}
    away = {w: np.abs(seen) > ON_THE_LINE for w, (_, seen) in pairs.items()}
    right = {w: int(np.sum(((e > 0) == (s > 0))[away[w]])) for w, (e, s) in pairs.items()}
    numbers = {f"rms of theory less networks, {w}": v for w, v in off.items()}
    numbers |= {f"points away from the line, {w}": int(v.sum()) for w, v in away.items()}
    numbers |= {f"of these with the right sign, {w}": v for w, v in right.items()}
    numbers |= {
        f"critical gain at bias {b:g}, {w}": float(line[k])
        for w, line in lines.items()
        for k, b in enumerate(biases)
        if b in (0.0, 2.0)
    }
    zero, two = (numbers[f"critical gain at bias {b}, tied"] for b in (0, 2))
    with page("critical_line", out, quick, **look) as sheet:
        ax = sheet.ax
        heat = Grid(biases, gains, measured, "exponent (nats a step)")
        size = float(np.abs(measured).max())
        names = {"x": "mean forget bias $b_f$", "y": "recurrent gain $g$"}
        plot_heat(ax, heat, zero=0.0, limits=(-size, size), **names)
        ax.plot(biases, lines["tied"], "o-", color=INK, mfc="white", label="theory, tied")
        ax.plot(biases, lines["fresh"], "--", color=INK, label="theory, fresh")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        return sheet.publish(
            answer=(
                f"Infinitely many units turn chaotic at gain {zero:.2f} with forget bias 0 and at "
                f"{two:.2f} with bias 2, weights tied: an open gate brings chaos down in gain."
            ),
            caption=(
                f"LSTM without input, biases of variance {VARIANCE:g}. Colour: leading Lyapunov "
                f"exponent of networks of $n = {n}$ units, mean of {draws}, at {measured.size} "
                "points, and the line where it is zero (thick). Theory of infinitely many units: "
                "that line for weights that stay (circles) and for fresh ones (dashed). Of the "
                f"{away['tied'].sum()} points more than {ON_THE_LINE:g} nats away from it, the "
                f"tied theory has the sign right at {right['tied']}, the fresh one at "
                f"{right['fresh']}; over all points they are off by {off['tied']:.3f} and "
                f"{off['fresh']:.3f} nats (rms). Beside networks whose weights are drawn afresh at "
                f"every step, the fresh theory has {right[REDRAWN]} of {away[REDRAWN].sum()} and "
                f"is off by {off[REDRAWN]:.3f}."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
