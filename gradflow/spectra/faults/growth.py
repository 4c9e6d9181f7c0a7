"""Since when a state has grown, and by how much a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradflow.spectra.faults.fault import GROWTH, Fault
from gradflow.spectra.numerics.logdomain import Floats

# a state that has grown by less than this factor has not overflowed for it
_LEAST = 1e3
# operations whose overflow is that of what goes in
_PLAIN = ("+", "*", "**")


def with_growth(found: Fault, states: Floats) -> Fault:
    """Return a fault with the growth of the finite states (steps, d) before it, if they grew.

    Since the last step at which the largest entry was at most 1, or else the least of all; the
    factor is the mean from there on. An overflow of sums and products is then one of growth.
    """
    root = found if found.origin is None else found.origin
    if root.cause != "overflow" or len(states) < 3:
        return found
    with np.errstate(divide="ignore"):
        size = np.log(np.abs(states).max(axis=-1))
    last = len(size) - 1
    since = int(np.flatnonzero(size <= max(size.min(), 0.0))[-1])
    while since < last and np.isneginf(size[since]):
        since += 1
    grown = size[last] - size[since]
    if since >= last - 1 or grown < np.log(_LEAST):
        return found
    plain = root is found and (root.operation in _PLAIN or "@" in root.operation)
    return replace(
        found,
        growth=float(np.exp(grown / (last - since))),
        since=since,
        cause=GROWTH if plain else found.cause,
    )
