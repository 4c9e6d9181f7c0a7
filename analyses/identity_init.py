"""Why start the recurrent matrix of a ReLU network at the identity?

Corresponds to: Le, Jaitly & Hinton, arXiv:1504.00941 (2015), section 2, beside other starts.

With U = I every product of Jacobians is exactly a diagonal of zeros and ones. Noise of norm e opens
it into a cone: with all units active, singular values lie between (1 - e)^T and (1 + e)^T.
"""

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian, identity, identity_plus_noise, orthogonal
from gradflow.figures import Series, plot_eigenvalues, plot_series
from gradflow.networks import read_sequence
from gradflow.reporting import magnitude, page
from gradflow.spectra import cross_entropy
from gradflow.spectra.numerics.logdomain import row_products

A = 0.9
LABELS = ("$I$", f"${A} I$", "$I$ + noise", "orthogonal", "Gaussian")
LAG, SIZE = "lag $t-k$ (steps)", r"noise $e = \Vert U - I\Vert_2$"
CELL = gf.cells.irnn


def product(params, x, steps):
    """Return the rows of P over the last steps: directions (n, n), natural logs of lengths (n,)."""
    run = gf.run(CELL, params, x, backend="numpy")
    jacobians = run.jacobians(range(run.steps - steps + 1, run.steps + 1))
    return [rows[:, -1] for rows in row_products(jacobians, np.eye(len(params["b"])))]


def cone(hidden, steps, sizes):
    """Return the rates (e, 2), in nats a step, of the extreme singular values of P(T, 0)."""
    found, noise = [], gaussian().draw(np.random.default_rng(2), (hidden, hidden))
    noise /= np.linalg.norm(noise, 2)
    for e in sizes:
        # b = -E 1 holds the state at 1, so that every unit is active at every step
        values = {
            "W": 0 * noise[:, :1],
            "U": np.eye(hidden) + e * noise,
            "b": -e * noise.sum(axis=1),
        }
        run = gf.run(CELL, values, np.zeros((steps, 1)), np.ones(hidden), backend="numpy")
        found.append(run.singular_values([steps]).log_sigma[0, [0, -1]] / steps)
    return np.array(found)


def main(out, quick=False, **look):
    """Draw the gradient against lag, the eigenvalues of one step, and the cone of the noise."""
    steps, hidden, windows = (60, 24, 4) if quick else (200, 100, 16)
    length = 2 * steps  # the first half takes the state away from its start at 0
    text = read_sequence(None, windows * length)
    x = text.values.reshape(windows, length, -1)
    readout = gaussian().draw(np.random.default_rng(1), (x.shape[-1], hidden))
    noise = identity_plus_noise(1.0, 0.1 / np.sqrt(hidden))
    starts = (identity(), identity(A), noise, orthogonal(), gaussian())
    params = [CELL.init(hidden=hidden, inputs=x.shape[-1], rng=0, recurrent=s) for s in starts]
    curves, spectra = [], {}
    for label, values in zip(LABELS, params, strict=True):
        run = gf.run(CELL, values, x, backend="numpy")
        loss = cross_entropy(readout, run.states["h"][:, -1], text.targets[length - 1 :: length])
        decay = run.gradient_decay({"h": loss.gradient}).relative()[: steps + 1]
        curves.append(Series(label=label, x=np.arange(steps + 1), y=decay))
        spectra[label] = run.eigenvalues(length)[0]
    last = {curve.label: curve.y[-1] for curve in curves}
    rows, log_length = product(params[0], x[0], steps)
    exact = np.exp(log_length)[:, None] * rows
    # a bias of 1 outweighs every W x here, so that all units are active at every step
    log_scaled = product(params[1] | {"b": np.ones(hidden)}, x[0], steps)[1]
    sizes = np.linspace(0, 0.3, 7 if quick else 31)
    rates = cone(hidden, steps, sizes)
    bounds = np.log1p(np.stack([sizes, -sizes], axis=1))
    numbers = {
        "entries of P neither 0 nor 1": np.count_nonzero((exact != 0) & (exact != 1)),
        "entries of P off the diagonal": np.count_nonzero(exact[~np.eye(hidden, dtype=bool)]),
        "share of ones": np.mean(exact.diagonal() == 1),
        f"log10 sigma_max of P, {A} I, all active": log_scaled.max() / np.log(10),
        f"log10 sigma_min of P, {A} I, all active": log_scaled.min() / np.log(10),
        "e of I + noise": np.linalg.norm(params[2]["U"] - np.eye(hidden), 2),
        "rate of sigma_max, e = 0.3": rates[-1, 0],
        "rate of sigma_min, e = 0.3": rates[-1, 1],
        "rates beyond the bounds": np.count_nonzero(np.abs(rates) > np.abs(bounds)),
    } | {f"log10 gradient, {n.replace('$', '')}": g / np.log(10) for n, g in last.items()}
    with page("identity_init", out, quick, shape=(1, 3), aspect=1.05, **look) as sheet:
        left, middle, right = sheet.axes
        plot_series(left, curves, x=LAG, y="gradient (1 at lag 0)", log=True, named=False)
        plot_eigenvalues(middle, spectra)
        middle.get_legend().remove()
        pairs = list(zip(left.get_lines(), middle.get_lines()[2:], strict=True))
        for (line, _), label in zip(pairs, LABELS, strict=True):
            line.set_label(label)
        for _, dot in pairs[:2]:  # two points each, which the others would hide
            dot.set(zorder=4, markersize=5, markeredgewidth=1.2)
        sheet.figure.legend(pairs, LABELS, loc="outside lower center", ncols=len(LABELS))
        low, high = rates.T
        found = [
            Series(label="", x=sizes, y=low, low=low, high=high, style=2),
            Series(label="", x=sizes, y=high, style=2),
        ]
        found += [Series(label="", x=sizes, y=bound, kind="theory") for bound in bounds.T]
        plot_series(right, found, x=SIZE, y="growth of $P$ (nats a step)")
        right.text(0.04, 0.9, r"$\log(1+e)$", transform=right.transAxes)
        right.text(0.1, 0.14, r"$\log(1-e)$", transform=right.transAxes)
        for rate, name in zip(rates[-1], ("max", "min"), strict=True):
            right.text(0.22, rate / 3, rf"$\sigma_{{\{name}}}$", va="center")
        return sheet.publish(
            answer=(
                "Because with $U = I$ any product of Jacobians is exactly a diagonal of zeros and "
                f"ones: over {steps} steps {numbers['share of ones']:.0%} of the units hand back "
                f"all of their gradient, an orthogonal start {magnitude(last['orthogonal'])} of it."
            ),
            caption=(
                f"ReLU network, {hidden} units on English text. Left: gradient of the loss, median "
                f"of {windows} windows; left of it after {steps} steps: "
                + ", ".join(f"{magnitude(value)} ({label})" for label, value in last.items())
                + f". The noise has $e = {numbers['e of I + noise']:.2f}$. Middle: eigenvalues of "
                f"one step's Jacobian, 0 or 1 for $I$. Right: rates of all singular values of "
                f"{steps} steps, every unit active; dashed, the bounds of the theorem irnn.near."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
