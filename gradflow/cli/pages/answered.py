"""What a report says on the terminal: its answer, and its numbers in a table."""

from __future__ import annotations

from collections.abc import Iterable

from gradflow.cli.console import output, plain, print_table, table
from gradflow.prose import plain_text
from gradflow.reporting.document.blocks import Answer
from gradflow.reporting.document.numbers import number_row
from gradflow.studies.headline import Number

__all__ = ["print_answer"]


def print_answer(said: Answer, numbers: Iterable[Number]) -> None:
    """Print an answer with its verdict, and a table of the numbers with their spread."""
    console = output()
    console.print(plain(plain_text(said.text)), soft_wrap=True)
    if said.judged is not None:
        beside = f"{said.judged.word} {said.judged.note}. {said.judged.remedy}".strip()
        console.print(plain(plain_text(beside)), soft_wrap=True)
    rows = table("number", "value", "spread", "over")
    for number in numbers:
        label, value, spread, unit, _, over = number_row(number)
        told = f"{value} {unit}".strip()
        rows.add_row(*(plain(plain_text(text)) for text in (label, told, spread, over)))
    print_table(rows)
