"""The order of layers whose file does not say it: each reads what the one below gives."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from gradflow.networks.layouts.layout import Reading
from gradflow.networks.network import Layer

__all__ = ["chained", "natural"]


def natural(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts names as people count: ``lstm_2`` before ``lstm_10``."""
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.split(r"(\d+)", text) if p]


def chained(reading: Reading, levels: list[list[Layer]]) -> list[Layer]:
    """Return layers as a stack, with levels counted from 0; those of one entry share their level.

    In the order of their names where their sizes allow it, else in one that they allow. What was
    assumed is told.
    """
    order = sorted(levels, key=lambda level: natural(level[0].name))
    if len(order) > 1 and not _fits(order):
        order = _by_size(order) or order
    if len(order) > 1:
        fits = "by their names and sizes" if _fits(order) else "by their names"
        reading.facts.assume(
            f"the file does not say the order of its layers; {fits} it is "
            f"{', '.join(level[0].name.rsplit('.', 1)[-1] for level in order)}"
        )
    return [replace(layer, level=k) for k, level in enumerate(order) for layer in level]


def _follows(above: list[Layer], below: list[Layer]) -> bool:
    given = sum(layer.hidden for layer in below)
    return all(layer.inputs == given for layer in above)


def _fits(order: list[list[Layer]]) -> bool:
    return all(_follows(above, below) for below, above in pairwise(order))


def _by_size(order: list[list[Layer]]) -> list[list[Layer]] | None:
    """Return a chain through all levels, found by trying one after the other."""
    budget = [10_000]

    def extended(chain: list[list[Layer]]) -> list[list[Layer]] | None:
        if len(chain) == len(order):
            return chain
        budget[0] -= 1
        if budget[0] < 0:
            return None
        for one in order:
            if not any(one is c for c in chain) and (not chain or _follows(one, chain[-1])):
                found = extended([*chain, one])
                if found is not None:
                    return found
        return None

    return extended([])
