"""Why can one step of gradient descent undo all those before it, and what does clipping save?

Corresponds to: the error surface of a single hidden unit, with norm clipping, of Pascanu, Mikolov
& Bengio (ICML 2013, section 2.3 and Algorithm 1); beside it a slice of a whole network's.

The unit x_t = w sigma(x_{t-1}) + b starts at x_0 = 0.5 and errs by (sigma(x_50) - 0.7)^2. On the
line b = x_0 - w sigma(x_0) the start stays, an unstable fixed point where w sigma'(x_0) > 1: there
the surface is a wall, and a step of descent is as long as the wall is steep.
"""

import numpy as np

import gradflow as gf
from gradflow.figures import Grid, Series, plot_heat, plot_series, plot_surface, trace
from gradflow.figures.look.style import INK, stroke
from gradflow.reporting import page
from gradflow.spectra import cross_entropy, descend, error_surface

X0, TARGET, STEPS, START, RATE, CLIP, UPDATES = 0.5, 0.7, 50, (5.3, -2.275), 0.2, 0.2, 80
W, B, CUTS = (4.2, 5.8), (-3.2, -2.0), np.array([4.5, 5.0, 6.0])
UNIT = gf.Cell(name="unit", state="x", vectors="w b", equations="x_next = w * sigmoid(x) + b")


def points(w, b):
    """Pairs (..., 2) of weights and biases."""
    return np.stack(np.broadcast_arrays(w, b), axis=-1)


def units(at, steps=STEPS):
    """A run of units with the weights and biases ``at`` (..., 2), side by side."""
    w, b = at.reshape(-1, 2).T
    return gf.run(UNIT, {"w": w, "b": b}, state=np.full(w.size, X0), steps=steps, backend="numpy")


def error(at):
    """Errors (...) at points (..., 2), and their gradients by w and b (..., 2)."""
    run = units(at)
    s = (1 + np.tanh(run.states["x"][-1] / 2)) / 2
    g = run.parameter_gradient(2 * (s - TARGET) * s * (1 - s), lags=1).total
    return ((s - TARGET) ** 2).reshape(at.shape[:-1]), points(g["w"], g["b"]).reshape(at.shape)


def network(hidden, steps, count):
    """The error of a rnn that reads English, by the gains of its U and W, customary values at 1."""
    text = gf.networks.read_sequence(None, steps)
    one = gf.cells.rnn.init(hidden=hidden, inputs=text.values.shape[1], rng=0)
    axes = [({name: one[name]}, np.linspace(0.1, 4, count)) for name in ("U", "W")]
    v = np.random.default_rng(0).standard_normal(one["W"].T.shape) / np.sqrt(hidden)

    def loss(run):
        return cross_entropy(v, run.states["h"][-1], text.targets[-1])

    at = {n: 0 * p for n, p in one.items()}
    return error_surface("rnn", at, loss, *axes, text.values, backend="numpy")


def main(out, quick=False, **look):
    """Draw the surface with two descents, the gradient across the wall, and a network's slice."""
    # the bias with which x_0 is a fixed point, in the unit's own arithmetic
    line = points(CUTS, cliff := X0 - units(points(CUTS, 0), 1).states["x"][1])
    grown = np.diagonal(units(line).jacobians(), axis1=1, axis2=2).prod(axis=0)
    near = np.geomspace(1e-10, 0.5, 30 if quick else 120)
    beside = np.concatenate([-near[::-1], [0], near])
    steep = np.log10(np.linalg.norm(error(line[:, None] + points(0, beside))[1], axis=-1))
    down = descend(error, [START, START], RATE, UPDATES, [np.inf, CLIP])
    hit = int(down.log_gradient[:, 0].argmax())
    thrown = np.linalg.norm(down.path[hit + 1, 0] - down.path[hit, 0])
    wall, ends, least = down.log_gradient[hit, 0], down.error[-1, 0], down.error[:, 1].min()
    numbers = {"update on the wall": hit, "log10 gradient on the wall": wall / np.log(10)}
    numbers |= {"thrown by": thrown, "error after it": ends, "least error, clipped": least}
    for w, g, log in zip(CUTS, grown, steep[:, near.size], strict=True):
        numbers[f"dx_50/dx_0 on the cliff, w = {w:g}"] = g
        numbers[f"log10 gradient on the cliff, w = {w:g}"] = log
    net = network(16, 40, 12) if quick else network(16, 80, 64)
    for side, at in (("below 1", net.x < 1), ("above 3", net.x > 3)):
        rough = np.median(net.log_gradient[:, at]) / np.log(10)
        numbers[f"network: log10 median gradient, U {side}"] = rough
    ws = np.linspace(*W, 41 if quick else 201)
    # a grid whose lines follow the wall and crowd there
    edge = X0 - ws * (X0 - cliff[0]) / CUTS[0]
    bent = edge + 2 * beside[:, None] * np.where(beside[:, None] < 0, edge - B[0], B[1] - edge)
    look |= {"shape": ("AAB", "AAC"), "projections": ("3d",), "aspect": 0.95}
    with page("error_surface", out, quick, **look) as sheet:
        solid, cut, gains = sheet.axes
        surface = Grid(ws + 0 * bent, bent, error(points(ws, bent))[0], "$E$")
        plot_surface(solid, surface, x="$w$", y="$b$", view=(32, 58))
        solid.set_box_aspect(None, zoom=1.2 if sheet.venue.height else 1)
        solid.set(xticks=[4.5, 5.5], yticks=[-3, -2.2], zticks=[0, 0.2, 0.4], zlabel="")
        solid.set_title("error $E$", loc="left")
        for i, color, stop in ((1, stroke(1).color, None), (0, INK, hit + 1)):
            trace(solid, *down.path[:stop, i].T, down.error[:stop, i], color=color)
        over = {"zorder": 5, "bbox": {"fc": "white", "alpha": 0.8, "lw": 0, "pad": 1}}
        solid.text(*down.path[hit, 0], 0.45, f"thrown by {thrown:.0f}", ha="center", **over)
        solid.text(4.62, -2.3, 0.02, "clipped", color=stroke(1).color, **over)
        along = zip(CUTS, steep, strict=True)
        cuts = [Series(label=f"$w={w:g}$", x=beside, y=log * np.log(10)) for w, log in along]
        plot_series(cut, cuts, x="$b$ beside the cliff", y=r"$\|\nabla E\|$", log=True)
        cut.set_xscale("symlog", linthresh=near[0])
        cut.set_xticks([-1e-4, 0, 1e-4])
        cut.minorticks_off()
        net = Grid(net.x, net.y, net.log_gradient, r"$\|\nabla L\|$")
        plot_heat(gains, net, x="gain of $U$", y="gain of $W$", log=True)
        answer = (
            f"On the wall the gradient is ${np.exp(wall):.4g}$ and one step of descent lands "
            f"${thrown:.0f}$ away; clipped, descent goes on to an error of ${least:.1g}$."
        )
        caption = (
            f"Left: error of a unit after 50 steps, with {UPDATES} updates from ${START}$: "
            f"plain, thrown by ${thrown:.0f}$ to $E = {ends:.2g}$; clipped at ${CLIP}$, down to "
            f"${least:.1g}$. Right: gradient across the cliff $b = x_0 - w\\sigma(x_0)$, where "
            f"$dx_{{50}}/dx_0$ is ${grown[1]:.6g}$ at $w = 5$, ${grown[2]:.9g}$ at $6$; of a rnn "
            f"by the gains of $U$ and $W$, in median $10^{{{rough:.1f}}}$ for $U$ above 3."
        )
        return sheet.publish(answer=answer, caption=caption, numbers=numbers)


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
