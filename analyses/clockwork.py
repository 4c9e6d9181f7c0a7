"""Why does a slow module of a Clockwork RNN keep the gradient longer?

Corresponds to: Koutnik, Greff, Gomez & Schmidhuber, "A Clockwork RNN" (ICML 2014): modules that
run at the multiples of their period and read themselves and slower modules. The paper has no
figure of the gradient.

Between two ticks of a module its rows of the Jacobian are those of the identity, so a gradient on
it passes unchanged: it goes down a staircase with a step a tick, and of T steps only T/p act.
"""

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import clock_periods
from gradflow.figures import Series, plot_series
from gradflow.figures.look.style import stroke
from gradflow.networks import read_sequence
from gradflow.reporting import page
from gradflow.spectra import cross_entropy, product_decay

MODULES = 5
# no line of a module is dotted, since bounds are
DASHES = (0, 1, 2, 5, 4)
FLOOR, SHOWN = -6, 64


def stairs(lag, log):
    """The corners of a staircase: the value at each lag holds up to the next."""
    return {"x": np.repeat(lag, 2)[1:], "y": np.repeat(log, 2)[:-1]}


def name_stairs(ax, own):
    """Write the name of each staircase where it leaves the view, its period alone at the foot."""
    for one in own:
        decades = one.y / np.log(10)
        last = np.flatnonzero((one.x <= SHOWN) & (decades > FLOOR))[-1]
        ends = one.x[last] == SHOWN
        ax.annotate(
            one.label if ends else one.label.replace("p=", ""),
            (one.x[last], decades[last]),
            (5, 0 if ends else 3),
            textcoords="offset points",
            va="center" if ends else "bottom",
            color=stroke(one.style[0]).color,
        )


def main(out, quick=False, **look):
    """Draw each module's own product of Jacobians, and the gradient of a loss by module."""
    steps, units = (64, 4) if quick else (128, 8)
    hidden = MODULES * units
    cell, text = gf.cells.clockwork, read_sequence(None, steps)
    inputs = text.values.shape[1]
    params = cell.init(hidden=hidden, inputs=inputs, rng=0, period=clock_periods(MODULES))
    run = gf.run(cell, params, text.values, backend="numpy")
    jacobians, lag = run.jacobians(), np.arange(steps + 1)
    readout = np.random.default_rng(0).standard_normal((inputs, hidden)) / np.sqrt(hidden)
    loss = cross_entropy(readout, run.states["h"][-1], text.targets[-1])
    by_unit = run.gradient_decay({"h": loss.gradient}).by_unit
    own, whole, numbers = [], [], {}
    for index, period in enumerate(np.unique(params["period"])):
        module = params["period"] == period
        log = product_decay(jacobians[:, module][:, :, module]).log_norm
        changes = np.flatnonzero(np.diff(log) != 0)
        norm = np.linalg.norm(params["W_H"][np.ix_(module, module)], 2)
        bound = np.ceil(lag / period) * np.log(norm)
        label, style = f"$p={period:g}$", (index, DASHES[index])
        own.append(Series(label=label, **stairs(lag, log), style=style))
        part = np.logaddexp.reduce(2 * by_unit[:, module], axis=1) / 2
        whole.append(Series(label=f"$p={period:g}$", x=lag, y=part, style=(index, DASHES[index])))
        numbers |= {
            f"p={period:g}: levels left over {steps} steps": changes.size,
            f"p={period:g}: changes elsewhere than at a tick": np.count_nonzero(changes % period),
            f"p={period:g}: most above its bound, nats": (log - bound)[1:].max(),
            f"p={period:g}: nats a step": log[-1] / steps,
            f"p={period:g}: nats a tick": log[-1] / (steps // period),
            f"p={period:g}: log10 of the loss's gradient on it": part[-1] / np.log(10),
        }
    acting = numbers[f"p={period:g}: levels left over {steps} steps"]
    fast, slow = (-numbers[f"p={p:g}: nats a step"] for p in (1, period))
    ticks = [f"${-numbers[f'p={2**i}: nats a tick']:.2f}$" for i in range(MODULES)]
    slower = np.triu(np.ones((MODULES, MODULES), bool), 1).T.repeat(units, 0).repeat(units, 1)
    back = np.abs(np.linalg.multi_dot(jacobians[::-1]) * slower).max()
    numbers["largest entry of P from a module to a slower one"] = back
    with page("clockwork", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        across = "lag $t-k$ (steps)"
        edge = Series(label="", **stairs(lag, bound), kind="bound")
        y = r"$\|P_{pp}(t,k)\|_2$"
        plot_series(left, [edge, *own], x=across, y=y, log=True, named=False)
        left.set(xlim=(0, SHOWN), ylim=(FLOOR, 0.5), xticks=np.arange(0, SHOWN + 1, 16))
        name_stairs(left, own)
        y = r"$\|\partial L/\partial h_k\|$ on module $p$"
        plot_series(right, whole, x=across, y=y, log=True)
        right.set_xticks(np.arange(0, steps + 1, steps // 4))
        return sheet.publish(
            answer=(
                f"Of {steps} steps only {acting} act on the module of period {period:g}: it loses "
                f"{slow:.3f} nats a step, the module of period 1 loses {fast:.3f}."
            ),
            caption=(
                f"A Clockwork RNN of {MODULES} modules with {units} units each on English text. "
                "Left: norm of each module's own block of the product of Jacobians; it steps at "
                "the module's ticks, every $p$ steps, and is exactly flat between them. Dotted: "
                r"the certified bound $\|W_{H,pp}\|_2$ to the power of the number of ticks, for "
                f"the slowest. A tick costs {', '.join(ticks)} nats from fast to slow. "
                "Right: gradient of the next-character loss on each module; the fast ones pass "
                "theirs on to the slow ones they read."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
