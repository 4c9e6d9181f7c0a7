"""Random declarations over the language: every routine against 50 digits and against differences.

`check` compares the compiled step, Jacobian, products with it, gradients and paths with mpmath, and
those of mpmath with central differences, by their order.
"""

import numpy as np

from fuzz.attempt import Subject, Told
from oracles.agreement import check, draw
from oracles.random_cells import SIZES, rolled

# how deep the expressions are
DEPTHS = {"shallow": 1, "deeper": 2, "deep": 3}
SIZE_WORDS = {"inputs": SIZES["input"], **SIZES}


def of_cells(kind, rng):
    cell = rolled(rng, DEPTHS[kind])
    asked = "; ".join(cell.equations.splitlines())
    params, state, x = draw(cell, rng, **SIZE_WORDS)
    try:
        with np.errstate(all="ignore"):
            # products and cubes in series may cancel a few of float64's sixteen digits
            check(cell, params, state, x, t=int(rng.integers(1, 6)), tight=1e-8)
    except AssertionError as error:
        return Told(asked, wrong=" ".join(str(error).split())[:200] or "two routines differ")
    return Told(asked)


SUBJECTS = (Subject("cells", tuple(DEPTHS), of_cells),)
