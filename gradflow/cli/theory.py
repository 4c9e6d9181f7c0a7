"""The command ``gradflow theory``: what a random network of a cell does as its units grow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gradflow.cli.console import output, plain, print_json, print_table, table

if TYPE_CHECKING:
    from gradflow.ensembles import MeanField

__all__ = ["theory"]


def theory(
    cell: str = "lstm",
    /,
    *,
    init: str = "",
    input: float = 0.0,
    seed: int = 0,
    size: int = 1500,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
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
    json_
        Print the numbers as JSON.
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
    laws.pop("sizes")
    statements = derived(found, inputs=input, **laws)
    widths = ascii_text("; ".join(told.width_words for told in both))
    if json_:
        print_json(
            {
                "cell": found.name,
                "unit": "nats per step",
                "weights": {"tied" if told.tied else "fresh": _data(told) for told in both},
                "statements": [
                    {"name": s.name, "level": s.level, "words": plain_text(s.words)}
                    for s in statements
                ],
                "finite width": widths,
            }
        )
        return
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
    print_table(rows)
    for statement in statements:
        console.print(
            f"\n{statement.name} ({statement.level}, fresh weights): "
            f"{plain(plain_text(statement.words))}",
            soft_wrap=True,
        )
    console.print(f"\nA network of n units differs from the limit: {widths}.", soft_wrap=True)


def _data(told: MeanField) -> dict[str, object]:
    """Return the numbers of one theory; ``None`` where there is none."""

    def known(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        "exponent": known(told.exponent),
        "error": known(told.error),
        "bulk": known(told.bulk),
        "outlier": known(told.outlier),
        "mean squares": dict(told.moments),
        "method": told.method,
    }


def _or_none(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"
