"""``gf.prove(cell)``: every theorem about a cell, with margins on a run of given weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.cells.language.spaces import ONE
from gradflow.codegen import compile
from gradflow.errors import UsageError
from gradflow.proofs.cards.card import Card, card
from gradflow.proofs.claims.claim import Claim
from gradflow.proofs.theorems import theorems
from gradflow.proofs.theorems.any_cell import automatic
from gradflow.proofs.weights.concrete import concrete, weighted
from gradflow.prose import ascii_text
from gradflow.spectra import Trajectory, run

STEPS = 50
"""Steps of the run that measures margins where no input is given."""


@dataclass(frozen=True, repr=False)
class Claims(Sequence[Claim]):
    """The claims about one cell, in order; ``claims["lstm.lower"]`` finds one by its name.

    ``unstated`` says which theorem has no claim, and why.
    """

    items: tuple[Claim, ...]
    unstated: tuple[str, ...] = ()

    @overload
    def __getitem__(self, key: int | str) -> Claim: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Claim]: ...
    def __getitem__(self, key: int | str | slice) -> Claim | Sequence[Claim]:
        """Return a claim by position or name. Raises ``KeyError`` or ``IndexError``."""
        if isinstance(key, str):
            found = {c.name: c for c in self.items}
            if key not in found:
                raise KeyError(f"no claim {key!r}; there are {', '.join(found)}")
            return found[key]
        return self.items[key]

    def __len__(self) -> int:
        """Return how many claims there are."""
        return len(self.items)

    def __iter__(self) -> Iterator[Claim]:
        """Iterate over the claims."""
        return iter(self.items)

    def __repr__(self) -> str:
        """Return one line; no level, for that may run Coq."""
        return f"<Claims {', '.join(c.name for c in self.items)}>"

    def __str__(self) -> str:
        """Return all claims as plain text."""
        return "\n\n".join([*(c.text() for c in self.items), *map(ascii_text, self.unstated)])

    def latex(self) -> str:
        """Return every claim as a theorem with its proof."""
        return "\n\n".join(claim.latex() for claim in self.items)

    def cards(self, *, coq: bool = True) -> tuple[Card, ...]:
        """Return a card a claim; without ``coq`` at the level of exact arithmetic."""
        return tuple(card(claim, coq=coq) for claim in self.items)

    def _repr_html_(self) -> str:
        return "".join(found._repr_html_() for found in self.cards())


def prove(
    cell: Cell | str,
    params: Mapping[str, ArrayLike] | None = None,
    x: ArrayLike | Mapping[str, ArrayLike] | None = None,
    state: ArrayLike | Mapping[str, ArrayLike] | None = None,
) -> Claims:
    """Return every theorem about a cell.

    Parameters
    ----------
    cell
        A cell, or its name.
    params
        Its arrays; with them each claim that can be measured gets a ``margin`` on a real run.
    x
        The input of that run, (T, input); by default standard normal numbers, 50 steps, seed 0.
    state
        Its initial state, flat (d,) or by part; zeros by default.

    Returns
    -------
    Claims
        Each with ``level``, ``latex()``, ``margin``. Coq runs when a level is first asked for.

    Raises
    ------
    UsageError
        For an unknown cell, for weights that change from step to step, and as
        :func:`gradflow.run` for arrays that do not fit.

    Examples
    --------
    >>> [claim.name for claim in prove("scrn")][-2:]
    ['scrn.context', 'scrn.eigenvalue']
    """
    cell = get(cell)
    claims = theorems(cell)
    if params is None:
        return Claims(claims, automatic(cell)[1])
    on = run_for(cell, params, x, state)
    on.require_constant("prove")
    plain = concrete(cell, on.params)
    own = [found for found in (plain, weighted(cell, on.params, plain)) if found]
    measured = [replace(c, margin=c.measure(on)) if c.measure is not None else c for c in claims]
    return Claims((*measured, *own), automatic(cell)[1])


def run_for(
    cell: Cell,
    params: Mapping[str, ArrayLike],
    x: ArrayLike | Mapping[str, ArrayLike] | None,
    state: ArrayLike | Mapping[str, ArrayLike] | None = None,
) -> Trajectory:
    """Run a cell to measure margins on; without an input, on standard normal numbers."""
    if not cell.input_names:
        if state is None:
            state = {p: np.ones(1) for p in cell.states if cell.spaces[p] == ONE} or None
        return run(cell, params, state=state, steps=STEPS)
    if x is None:
        rng, sizes = np.random.default_rng(0), compile(cell).bind(params).with_state().sizes
        unknown = [n for n in cell.input_names if cell.spaces[n] not in sizes]
        if unknown:
            raise UsageError(
                f"prove: the size of input {unknown[0]!r} of cell {cell.name!r} does not follow "
                "from its parameters; pass x."
            )
        x = {n: rng.standard_normal((STEPS, sizes[cell.spaces[n]])) for n in cell.input_names}
    return run(cell, params, x, state)
