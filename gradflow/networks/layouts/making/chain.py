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


def chained(reading: Reading, layers: list[Layer]) -> list[Layer]:
    """Return the layers as a stack, with levels counted from 0.

    In the order of their names where their sizes allow it, else in one that they allow. What was
    assumed is told.
    """
    order = sorted(layers, key=lambda layer: natural(layer.name))
    if len(order) > 1 and not _fits(order):
        order = _by_size(order) or order
    if len(order) > 1:
        fits = "by their names and sizes" if _fits(order) else "by their names"
        reading.facts.assume(
            f"the file does not say the order of its layers; {fits} it is "
            f"{', '.join(layer.name.rsplit('.', 1)[-1] for layer in order)}"
        )
    return [replace(layer, level=level) for level, layer in enumerate(order)]


def _fits(order: list[Layer]) -> bool:
    return all(b.inputs == a.hidden for a, b in pairwise(order))


def _by_size(order: list[Layer]) -> list[Layer] | None:
    """Return a chain through all layers, found by trying one after the other."""
    budget = [10_000]

    def extended(chain: list[Layer]) -> list[Layer] | None:
        if len(chain) == len(order):
            return chain
        budget[0] -= 1
        if budget[0] < 0:
            return None
        for one in order:
            if not any(one is c for c in chain) and (not chain or one.inputs == chain[-1].hidden):
                found = extended([*chain, one])
                if found is not None:
                    return found
        return None

    return extended([])
