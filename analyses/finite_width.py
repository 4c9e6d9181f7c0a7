"""How many units does it take for a random network to do what infinitely many would?

Corresponds to: Hanin & Nica, "Products of many large random matrices and gradients in deep neural
networks", Commun. Math. Phys. 376 (2020) 287, here for exponents of recurrent networks.

Exponents of networks of more and more units less theory's of infinitely many, fitted by c / n.
"""

import math

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian, orthogonal
from gradflow.ensembles import fresh_exponent
from gradflow.figures.look.style import INK, QUIET
from gradflow.reporting import page

SMALL, DRAWS = (0.0, 0.05), 4
GATES = dict.fromkeys(("b_i", "b_o", "b_g"), SMALL)
LSTM = {f"U_{gate}": gaussian(4.0) for gate in "ifog"}
GRU = {"U_r": gaussian(3.0), "U_z": gaussian(3.0), "U_g": gaussian(4.0)}
OPEN = {"b_r": (1.0, 0.0), "b_z": (1.0, 0.0), "b_g": SMALL}
LEAKY = gf.Cell(name="leaky", state="v", maps="J", equations="v_next = (v + J @ tanh(v)) / 2")
GATED = "z = sigmoid(U_z @ h + 1)\nh_next = z * h + (1 - z) * relu(U_g @ h + b_g)"
LIGHT = gf.Cell(name="light", state="h", maps="U_z U_g", vectors="b_g", equations=GATED)
PARTS = "s_next = 0.9 * s + 0.1 * tanh(A @ h)\nh_next = tanh(U @ h + B @ s_next)"
TWO = gf.Cell(name="two", state="h s", maps="U A B", equations=PARTS)
# name, cell, recurrent maps, biases as (mean, variance), variance of white inputs
CASES = (
    ("tanh", "rnn", {"U": gaussian(2.0)}, {}, 0.0),
    ("tanh, driven", "rnn", {"U": gaussian(2.0)}, {}, 1.0),
    ("orthogonal", "rnn", {"U": orthogonal(2.0)}, {}, 0.0),
    ("ReLU", "irnn", {"U": gaussian(1.2)}, {"b": SMALL}, 0.0),
    ("LSTM, gain 4", "lstm", LSTM, GATES | {"b_f": SMALL}, 0.0),
    ("LSTM, open", "lstm", {}, GATES | {"b_f": (3.0, 0.05)}, 0.0),
    ("LSTM, driven", "lstm", {}, {}, 1.0),
    ("GRU", "gru", GRU, OPEN, 0.0),
    ("GRU, driven", "gru", {}, {}, 1.0),
    ("GRU, reset after", "gru_reset_after", {"U_g": gaussian(4.0)}, {"b_g": SMALL}, 0.0),
    ("clockwork", "clockwork", {"W_H": gaussian(2.0)}, {}, 0.0),
    ("SCRN", "scrn", {}, {}, 1.0),
    ("leaky", LEAKY, {"J": gaussian(3.0)}, {}, 0.0),
    ("light GRU", LIGHT, {"U_g": gaussian(1.3)}, {"b_g": SMALL}, 0.0),
    ("two parts", TWO, dict.fromkeys("UAB", gaussian(1.5)), {}, 0.0),
)


def network(case, n, steps, rng):
    """Return the leading exponent of one network of ``n`` units a part that keeps its weights."""
    _, cell, maps, biases, inputs = case
    cell = gf.cells.get(cell)
    units = {"inputs" if space == "input" else space: n for space in cell.sizes}
    params = cell.init(rng=rng, **units, **maps)
    for name, (mean, variance) in biases.items():
        params[name] = mean + math.sqrt(variance) * rng.standard_normal(n)
    x = math.sqrt(inputs) * rng.standard_normal((steps, n)) if cell.input_names else None
    start = 0.5 * rng.standard_normal(n * len(cell.states))
    run = gf.run(cell, params, x, start, **({} if x is not None else {"steps": steps}))
    return run.lyapunov(leading=1, transient=steps // 3).exponents[0]


def law(case, tied, sizes, steps, how):
    """Return theory, c of the fit of its difference by c / n, and the error of c.

    Every size has as many units in all, so that all means are as uncertain.
    """
    _, cell, maps, biases, inputs = case
    theory = gf.mean_field(cell, gains=maps, biases=biases, inputs=inputs, tied=tied, **how)
    rng, y = np.random.default_rng(0), []
    for n in sizes:
        draws = DRAWS * sizes[-1] // n
        if tied:
            found = np.mean([network(case, n, steps, r) for r in rng.spawn(draws)])
        else:
            found, _ = fresh_exponent(theory, n, steps=steps, draws=draws, rng=rng)
        y.append(found - theory.exponent)
    x, square = 1 / np.array(sizes), np.sum(1 / np.array(sizes) ** 2)
    c = (x @ y) / square
    scatter = math.sqrt(np.sum((y - c * x) ** 2) / (len(x) - 1) / square)
    return theory.exponent, c, math.hypot(scatter, theory.error * x.sum() / square)


def main(out, quick=False, **look):
    """Draw the fitted c of every cell, weights tied and fresh."""
    cases = [CASES[k] for k in (0, 3, 11)] if quick else CASES
    sizes = {True: (100, 300, 1200), False: (50, 200, 400, 1200)}
    steps = {True: 300, False: 250}
    if quick:
        sizes, steps = dict.fromkeys(sizes, (20, 40)), {True: 100, False: 40}
    how = {"size": 300, "populations": 2, "steps": 20} if quick else {"populations": 4}
    found = {
        tied: {case[0]: law(case, tied, sizes[tied], steps[tied], how) for case in cases}
        for tied in (True, False)
    }
    numbers = {
        f"{what}, {name}, {'tied' if tied else 'fresh'}": value
        for tied, rows in found.items()
        for name, row in rows.items()
        for what, value in zip(("theory", "c", "error of c"), row, strict=True)
    }
    least = {tied: min(c for _, c, _ in rows.values()) for tied, rows in found.items()}
    with page("finite_width", out, quick, **look) as sheet:
        ax, rows = sheet.ax, np.arange(len(cases))[::-1]
        ax.axvline(0, color=QUIET, linewidth=0.6)
        mark = {True: {"fmt": "o"}, False: {"fmt": "s", "mfc": "white"}}
        for tied, shift, word in ((True, 0.15, "tied"), (False, -0.15, "fresh")):
            c, error = np.array([row[1:] for row in found[tied].values()]).T
            ax.errorbar(c, rows + shift, xerr=error, color=INK, label=word, **mark[tied])
        ax.set_yticks(rows, [case[0] for case in cases])
        ax.set(xlabel="c (nats a step times units)", ylabel="random network")
        ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)
        return sheet.publish(
            answer=(
                f"n units differ from the limit by c / n; over {len(cases)} kinds of cell c goes "
                f"to {least[True]:.1f} with tied weights and to {least[False]:.1f} with fresh."
            ),
            caption=(
                r"Least-squares fit of $\lambda_n - \lambda_\infty$ by $c/n$, leading exponents of "
                f"networks of {', '.join(map(str, sizes[True]))} units, weights tied, and of "
                f"{', '.join(map(str, sizes[False]))} with fresh ones; theory by quadrature or "
                "sampled. Bars: scatter about the fit and error of the theory. Untrained weights."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
