"""What does the loss look like along the very step by which a training jumps?

Corresponds to: Pascanu, Mikolov & Bengio (ICML 2013), Figure 6, the wall in the error surface of
one unit, from which a step of descent throws the network far away. Here it is a real run: the
update of a character model, not clipped, after which the loss held out rises most. The loss is
drawn along its step, from the weights before (0) through those it makes (1), beside a step that
does not jump and beside what clipping would make of it.
"""

import numpy as np

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.figures import Series, plot_series
from gradflow.figures.look.style import QUIET
from gradflow.reporting import page
from gradflow.spectra import cross_entropy
from gradflow.training import characters, train

CLIP = 0.5


def trained(task, updates, quick, every):
    """The run up to so many updates; the same seed gives the same beginning."""
    return train(
        "rnn",
        task,
        updates=updates,
        batch=8 if quick else 16,
        optimizer="sgd",
        rates=2.5 if quick else 1.2,
        clips=np.inf,
        seeds=[1],
        every=every,
        hidden=12 if quick else 48,
        recurrent=gaussian(1.6),
    )


def weights(found):
    """The arrays of the trained network by name, float64."""
    named = found.modules[0].state_dict().items()
    return {name: array.double().numpy() for name, array in named}


def loss(task, arrays):
    """Mean cross-entropy (nats) of the sequences held out."""
    params = {n.removeprefix("recurrent."): a for n, a in arrays.items() if "head" not in n}
    run = gf.run("rnn", params, task.held_out.x, backend="numpy")
    h = run.states["h"][:, 1:]
    wide = np.column_stack([arrays["head.weight"], arrays["head.bias"]])
    read = np.concatenate([h, np.ones((*h.shape[:-1], 1))], axis=-1)
    return float(cross_entropy(wide, read, task.held_out.y).value.mean())


def along(task, update, quick, places):
    """The loss at places along the step of an update, and the norm of the gradient it follows."""
    before, after = (trained(task, n, quick, n) for n in (update, update + 1))
    start, end = weights(before), weights(after)
    losses = [
        loss(task, {n: start[n] + place * (end[n] - start[n]) for n in start}) for place in places
    ]
    return np.array(losses), float(before.gradient_norm[0, -1]), loss(task, end)


def main(out, quick=False, **look):
    """Draw the loss along the step that jumps and along one that does not."""
    task = characters(steps=12 if quick else 40)
    updates = 40 if quick else 200
    whole = trained(task, updates, quick, 1)
    rise = np.diff(whole.held_out[0])
    rise[:5] = -np.inf  # the first steps are large for everyone
    worst, calm = int(np.nanargmax(rise)), int(np.nanargmin(np.abs(rise)))
    places = np.linspace(-0.5, 1.5, 21 if quick else 41)
    losses, norm, landed = along(task, worst, quick, places)
    level, calm_norm, _ = along(task, calm, quick, places)
    cut = min(1.0, CLIP / norm)
    clipped = float(np.interp(cut, places, losses))
    start = float(np.interp(0.0, places, losses))
    numbers = {
        "update that jumps": worst + 1,
        "loss before": start,
        "loss after": landed,
        "loss after, as recorded": whole.held_out[0, worst + 1],
        "least loss along the step": losses.min(),
        "where that is, in steps": places[np.argmin(losses)],
        "norm of the gradient": norm,
        "norm of the gradient of the calm step": calm_norm,
        "share of the step that clipping leaves": cut,
        "loss after a clipped step": clipped,
        "rate x curvature": whole.rate_curvature[0, worst],
        "rate x curvature of the calm step": whole.rate_curvature[0, calm],
    }
    curves = [
        Series(label=f"update {worst + 1}", x=places, y=losses, style=0),
        Series(label=f"update {calm + 1}", x=places, y=level, style=1),
        Series(label="", x=[cut], y=[clipped], kind="points", style=2),
    ]
    with page("jump", out, quick, **look) as sheet:
        plot_series(sheet.ax, curves, x="place along the step", y="loss held out (nats)")
        for place in (0, 1):
            sheet.ax.axvline(place, color=QUIET, linewidth=0.6, zorder=0)
        return sheet.publish(
            answer=(
                f"Update {worst + 1} takes the loss from {start:.2f} to {landed:.2f} over a valley "
                f"of {losses.min():.2f} at {places[np.argmin(losses)]:.2f} of its step; clipping "
                f"at {CLIP:g} leaves {cut:.2f} of the step and a loss of {clipped:.2f}."
            ),
            caption=(
                f"Loss held out of a character model along the step of update {worst + 1}, which "
                f"jumps (rate times curvature {whole.rate_curvature[0, worst]:.1f}, gradient of "
                f"norm {norm:.1f}), and of update {calm + 1}, which does not "
                f"({whole.rate_curvature[0, calm]:.1f} and {calm_norm:.1f}). 0: the weights "
                f"before; 1: those after; marker: where a step clipped at {CLIP:g} ends."
            ),
            numbers=numbers,
        )


if __name__ == "__main__":
    from gradflow.cli import run_script

    run_script(__file__)
