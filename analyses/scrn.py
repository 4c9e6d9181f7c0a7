"""What do the slow context units of the structurally constrained network do to the gradient?

Corresponds to: Mikolov, Joulin, Chopra, Mathieu & Ranzato, "Learning Longer Memory in Recurrent
Neural Networks", ICLR 2015 (workshop), arXiv:1412.7753, whose alpha = 0.95 is drawn beside two
others.

The context s takes nothing from h and keeps alpha of itself, so that ds_t/ds_k over T steps is
exactly alpha^T I: each context unit is an eigenvalue alpha of every step. The gradient in s is that
line and what comes in through h, where it vanishes within some steps.
"""

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.figures import Series, plot_eigenvalues, plot_series
from gradflow.networks import read_sequence
from gradflow.reporting import magnitude, page
from gradflow.spectra import cross_entropy
from gradflow.spectra.numerics.logdomain import row_products

ALPHAS = (0.9, 0.95, 0.99)
STEPS = 100
FLOOR = np.log(1e-7)


def context_block(run):
    """Return ds_t/ds_k and ds_t/dh_k over the last 100 steps, from the product of Jacobians."""
    rows = np.eye(run.width)[run.parts["s"]]
    last = range(run.steps - STEPS + 1, run.steps + 1)
    direction, log_length = row_products(run.jacobians(last), rows)
    block = np.exp(log_length[:, -1, None]) * direction[:, -1]
    return block[:, run.parts["s"]], block[:, run.parts["h"]]


def main(out, quick=False, **look):
    """Draw the two parts of the gradient against lag, and the eigenvalues of one step."""
    hidden, context = (16, 4) if quick else (100, 40)
    cell, text = gf.cells.scrn, read_sequence(None, 2 * STEPS)
    sizes = {"hidden": hidden, "context": context, "inputs": text.values.shape[1]}
    # the output reads both parts, as in the paper
    readout = gaussian().draw(np.random.default_rng(1), (sizes["inputs"], hidden + context))
    lag, half = np.arange(STEPS + 1), STEPS // 2
    curves, theory, spectra, numbers = [], [], {}, {}
    for alpha in ALPHAS:
        run = gf.run(cell, cell.init(**sizes, rng=0, alpha=alpha), text.values, backend="numpy")
        loss = cross_entropy(readout, run.flat_states[-1], text.targets[-1])
        parts = run.gradient_decay(loss.gradient).by_part
        slow, fast = (parts[name][: STEPS + 1] for name in ("s", "h"))
        curves.append(Series(label=f"$s$, $\\alpha={alpha}$", x=lag, y=slow))
        line = slow[-1] + (lag - STEPS) * np.log(alpha)
        theory.append(Series(label="", x=lag, y=line, kind="theory"))
        spectra[f"{alpha}"] = values = run.eigenvalues(2 * STEPS)
        there = np.abs(values - alpha) < 1e-9
        kept, crossed = context_block(run)
        at = f", alpha = {alpha}"
        numbers |= {
            f"least of ds/ds over 100 steps{at}": kept.diagonal().min(),
            f"most of ds/ds over 100 steps{at}": kept.diagonal().max(),
            f"entries beside the diagonal of ds/ds{at}": np.count_nonzero(kept) - context,
            f"entries of ds/dh{at}": np.count_nonzero(crossed),
            f"eigenvalues at alpha{at}": np.count_nonzero(there),
            f"largest of the others{at}": np.abs(values[~there]).max(),
            f"rate of s (nats a step){at}": (slow[-1] - slow[half]) / half,
            f"share of s that comes in through h{at}": np.abs(np.expm1(slow - line)).max(),
            f"log10 gradient in s at lag 100{at}": slow[-1] / np.log(10),
            f"log10 gradient in h at lag 100{at}": fast[-1] / np.log(10),
        }

    def most(word):
        return max(value for name, value in numbers.items() if word in name)

    hidden_end = numbers["log10 gradient in h at lag 100, alpha = 0.95"] * np.log(10)
    exact = numbers["most of ds/ds over 100 steps, alpha = 0.95"]
    with page("scrn", out, quick, shape=(1, 2), widths=(1.2, 1), **look) as sheet:
        left, right = sheet.axes
        plot_series(left, [*curves, *theory], x="lag $t-k$ (steps)", y="gradient", log=True)
        seen = fast > FLOOR
        left.plot(lag[seen], fast[seen] / np.log(10), color="black", linestyle="-.")
        note = f"$h$: {magnitude(hidden_end)}\nat lag {STEPS}"
        left.text(14, FLOOR / np.log(10) + 0.4, note)
        left.set_ylim(FLOOR / np.log(10), 0.5)
        plot_eigenvalues(right, spectra)
        right.get_legend().remove()
        right.text(0.0, 0.34, "$h$", ha="center")
        right.text(0.97, 0.14, r"$s$: $\alpha$", ha="right")
        return sheet.publish(
            answer=(
                f"They keep it at the rate they are given: over {STEPS} steps the context's "
                f"gradient falls by exactly $0.95^{{{STEPS}}} = {exact:.3g}$, while that of the "
                f"hidden units falls to {magnitude(hidden_end)}."
            ),
            caption=(
                f"SCRN of {hidden} hidden and {context} context units on English text. Left: "
                "gradient of the next-character loss in the context $s$, for three values of "
                r"$\alpha$, and in the hidden units $h$ (dash-dotted, the same for all three to "
                "the eye). Dashed: the exact law $\\alpha^{t-k}$ of the theorem scrn.context; over "
                f"{STEPS} steps $0.95^{{{STEPS}}} = {exact:.6f}$. What comes in through $h$ moves "
                f"the gradient in $s$ off its law by at most {100 * most('through h'):.1f} %. "
                f"Right: eigenvalues of one step's Jacobian; {context} are $\\alpha$, and those of "
                f"$h$ lie within {most('others'):.2f}."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
