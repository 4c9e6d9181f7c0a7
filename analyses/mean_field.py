"""Does the theory of infinitely many units tell what networks of a few hundred units do?

Corresponds to: Poole et al., NeurIPS 2016, and Chen, Pennington & Schoenholz, ICML 2018, whose
theories are of weights drawn afresh at every layer or step; here beside weights that stay.

Leading Lyapunov exponents of ten random networks, at random weights and without training, beside
the exponents that theory derives from the same declarations.
"""

import math

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian, orthogonal
from gradflow.figures.look.style import INK, QUIET
from gradflow.reporting import page

SMALL = (0.0, 0.05)
GATES = dict.fromkeys(("b_i", "b_o", "b_g"), SMALL)
LSTM = ("U_i", "U_f", "U_o", "U_g")
LEAKY = gf.Cell(
    name="leaky",
    state="v",
    maps="J",
    scalars="leak",
    equations="v_next = (1 - leak) * v + leak * (J @ tanh(v))",
)
# name, cell, recurrent maps, biases as (mean, variance), variance of white inputs
CASES = (
    ("tanh", "rnn", {"U": gaussian(2.0)}, {}, 0.0),
    ("tanh, driven", "rnn", {"U": gaussian(1.5)}, {}, 1.0),
    ("orthogonal", "rnn", {"U": orthogonal(1.5)}, {}, 0.0),
    ("leaky", LEAKY, {"J": gaussian(3.0)}, {"leak": (0.5, 0.0)}, 0.0),
    ("LSTM, gain 4", "lstm", dict.fromkeys(LSTM, gaussian(4.0)), GATES | {"b_f": SMALL}, 0.0),
    ("LSTM, open", "lstm", {}, GATES | {"b_f": (3.0, 0.05)}, 0.0),
    ("LSTM, driven", "lstm", {}, GATES, 1.0),
    ("GRU", "gru", {"U_r": gaussian(3.0), "U_z": gaussian(3.0), "U_g": gaussian(4.0)}, {}, 0.5),
    ("clockwork", "clockwork", {"W_H": gaussian(2.0)}, {}, 0.0),
    ("SCRN", "scrn", {}, {}, 1.0),
)


def network(case, n, steps, rng):
    """Return the leading exponent of one network of ``n`` units a part, weights tied."""
    _, cell, maps, biases, inputs = case
    cell = gf.cells.get(cell)
    units = {"inputs" if space == "input" else space: n for space in cell.sizes}
    params = cell.init(rng=rng, **units, **maps)
    for name, (mean, variance) in biases.items():
        noise = math.sqrt(variance) * rng.standard_normal(np.shape(params[name]))
        params[name] = mean + noise
    x = math.sqrt(inputs) * rng.standard_normal((steps, n)) if cell.input_names else None
    start = 0.5 * rng.standard_normal(n * len(cell.states))
    run = gf.run(cell, params, x, start, **({} if x is not None else {"steps": steps}))
    return run.lyapunov(leading=1, transient=steps // 3).exponents[0]


def main(out, quick=False, **look):
    """Draw theory against measurement, weights tied and fresh."""
    cases = [CASES[k] for k in (0, 1, 3, 7, 9)] if quick else CASES
    n, draws, steps = (60, 2, 100) if quick else (300, 3, 500)
    how = {"size": 256, "populations": 2, "steps": 20} if quick else {"size": 2000}
    found = {}
    for case in cases:
        name, cell, maps, biases, inputs = case
        laws = {"gains": maps, "biases": biases, "inputs": inputs}
        theory = [gf.mean_field(cell, tied=tied, **laws, **how) for tied in (True, False)]
        seeds = np.random.default_rng(0).spawn(draws)
        drawn = [network(case, n, steps, rng) for rng in seeds]
        found[name] = *theory, float(np.mean(drawn)), float(np.std(drawn, ddof=1) / draws**0.5)
    measured = np.array([m for *_, m, _ in found.values()])
    errors = np.array([e for *_, e in found.values()])
    tied, fresh = (np.array([row[k].exponent for row in found.values()]) for k in (0, 1))
    off = {
        w: float(np.sqrt(np.mean((e - measured) ** 2)))
        for w, e in (("tied", tied), ("fresh", fresh))
    }
    numbers = {f"theory, {name}": row[0].exponent for name, row in found.items()}
    numbers |= {f"networks, {name}": float(m) for name, m in zip(found, measured, strict=True)}
    numbers |= {f"rms of theory less networks, {word}": v for word, v in off.items()}
    with page("mean_field", out, quick, **look) as sheet:
        ax, rows = sheet.ax, np.arange(len(found))[::-1]
        ax.axvline(0, color=QUIET, linewidth=0.6)
        ax.errorbar(measured, rows, xerr=2 * errors, fmt="|", color=INK, label="networks")
        ax.plot(tied, rows, "o", label="theory, tied")
        ax.plot(fresh, rows, "s", markerfacecolor="none", label="theory, fresh")
        ax.set_yticks(rows, list(found))
        ax.set(
            xlabel="leading exponent (nats a step)",
            ylabel="random network",
            ylim=(-0.7, len(rows) - 0.3),
        )
        ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2, columnspacing=1)
        return sheet.publish(
            answer=(
                f"Yes, with weights that stay: it is off by {off['tied']:.3f} nats (rms) over "
                f"{len(found)} kinds of network of {n} units; with weights drawn afresh at every "
                f"step, as most theories take them, by {off['fresh']:.3f}."
            ),
            caption=(
                f"Leading Lyapunov exponents of random networks of $n = {n}$ units, mean of "
                f"{draws} and two standard errors, and of infinitely many units, from the cells' "
                "declarations alone, by quadrature or sampled populations. Untrained weights. "
                "Where a cell has memory of its own, weights that stay and fresh ones differ."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
