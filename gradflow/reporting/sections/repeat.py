"""How to repeat it: one command, what went in, and the generated code."""

from __future__ import annotations

from gradflow.codegen import compile
from gradflow.reporting.document.blocks import Block, Code, Details, Table
from gradflow.reporting.document.numbers import in_steps
from gradflow.reporting.document.section import Section
from gradflow.reporting.document.words import origin, seeds_of, texts_of
from gradflow.studies.one_cell import Study

__all__ = ["SECTION"]


def _blocks(study: Study) -> list[Block]:
    ran, found = study.setup, study.seeds.decays
    source = compile(ran.cell, "numpy").source
    first, last = found.seeds[0], found.seeds[-1]
    which = f"seed {first}" if first == last else f"seeds {first} to {last}"
    rows = [
        ["Weights", f"{origin(found)}, {which}" + ("; not trained" if found.drawn else "")],
        ["Input", ran.source],
        ["Runs", f"{seeds_of(found)} × {texts_of(study)} of {in_steps(ran.trajectory.steps)}"],
        ["Sizes", ran.told_sizes()],
        ["Loss", ran.loss.words],
        [
            "Exponents, directions, paths",
            f"first of the {texts_of(study)}; the first tenth of it is left out of exponents",
        ],
    ]
    told = f"one command, {seeds_of(found)}"
    blocks: list[Block] = [
        Table(["What", "How"], rows),
        Code(source, "python", "The NumPy module this report ran"),
    ]
    return [Details("How to repeat it", blocks, told, open=True)]


SECTION = Section(name="repeat", blocks=_blocks)
