"""The linear head behind the recurrent layers and the table of symbols in front of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gradflow.networks.layouts.layout import Reading
from gradflow.networks.network import Dense, Layer

__all__ = ["surroundings"]

Floats = NDArray[np.float64]


def surroundings(
    reading: Reading,
    layers: Sequence[Layer],
    weight: str,
    bias: str,
    *,
    transposed: bool,
    recurrent: set[str],
) -> tuple[Dense | None, Floats | None, set[str]]:
    """Return head, embedding and the arrays they are, by shape and by what a name says.

    A head is a matrix over the top layer's outputs that has a bias, or the only such matrix; an
    embedding one whose rows are the first layer's inputs, without a bias.
    """
    top = max(layer.level for layer in layers)
    given = sum(layer.hidden for layer in layers if layer.level == top)
    taken = layers[0].inputs
    heads: list[tuple[bool, str]] = []
    tables: list[tuple[bool, str]] = []
    for name, stored in reading.contents.arrays.items():
        if name in recurrent or len(stored.shape) != 2 or name.rsplit(".", 1)[-1] != weight:
            continue
        prefix = name[: -len(weight)]
        shape = stored.shape[::-1] if transposed else stored.shape
        has_bias = reading.contents.arrays.get(prefix + bias)
        fits = has_bias is None or has_bias.shape == (shape[0],)
        said = any(w in prefix.lower() for w in ("emb", "encoder", "wte", "lookup"))
        if stored.shape[1] == taken and has_bias is None and (said or not heads):
            tables.append((said, name))
        if shape[1] == given and fits and not said:
            heads.append((has_bias is not None, name))
    tables.sort(key=lambda one: not one[0])
    embedding = tables[0][1] if tables and (tables[0][0] or len(tables) == 1) else None
    heads = [one for one in heads if one[1] != embedding]
    sure = [name for biased, name in heads if biased] or [name for _, name in heads]
    used: set[str] = set()
    head = table = None
    if len(sure) == 1:
        name = sure[0]
        matrix = reading.array(name)
        beside = name[: -len(weight)] + bias
        vector = reading.array(beside) if beside in reading.contents.arrays else None
        head = Dense(
            name=name[: -len(weight)].strip("."),
            weight=np.ascontiguousarray(matrix.T) if transposed else matrix,
            bias=vector,
        )
        used |= {name, beside}
        reading.facts.assume(f"{head.name!r} is taken as the head, since its shape fits")
    elif len(sure) > 1:
        reading.facts.assume(
            f"{len(sure)} maps fit the top layer and none is taken as the head: "
            f"{', '.join(sure[:4])}"
        )
    if embedding is not None:
        table = reading.array(embedding)
        used.add(embedding)
        reading.facts.assume(
            f"{embedding.rpartition('.')[0]!r} is taken as the table of symbols, since its shape "
            "fits"
        )
    return head, table, used
