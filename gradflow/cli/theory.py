"""The command ``gradflow theory``: what a random network of a cell does as its units grow."""

from __future__ import annotations

import math

from gradflow.cli.console import output, plain, table

__all__ = ["theory"]


def theory(
    cell: str = "lstm", /, *, init: str = "", input: float = 0.0, seed: int = 0, size: int = 1500
) -> None:
    """Say what theory expects of a cell's gradient at random weights and infinitely many units.

    gradflow theory lstm --init forget_bias=1

    Parameters
    ----------
    cell
        A cell's name, or FILE.py:NAME for one of your own.
    init
        What weights and biases are drawn from, as of `gradflow report`: gaussian:2,
        b_f=constant:3, forget_bias:3, and sizes: context=8.
    input
        Variance of white inputs.
    seed
        Seed of what is sampled, where moments do not close.
    size
        Units of a sampled population.
    """
    from gradflow.cells import get
    from gradflow.cli.choices import read_choices
    from gradflow.ensembles import mean_field
    from gradflow.ensembles.laws import laws_of_init
    from gradflow.proofs import derived
    from gradflow.prose import ascii_text, plain_text

    found = get(cell)
    laws = laws_of_init(found, read_choices(init))
    rows = table("weights", "exponent", "+-", "bulk", "outlier", "mean squares", "method")
    both = [
        mean_field(found, inputs=input, tied=tied, rng=seed, size=size, **laws)
        for tied in (True, False)
    ]
    for told in both:
        squares = ", ".join(f"{part} {value:.4g}" for part, value in told.moments.items())
        numbers = [
            f"{told.exponent:.4f}",
            f"{told.error:.1g}",
            *map(_or_none, (told.bulk, told.outlier)),
        ]
        rows.add_row("tied" if told.tied else "fresh", *numbers, squares, told.method)
    console = output()
    console.print(f"{plain(found.title or found.name)}: units to infinity, nats per step\n")
    console.print(rows)
    laws.pop("sizes")
    for statement in derived(found, inputs=input, **laws):
        console.print(
            f"\n{statement.name} ({statement.level}, fresh weights): "
            f"{plain(plain_text(statement.words))}",
            soft_wrap=True,
        )
    widths = ascii_text("; ".join(told.width_words for told in both))
    console.print(f"\nA network of n units differs from the limit: {widths}.", soft_wrap=True)


def _or_none(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"
