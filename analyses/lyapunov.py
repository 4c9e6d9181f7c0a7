"""At which gain does a random network turn chaotic, and what exponents do the gated cells have?

Corresponds to: Sompolinsky, Crisanti & Sommers (Phys. Rev. Lett. 61, 1988) and, in discrete time,
Molgedey, Schuchhardt & Schuster (Phys. Rev. Lett. 69, 1992): the transition from order to chaos at
g = 1; the Lyapunov spectra of Engelken, Wolf & Abbott (Phys. Rev. Research 5, 2023), here of six
cells on English text.

In the network h' = tanh(g W h) without input, mean-field theory of n to infinity makes the leading
exponent log g up to g = 1 and positive beyond, where small differences between states grow. Driven
by text at their customary initial values the cells of the library stay on the side of order.
"""

import numpy as np

import gradflow as gf
from gradflow.figures import Series, plot_series
from gradflow.figures.look.style import QUIET
from gradflow.networks import read_sequence
from gradflow.reporting import page
from gradflow.spectra import mean_field_exponent

EQUATION = "h_next = tanh(gain * (W @ h))"
NETWORK = gf.Cell(name="network", state="h", inputs="gain[one]", maps="W", equations=EQUATION)
CELLS = ("irnn", "rnn", "lstm", "gru", "clockwork", "scrn")


def against_gain(gains, size, networks, steps):
    """Return the leading exponents (networks, gains)."""
    gain = np.broadcast_to(gains[:, None, None], (len(gains), steps, 1))
    found = []
    for seed in range(networks):
        params = NETWORK.init(hidden=size, rng=seed)
        start = np.random.default_rng(1000 + seed).standard_normal(size)
        options = {"transient": steps // 3, "backend": "numpy"}
        spectrum = gf.leading_exponents(NETWORK, params, {"gain": gain}, start, **options)
        found.append(spectrum.exponents[:, 0])
    return np.array(found)


def main(out, quick=False, **look):
    """Draw the spectra of six cells, and the leading exponent of a random network against g."""
    hidden, length = (10, 150) if quick else (32, 2000)
    gains = np.linspace(0.6, 2.4, 10 if quick else 19)
    # units, networks and steps of the two sizes
    sizes = ((40, 6, 200), (160, 4, 300)) if quick else ((100, 16, 800), (1000, 4, 800))
    x = read_sequence(None, length).values
    spectra, numbers = {}, {}
    for name in CELLS:
        cell = gf.cells.get(name)
        context = {space: hidden for space in cell.sizes if space == "context"}
        params = cell.init(hidden=hidden, inputs=x.shape[1], rng=0, **context)
        run = gf.run(cell, params, x, backend="numpy")
        spectra[name] = run.lyapunov()
        numbers[f"{name}: leading exponent"] = spectra[name].exponents[0]
        numbers[f"{name}: its standard error"] = spectra[name].stderr[0]
    positive = sum(bool(s.exponents[0] > 2 * s.stderr[0]) for s in spectra.values())
    gone = np.isneginf(spectra["irnn"].exponents).sum()
    numbers["irnn: exponents that are minus infinity"] = gone
    fine = np.linspace(gains[0], gains[-1], 181)
    theory = [mean_field_exponent(g) for g in fine]
    curves = [Series(label="mean field", x=fine, y=theory, kind="theory")]
    for size, networks, steps in sizes:
        exponents = against_gain(gains, size, networks, steps)
        mean, error = exponents.mean(axis=0), exponents.std(axis=0, ddof=1) / np.sqrt(networks)
        low, high = mean - 2 * error, mean + 2 * error
        curves.append(
            Series(label=f"$n={size}$", x=gains, y=mean, low=low, high=high, kind="points")
        )
        off = np.abs(mean - np.interp(gains, fine, theory))[gains > 1.5].max()
        at_two, beyond = (int(np.argmin(np.abs(gains - g))) for g in (2, 1.2))
        numbers |= {
            f"n={size}: exponent at g = 2": mean[at_two],
            f"n={size}: exponent at g = 1.2": mean[beyond],
            f"n={size}: standard error at g = 2": error[at_two],
            f"n={size}: farthest from mean field beyond g = 1.5": off,
        }
    two = mean_field_exponent(2)
    numbers["mean field: exponent at g = 2"] = two
    measured = rf"${mean[at_two]:.4f} \pm {error[at_two]:.4f}$"
    with page("lyapunov", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        for ax in sheet.axes:
            ax.axhline(0, color=QUIET, linewidth=0.6)
        lines = []
        for name in CELLS[1:]:
            rates, error = spectra[name].exponents, 2 * spectra[name].stderr
            index = np.arange(1, rates.size + 1) / rates.size
            lines.append(
                Series(label=name, x=index, y=rates, low=rates - error, high=rates + error)
            )
        plot_series(left, lines, x="index over size, $i/d$", y=r"$\lambda_i$ (nats per step)")
        left.plot(1 / hidden, spectra["irnn"].exponents[0], "s", color="black", clip_on=False)
        note = f"square: irnn,\n{hidden - gone} at 0, {gone} at $-\\infty$"
        left.text(0.05, 0.06, note, transform=left.transAxes)
        plot_series(right, curves, x="gain $g$", y=r"$\lambda_1$ (nats per step)")
        right.axvline(1, color=QUIET, linewidth=0.6)
        right.set_xlim(gains[0] - 0.05, gains[-1] + 0.05)
        right.text(0.96, 0.08, "order", ha="right")
        right.text(1.04, 0.08, "chaos")
        return sheet.publish(
            answer=(
                f"At $g = 1$; at $g = 2$ networks of {size} units have {measured} nats a step, "
                f"mean-field theory {two:.4f}; on text {positive} of the {len(CELLS)} cells of the "
                "library have an exponent above 0 by two standard errors."
            ),
            caption=(
                f"Left: Lyapunov spectra of the cells at their customary initial values, {hidden} "
                f"units, {length} steps of English text (bands: two standard errors). The scrn has "
                rf"$\log \alpha = {spectra['scrn'].exponents[0]:.4f}$ {hidden} times; the irnn has "
                f"{gone} at minus infinity, lost to units at rest. Right: leading exponent of "
                r"$h' = \tanh(g W h)$: means of "
                + " and ".join(f"{m} networks of {n} units" for n, m, _ in sizes)
                + r" with two standard errors, and mean-field theory of $n \to \infty$ (dashed), "
                rf"$\log g$ up to 1, then positive. At $g = 2$ it is {two:.4f}, measured "
                f"{measured}. At 1.2 it is {mean_field_exponent(1.2):.3f}, measured "
                f"{mean[beyond]:.3f}: there finite networks lag behind."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
