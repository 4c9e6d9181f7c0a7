"""From how far back does the gradient of the weights come, and what would truncation cost?

Corresponds to: the temporal components of Pascanu, Mikolov & Bengio (ICML 2013, eqs. 3-5), which
the sum over lags of backpropagation through time is made of; truncated backpropagation (Williams &
Peng, Neural Computation 2, 1990) keeps the first of them.

dL/dtheta is the sum of C_l over lags l: what the parameters did l steps before a loss. Where the
norm of C_l falls fast, a short window gives the gradient; where it does not, the window must be as
long as the memory.
"""

import numpy as np

import gradflow as gf
from gradflow.figures import Series, plot_series
from gradflow.networks import read_sequence
from gradflow.reporting import page
from gradflow.spectra import cross_entropy

CELLS = ("rnn", "irnn", "lstm", "gru", "clockwork", "scrn")
TOLERANCE = 0.01


@np.errstate(divide="ignore")  # a contribution may be exactly zero
def components(name, text, hidden, readout):
    """Log norms of C_l (lags,), those of what truncation leaves out, |sum C_l - total|/|total|."""
    cell = gf.cells.get(name)
    inputs = text.values.shape[1]
    sizes = {"inputs" if space == "input" else space: hidden for space in cell.sizes}
    run = gf.run(
        cell, cell.init(rng=0, **{**sizes, "inputs": inputs}), text.values, backend="numpy"
    )
    losses = cross_entropy(readout, run.states["h"][1:], text.targets)
    found = run.parameter_gradient(run.covector({"h": losses.gradient}))
    # all parameters side by side, (lags, parameters)
    scaled = np.concatenate([c.reshape(len(c), -1) for c in found.by_lag.values()], axis=1)
    log_norm = np.log(np.linalg.norm(scaled, axis=1)) + found.log_scale
    parts = scaled * np.exp(found.log_scale)[:, None]
    # from the far end, so that small remainders keep their digits
    rest = np.cumsum(parts[::-1], axis=0)[::-1]
    total = np.concatenate([g.ravel() for g in found.total.values()])
    size = np.linalg.norm(total)
    left_out = np.log(np.linalg.norm(rest[1:], axis=1) / size)
    return log_norm, left_out, np.linalg.norm(rest[0] - total) / size


def main(out, quick=False, **look):
    """Draw the norm of each lag's component and the error of truncating after it."""
    steps, hidden = (40, 8) if quick else (200, 32)
    text = read_sequence(None, steps)
    rng = np.random.default_rng(0)
    readout = rng.standard_normal((text.values.shape[1], hidden)) / np.sqrt(hidden)
    shown = np.arange(3 * steps // 4)
    norms, errors, numbers, needed = [], [], {}, {}
    for name in CELLS:
        log_norm, left_out, off = components(name, text, hidden, readout)
        norms.append(Series(label=name, x=shown, y=(log_norm - log_norm[0])[shown]))
        errors.append(Series(label=name, x=shown + 1, y=left_out[shown]))
        above = np.flatnonzero(left_out > np.log(TOLERANCE))
        needed[name] = int(above[-1]) + 2 if above.size else 1
        last = (log_norm - log_norm[0])[shown[-1]] / np.log(10)
        numbers[f"{name}: log10 of C at lag {shown[-1]} over lag 0"] = last
        numbers[f"{name}: lags for an error of 1 %"] = needed[name]
        numbers[f"{name}: error of the sum of all lags"] = off
    least, most = min(needed, key=needed.get), max(needed, key=needed.get)
    with page("bptt_components", out, quick, shape=(1, 2), **look) as sheet:
        left, right = sheet.axes
        plot_series(left, norms, x=r"lag $\ell$ (steps)", y=r"$\|C_\ell\| / \|C_0\|$", log=True)
        plot_series(right, errors, x="lags kept (steps)", y="relative error of gradient", log=True)
        right.axhline(np.log10(TOLERANCE), color="black", linewidth=0.6, zorder=0)
        return sheet.publish(
            answer=(
                f"To know the gradient to 1 % the {least} needs {needed[least]} lags and the "
                f"{most} {needed[most]} of the {steps}."
            ),
            caption=(
                f"Backpropagation through {steps} steps of English text ({hidden} units, loss of "
                "the next character at every step, customary initial values). Left: norm of the "
                r"component $C_\ell$ of $dL/d\theta$, all parameters together, against the lag "
                r"$\ell$, relative to $\ell = 0$ (lag $\ell$ has $\ell$ terms less than lag 0). "
                "Right: relative error of the gradient when only the first lags are kept; lags "
                "needed for 1 % (line): "
                + ", ".join(f"{name} {needed[name]}" for name in CELLS)
                + "."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
