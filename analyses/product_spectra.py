"""Which directions of the state does backpropagation through time keep, and at which rate?

Corresponds to: the singular values of products of Jacobians of Saxe, McClelland & Ganguli (ICLR
2014) and Pennington, Schoenholz & Ganguli (NIPS 2017), the Lyapunov spectra of Engelken, Wolf &
Abbott (Phys. Rev. Research 5, 2023), the Fuss-Catalan law of Penson & Zyczkowski (Phys. Rev. E 83,
2011) and the exponents of Newman (Commun. Math. Phys. 103, 1986).

The singular values of P(t, k) part like a fan; in the long run each is exp(lambda_i lag), and the
slopes lambda_i are the Lyapunov exponents. For independent Gaussian factors theory has both ends:
the law of a few factors, and the exponents of infinitely many.
"""

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.figures import Series, plot_series, plot_singular_values
from gradflow.networks import read_sequence
from gradflow.reporting import magnitude, page
from gradflow.spectra import fuss_catalan, newman_exponents, singular_values

CELLS = {"rnn": {"recurrent": gaussian(2.0)}, "lstm": {"forget_bias": 3.0}}
FACTORS = (1, 2, 3, 4)
DECADE = np.log(10)
LEAST = -1.6


def main(out, quick=False, **look):
    """Draw the fans of an rnn and an lstm, the slopes of the first, and laws of random products."""
    hidden, longest, size, draws = (10, 60, 128, 6) if quick else (32, 300, 512, 6)
    transient = 20 if quick else 100
    x = read_sequence(None, transient + longest).values
    lags = np.unique([0, 1, 10, *np.rint(np.linspace(0, longest, 21)).astype(int)])
    fans, slopes, off, numbers = {}, {}, {}, {}
    for name, init in CELLS.items():
        cell = gf.cells.get(name)
        run = gf.run(
            cell, cell.init(hidden=hidden, inputs=x.shape[1], rng=0, **init), x, backend="numpy"
        )
        fans[name] = run.singular_values(lags)
        slopes[name] = run.lyapunov(transient=transient)
        last = fans[name].log_sigma[-1]
        off[name] = np.abs(last / longest - slopes[name].exponents).max()
        numbers |= {
            f"{name}: log10 largest singular value": last[0] / DECADE,
            f"{name}: log10 singular value number {hidden}": last[hidden - 1] / DECADE,
            f"{name}: log10 smallest singular value": last[-1] / DECADE,
            f"{name}: leading exponent": slopes[name].exponents[0],
            f"{name}: mean exponent": slopes[name].exponents.mean(),
            f"{name}: farthest slope from its exponent": off[name],
        }
    rng = np.random.default_rng(0)
    points, laws, bins = [], [], np.linspace(LEAST, 0.8, 25 if quick else 41)
    for count in FACTORS:
        factors = rng.standard_normal((draws, count, size, size)) / np.sqrt(size)
        log_sigma = np.array([singular_values(f, [count]).log_sigma[0] for f in factors])
        heights, edges = np.histogram(log_sigma / count, bins)
        middle, seen = (edges[1:] + edges[:-1]) / 2, heights > 0
        density = heights / (log_sigma.size * np.diff(edges))
        label = f"${count}$" if points else f"$s={count}$"
        points.append(Series(label=label, x=middle[seen], y=density[seen], kind="points"))
        at, law = fuss_catalan(count)
        shown = at / count > LEAST
        laws.append(Series(label="", x=at[shown] / count, y=count * law[shown], kind="theory"))
        numbers[f"mean square singular value, {count} factors"] = np.mean(np.exp(2 * log_sigma))
        numbers[f"largest singular value, {count} factors"] = np.exp(log_sigma.max())
    # of infinitely many factors: one exponent in each gap between two
    limit = newman_exponents(size)
    middle, gaps = (limit[1:] + limit[:-1]) / 2, -np.diff(limit)
    seen = middle > LEAST
    laws.append(Series(label="", x=middle[seen], y=1 / (size * gaps[seen]), kind="bound"))
    rnn, lstm = (fans[name].log_sigma[-1] for name in CELLS)
    with page("product_spectra", out, quick, shape=(2, 2), aspect=0.7, **look) as sheet:
        for ax, (name, fan) in zip(sheet.axes, fans.items(), strict=False):
            plot_singular_values(ax, fan).set_ylabel(r"$\sigma_i$ of $P(t, k)$")
            rates = slopes[name].exponents / DECADE
            for rate in rates[:: len(rates) // 5]:
                ax.plot(lags, rate * lags, color="black", linestyle=(0, (4, 2)))
            ax.text(0.04, 0.05, rf"{name}, dashed: $\lambda_i$", transform=ax.transAxes)
        left, right = sheet.axes[2:]
        index = np.arange(1, hidden + 1)
        growth = [
            Series(label="lag 1" if lag == 1 else f"{lag}", x=index, y=log_sigma / lag)
            for lag, log_sigma in zip(lags, fans["rnn"].log_sigma, strict=True)
            if lag in (1, 10, longest)
        ]
        exponents = Series(label=r"$\lambda_i$", x=index, y=slopes["rnn"].exponents, kind="theory")
        plot_series(left, [*growth, exponents], x="index $i$", y=r"$\log \sigma_i$ per step (rnn)")
        plot_series(right, [*points, *laws], x=r"$\log\sigma$ per factor", y="density")
        left.locator_params(axis="x", integer=True)
        right.set(xlim=(LEAST, 0.8), ylim=(0, 1.25))
        for ax, length in ((left, 1.5), (right, 0.7)):
            for text in list(ax.texts):
                text.remove()
            above = {"loc": "lower left", "bbox_to_anchor": (-0.04, 1), "ncols": 4}
            ax.legend(**above, handlelength=length, columnspacing=0.9)
        right.text(-0.4, 1.22, r"$s \to \infty$", ha="right", va="top")
        return sheet.publish(
            answer=(
                f"An lstm keeps half: after {longest} steps {hidden} of its singular values are at "
                f"least {magnitude(lstm[hidden - 1])}, the other {hidden} at most "
                f"{magnitude(lstm[hidden])}; their rates are the Lyapunov exponents, from "
                f"{slopes['lstm'].exponents[0]:.2f} to {slopes['lstm'].exponents[-1]:.2f} a step."
            ),
            caption=(
                "Top: every singular value of the product $P(t, k)$ of step Jacobians on English "
                f"text, {hidden} units, and slopes $\\lambda_i$, Lyapunov exponents (dashed). At "
                f"lag {longest} the rnn (gain 2) has them from {magnitude(rnn[0])} to "
                f"{magnitude(rnn[-1])}; in the lstm (forget bias 3) number {hidden} is "
                f"{magnitude(lstm[hidden - 1])}, the next {magnitude(lstm[hidden])}. Bottom left: "
                r"$\log \sigma_i$ over lag tends to the exponents; at the last lag none is off by "
                f"more than {off['rnn']:.2f}. Bottom right: products of $s$ independent Gaussian "
                f"{size} x {size} matrices, {draws} each (points), the Fuss-Catalan laws (dashed), "
                "and the density of Newman's exponents (dotted)."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
