"""Do the eigenvalues of the recurrent weights tell where the gradient goes in one step?

Corresponds to: the spectrum of W that Pascanu, Mikolov & Bengio (ICML 2013) reason with, beside
the spectra of step Jacobians of Engelken, Wolf & Abbott (Phys. Rev. Research 5, 2023) and of
Pennington, Schoenholz & Ganguli (NIPS 2017), here for six cells on the same English text.

For W with independent entries the eigenvalues fill a disc of radius g (the circular law). The
Jacobian of a step is diag(1 - h^2) W, whose disc is smaller by the root of the mean square of the
slopes. Gates, identity matrices and clocks gather eigenvalues around the segment from 0 to 1.
"""

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.figures import Series, plot_density, plot_eigenvalues, plot_series
from gradflow.networks import read_sequence
from gradflow.reporting import page
from gradflow.spectra import bulk_radius, quarter_circle, saturated_singular_values

GAIN = 2.0
RECURRENT = {"rnn": "U", "irnn": "U", "lstm": "U_g", "gru": "U_g", "clockwork": "W_H", "scrn": "R"}


def main(out, quick=False, **look):
    """Draw eigenvalues of W and of J_t for six cells; singular values and radius for the rnn."""
    hidden, steps = (64, 24) if quick else (200, 48)
    x = read_sequence(None, steps).values
    runs, maps, numbers = {}, {}, {}
    for name, map_name in RECURRENT.items():
        cell = gf.cells.get(name)
        gain = {} if name == "irnn" else {"recurrent": gaussian(GAIN)}
        sizes = {space: hidden // 4 for space in cell.sizes if space == "context"}
        params = cell.init(hidden=hidden, inputs=x.shape[1], rng=0, **sizes, **gain)
        runs[name] = gf.run(cell, params, x, backend="numpy")
        # a module of the clockwork cell does not hear a faster one
        period = params.get("period", np.ones(hidden))
        maps[name] = params[map_name] * (period[:, None] <= period)
    of_w = {name: np.linalg.eigvals(w) for name, w in maps.items()}
    of_j = {name: run.eigenvalues(steps) for name, run in runs.items()}
    for name in runs:
        numbers[f"{name}: largest |eigenvalue| of W"] = np.abs(of_w[name]).max()
        numbers[f"{name}: largest |eigenvalue| of J"] = np.abs(of_j[name]).max()
    rnn = runs["rnn"]
    slopes = 1 - rnn.states["h"][1:] ** 2
    radius = np.array([bulk_radius(row, GAIN) for row in slopes])
    measured = np.abs(rnn.eigenvalues()).max(axis=1)
    sigmas = {"W": np.linalg.svd(maps["rnn"])[1], "J": np.linalg.svd(rnn.jacobian(steps))[1]}
    across = np.linspace(0.02, 2 * GAIN, 90)
    saturated = saturated_singular_values(across, slopes[-1], GAIN)
    laws = {"W": (across, quarter_circle(across, GAIN)), "J": (across, saturated)}
    resting = np.mean(of_j["irnn"] == 0)
    held = np.mean(np.abs(of_j["clockwork"] - 1) < 1e-12)
    inside = np.mean(np.abs(of_j["rnn"]) <= radius[-1])
    numbers |= {
        "radius of the disc of W": GAIN,
        "radius of the disc of J": radius[-1],
        "mean square slope": np.mean(slopes[-1] ** 2),
        "share of eigenvalues of J inside its disc": inside,
        "largest singular value of W": sigmas["W"][0],
        "mean square singular value of J": np.mean(sigmas["J"] ** 2),
        "irnn: share of eigenvalues of J that are 0": resting,
        "clockwork: share of eigenvalues of J that are 1": held,
    }
    circle = np.exp(2j * np.pi * np.linspace(0, 1, 201))
    grid = {"shape": (2, 4), "widths": (1, 1, 1, 1.1), "aspect": 1.22}
    with page("step_spectra", out, quick, **grid, **look) as sheet:
        panels = [ax for place, ax in enumerate(sheet.axes) if place % 4 < 3]
        discs = {"circular law, $W$": GAIN * circle, "circular law, $J_t$": radius[-1] * circle}
        for place, (name, ax) in enumerate(zip(runs, panels, strict=True)):
            curves = discs if name == "rnn" else None
            plot_eigenvalues(ax, {"$W$": of_w[name], "$J_t$": of_j[name]}, curves=curves)
            ax.get_legend().remove()
            ax.patches[0].set(zorder=3)  # over the clouds
            ax.set(xlim=(-2.3, 2.3), ylim=(-2.3, 2.3), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
            ax.text(0.03, 1.0, name, transform=ax.transAxes, va="bottom")
            # on a page the panels share the names of their axes
            if place % 3 and not sheet.venue.height:
                ax.set(ylabel="", yticks=())
            if place < 3 and not sheet.venue.height:
                ax.set(xlabel="", xticks=())
        named = panels[0].get_legend_handles_labels()
        sheet.figure.legend(*named, loc="outside lower center", ncols=4, handletextpad=0.5)
        top, bottom = sheet.axes[3], sheet.axes[7]
        plot_density(top, sigmas, laws, x="singular value", bins=24)
        top.get_legend().remove()
        top.text(0.97, 0.9, "lines: theory", transform=top.transAxes, ha="right")
        for ax in (top, bottom):
            ax.text(0.03, 1.0, "rnn", transform=ax.transAxes, va="bottom")
        time = np.arange(1, steps + 1)
        points = Series(label="", x=time, y=measured, kind="points", style=1)
        theory = Series(label="", x=time, y=radius, kind="theory")
        plot_series(bottom, [points, theory], x="step $t$", y=r"$\max\,|\lambda|$ of $J_t$")
        bottom.lines[0].set(markersize=2.4, clip_on=False)
        bottom.set_xlim(0, steps + 1)
        return sheet.publish(
            answer=(
                f"No: of the disc of radius ${GAIN:g}$ that the weights of an rnn fill, saturation "
                f"leaves one of radius ${radius[-1]:.2f}$ to the step Jacobian, and gates, "
                "identities and clocks gather eigenvalues around the segment from 0 to 1."
            ),
            caption=(
                f"Eigenvalues of the recurrent map $W$ and of the Jacobian $J_t$ of step ${steps}$ "
                f"on English text, {hidden} units; $W$ is Gaussian of gain $g = {GAIN:g}$, in the "
                "irnn the identity. It is the candidate's in lstm and gru; $J_t$ is that of the "
                r"whole state. Thin circle: $|\lambda| = 1$. In the rnn $J_t$ fills a disc of "
                rf"radius $g\,(\frac{{1}}{{n}} \sum_i (1 - h_i^2)^2)^{{1/2}} = {radius[-1]:.2f}$, "
                f"with {100 * inside:.0f} % of its eigenvalues. In the irnn {100 * resting:.0f} % "
                f"are exactly 0, the others 1; in the clockwork cell {100 * held:.0f} % are 1, "
                f"its idle units; in the scrn the largest is {np.abs(of_j['scrn']).max():.2f}. "
                "Right, top: singular values, quarter circle and its saturated form. Bottom: "
                rf"largest $|\lambda|$ of $J_t$ falls from {measured[0]:.2f} to {measured[-1]:.2f} "
                "as activity grows (dashed: theory)."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
