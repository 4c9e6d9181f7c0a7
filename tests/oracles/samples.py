"""Cells at random: parameters away from every default, rectangular sizes, mixed clock periods."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import gradflow as gf

# (hidden, inputs, context), no two alike, so that no transposed block passes for the right one
SMALL = (7, 3, 5)
LARGE = (64, 10, 17)


def sizes_of(cell, hidden, inputs, context):
    """The sizes that `init` of this cell takes, out of the three."""
    known = {"hidden": hidden, "input": inputs, "context": context}
    return {("inputs" if s == "input" else s): known[s] for s in cell.sizes}


def random_parameters(cell, rng, **sizes):
    """Random values for everything, masked entries of maps included (they must not matter)."""
    params = cell.init(rng=0, **sizes)
    for name, array in params.items():
        scale = 1.2 / np.sqrt(array.shape[-1]) if array.ndim == 2 else 0.6
        params[name] = scale * rng.standard_normal(array.shape)
    if "period" in params:
        params["period"] = rng.permutation(np.resize([1.0, 2.0, 3.0, 4.0], params["period"].shape))
    if "alpha" in params:
        params["alpha"] = rng.uniform(0.3, 0.9, 1)
    return params


@dataclass
class Sample:
    """A cell with random parameters, a state, an input and a step number."""

    cell: Any
    params: dict[str, np.ndarray]
    state: np.ndarray
    x: np.ndarray | None
    t: int | np.ndarray


def sample(name, size=SMALL, seed=0, lead=(), t=4):
    """A random situation; t = 4 lets clocks of period 1, 2 and 4 tick and one of 3 rest."""
    cell = gf.cells.get(name)
    rng = np.random.default_rng([seed, len(name), size[0]])
    params = random_parameters(cell, rng, **sizes_of(cell, *size))
    d = sum(gf.compile(cell).part_sizes(params).values())
    state = rng.standard_normal((*lead, d))
    x = rng.standard_normal((*lead, size[1])) if cell.input_names else None
    return Sample(cell, params, state, x, t)


def distance(found, wanted):
    """Largest difference relative to the largest entry wanted."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    scale = np.abs(wanted).max(initial=0)
    gap = np.abs(found - wanted).max(initial=0)
    return float(gap / scale) if scale else float(gap)
