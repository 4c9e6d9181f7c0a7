"""Why is even $y = w^{1000}$ hard to learn?

Corresponds to: the toy of lectures on training recurrent networks ("RNN is not easy to learn": one
weight, a thousand steps, w = 1, 1.01, 0.99, 0.01), the scalar case of Pascanu, Mikolov & Bengio,
ICML 2013, section 2.1.

The derivative dy/dw = 1000 w^999 spans two thousand powers of ten over these four weights. One
learning rate eta moves w by eta dy/dw: small enough for w = 1.01 it does nothing at w = 0.99, and
large enough for w = 0.99 it throws w = 1.01 away.
"""

import numpy as np

import gradflow as gf
from gradflow.figures import Series, plot_series
from gradflow.reporting import magnitude, page

STEPS = 1000
WEIGHTS = (1.01, 1.0, 0.99, 0.01)
FLOOR = 1e-30
BESIDE = {"textcoords": "offset points", "va": "center"}


def main(out, quick=False, **look):
    """Draw y against the step, and the learning rates that are small and large enough."""
    toy = gf.cells.scalar
    across = np.linspace(0.985, 1.015, 31 if quick else 301)
    curves, numbers, log_slope = [], {}, {}
    for w in WEIGHTS:
        run = gf.run(toy, {"w": np.array([w])}, state=np.ones(1), steps=STEPS, backend="numpy")
        # y_t = P(t, 0) y_0, so the decay of P is y itself, in logarithms that never underflow
        log_y = run.decay().log_norm
        log_slope[w] = float(np.log(STEPS) + log_y[STEPS - 1])
        seen = log_y > np.log(FLOOR)
        label = f"$w={w:g}$" if seen.all() else ""
        curves.append(Series(label=label, x=np.arange(STEPS + 1)[seen], y=log_y[seen]))
        numbers |= {f"log10 y, w={w:g}": log_y[-1] / np.log(10)}
        numbers |= {f"log10 dy/dw, w={w:g}": log_slope[w] / np.log(10)}
    # A step eta dy/dw must not move w by more than 0.01, and must move it by 0.01 to get anywhere.
    log_rate = np.log(0.01) - (np.log(STEPS) + (STEPS - 1) * np.log(across))
    apart = log_slope[1.01] - log_slope[0.99]
    numbers["decades between the learning rates of 0.99 and 1.01"] = apart / np.log(10)
    with page("toy_power", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        plot_series(left, curves, x="step $t$", y="$y_t = w^t$", log=True)
        left.annotate("$w=0.01$: $10^{-2000}$ in the end", (14, -28), (10, 0), **BESIDE)
        plot_series(
            right,
            [Series(label="", x=across, y=log_rate)],
            x="weight $w$",
            y=r"learning rate $\eta$",
            log=True,
        )
        low, high = right.get_ylim()
        decades = log_rate / np.log(10)
        right.fill_between(across, decades, high, color="#d55e00", alpha=0.14, linewidth=0)
        right.fill_between(across, low, decades, color="#0072b2", alpha=0.14, linewidth=0)
        right.set(xlim=(across[0], across[-1]), ylim=(low, high))
        right.text(
            0.96,
            0.94,
            "step over 0.01:\nthrown away",
            transform=right.transAxes,
            ha="right",
            va="top",
        )
        right.text(0.04, 0.06, "step under 0.01:\nno progress", transform=right.transAxes)
        return sheet.publish(
            answer=(
                f"The slope $dy/dw$ at $w = 1.01$ is {magnitude(log_slope[1.01])} and at "
                f"$w = 0.99$ it is {magnitude(log_slope[0.99])}: the learning rates they call for "
                f"lie {apart / np.log(10):.1f} powers of ten apart, so no single one serves both."
            ),
            caption=(
                r"Left: $y_t = w^t$ for four weights; after 1000 steps $1.01^{1000}$ is "
                f"{magnitude(1000 * np.log(1.01), 5)}, $0.99^{{1000}}$ is "
                f"{magnitude(1000 * np.log(0.99))} and $0.01^{{1000}}$ is $10^{{-2000}}$. Right: "
                r"the learning rate $\eta$ with which one step $\eta\, dy/dw$ moves $w$ by just "
                f"$0.01$. It falls by {apart / np.log(10):.1f} powers of ten from $w = 0.99$ to "
                "$w = 1.01$."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
