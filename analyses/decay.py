"""How far back does the gradient reach, for each cell of the lecture, on the same English text?

The picture is the question of Pascanu, Mikolov & Bengio (ICML 2013) asked of six cells at their
customary initial values: the gradient of a next-character loss against lag.

    python analyses/decay.py [--out DIR] [--quick]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import gradflow as gf
from gradflow.cells.initializers import gaussian
from gradflow.figures import paper_style, plot_decay
from gradflow.models import read_sequence
from gradflow.report import write_text_atomically
from gradflow.spectra import Decay, cross_entropy

CASES = {
    "RNN, Gaussian": ("rnn", {"recurrent": gaussian(1.0)}),
    "GRU": ("gru", {}),
    "SCRN": ("scrn", {}),
    "Clockwork": ("clockwork", {}),
    "IRNN": ("irnn", {}),
    "LSTM, forget bias 0": ("lstm", {"forget_bias": 0.0}),
    "LSTM, forget bias 3": ("lstm", {"forget_bias": 3.0}),
}


def main(out: Path, quick: bool = False) -> dict[str, float]:
    """Draw ``decay.svg`` into ``out``; return the log10 of each gradient at the last lag.

    A gradient that is exactly zero there counts from the last lag at which it is not.
    """
    steps, hidden, windows = (40, 8, 4) if quick else (200, 32, 16)
    text = read_sequence(None, windows * steps)
    inputs = text.values.shape[1]
    x = text.values.reshape(windows, steps, inputs)
    rng = np.random.default_rng(0)
    readout = rng.standard_normal((inputs, hidden)) / np.sqrt(hidden)
    numbers, curves = {}, []
    for label, (name, init) in CASES.items():
        cell = gf.cells.get(name)
        sizes = {"inputs" if space == "input" else space: hidden for space in cell.sizes}
        run = gf.run(cell, cell.init(rng=0, **{**sizes, "inputs": inputs}, **init), x)
        loss = cross_entropy(readout, run.states["h"][:, -1], text.targets[steps - 1 :: steps])
        relative = run.gradient_decay({"h": loss.gradient}).relative()
        last = np.flatnonzero(np.isfinite(relative))[-1]
        numbers[label] = float(relative[last] / np.log(10))
        curves.append(Decay(np.arange(steps + 1), relative, r"\|\partial L/\partial s_k\|", label))
    with paper_style():
        figure = Figure(figsize=(6.8, 3.6), layout="constrained")
        plot_decay(figure.subplots(), curves)
        write_text_atomically(Path(out) / "decay.svg", gf.figures.figure_svg(figure))
    return numbers


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("reports"))
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    for name, value in main(arguments.out, arguments.quick).items():
        print(f"{name:22} 10^{value:.1f}")
