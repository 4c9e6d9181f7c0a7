r"""Bounds of Jacobian blocks from the norms of a cell's maps, as derivation trees.

Every step is one rule about the Euclidean norm, none of which mentions a singular value::

    diagonal   |diag(d) v| <= k |v|                if |d_i| <= k for every unit
    map        |W v| <= |W| |v|                    the definition of |W|
    product    |A B v| <= (a b) |v|                if |A| <= a, |B| <= b
    sum        |A + B| <= a + b
    blocks     |out'| <= sum over parts of N[out, part] |part|
    time       |P(t, k)| <= N^(t-k), block by block

A bound is a polynomial with coefficients of 0 or more in ``|U_f|``, ``sup|c|`` and their like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from gradflow.errors import InputError, UsageError
from gradflow.proofs.algebra.polynomial import Polynomial, Variable, product, total, variable
from gradflow.proofs.algebra.wording import text, variable_text
from gradflow.proofs.bounding.certificates import DiagonalBound, diagonal_from_json

Values = Mapping[Variable, float]


@dataclass(frozen=True, repr=False)
class TermBound:
    """The product rule on one term ``diag(d0) W1 diag(d1) ...`` of the normal form.

    ``diagonals`` and ``maps`` alternate as in :class:`gradflow.jacobians.terms.Term`.
    """

    diagonals: tuple[DiagonalBound, ...]
    maps: tuple[str, ...]
    path: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return one line."""
        return f"<TermBound {text(self.bound)}>"

    @property
    def bound(self) -> Polynomial:
        """The product of the bounds of the factors."""
        return product(
            [*(d.bound for d in self.diagonals), *(variable("norm", m) for m in self.maps)]
        )

    @property
    def expressions(self) -> dict[str, Any]:
        """What each name of a value stands for; empty where the bound was read from a file."""
        return {name: e for d in self.diagonals for name, e in d.expressions.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the derivation as plain data."""
        return {
            "bound": text(self.bound),
            "diagonals": [d.to_json() for d in self.diagonals],
            "maps": list(self.maps),
            "path": list(self.path),
        }


@dataclass(frozen=True, repr=False)
class BlockBound:
    """The sum rule on one block ``d out' / d wrt``."""

    out: str
    wrt: str
    terms: tuple[TermBound, ...]

    def __repr__(self) -> str:
        """Return one line."""
        return f"<BlockBound {self.statement()}>"

    @property
    def bound(self) -> Polynomial:
        """The sum of the bounds of the terms."""
        return total(t.bound for t in self.terms)

    @property
    def carousel(self) -> tuple[TermBound, ...]:
        """The terms without a map, such as ``diag(f)``."""
        return tuple(t for t in self.terms if not t.maps)

    def statement(self) -> str:
        """Return ``|d c'/d h| <= ...``."""
        return f"|d{self.out}'/d{self.wrt}| <= {text(self.bound)}"


@dataclass(frozen=True, repr=False)
class StepBound:
    """Bounds of all blocks of a step Jacobian, and of products of steps by induction over time.

    Parameters
    ----------
    states
        The state parts.
    blocks
        One bound a block, blocks that vanish included, rows first.
    """

    states: tuple[str, ...]
    blocks: tuple[BlockBound, ...]

    def __repr__(self) -> str:
        """Return one line."""
        return f"<StepBound {self.statement()}>"

    def __getitem__(self, key: tuple[str, str]) -> BlockBound:
        """Return the bound of a block. Raises ``KeyError``."""
        return next(b for b in self.blocks if (b.out, b.wrt) == key)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Everything the bounds are stated in."""
        return tuple(sorted({v for b in self.blocks for v in b.bound.variables}))

    @property
    def expressions(self) -> dict[str, Any]:
        """What each name of a value stands for; empty where the bound was read from a file."""
        terms = [t for b in self.blocks for t in b.terms]
        return {name: e for t in terms for name, e in t.expressions.items()}

    @property
    def bound(self) -> Polynomial | None:
        """The bound of the whole step where the state has one part, else ``None``."""
        return self.blocks[0].bound if len(self.states) == 1 else None

    def statement(self) -> str:
        """Return every block's bound and what follows for ``P(t, k)``."""
        rows = [b.statement() for b in self.blocks if b.terms]
        if self.bound is not None:
            return f"{rows[0] if rows else '0'}; so |P(t, k)| <= ({text(self.bound)})^(t-k)"
        return "; ".join([*rows, "so |P(t, k)| <= N^(t-k) block by block, N the matrix of these"])

    def fault(self) -> str:
        """Return what is wrong with any certificate, ``""`` if nothing is."""
        for block in self.blocks:
            for term in block.terms:
                if len(term.diagonals) != len(term.maps) + 1:
                    return f"{block.statement()}: diagonals and maps do not alternate"
                for diagonal in term.diagonals:
                    if found := diagonal.fault():
                        return f"{block.statement()}: {found}"
        pairs = [(b.out, b.wrt) for b in self.blocks]
        if pairs != [(a, b) for a in self.states for b in self.states]:
            return "the blocks are not those of the state parts"
        return ""

    def matrix(self, values: Values) -> list[list[float]]:
        """Return the numbers ``N[out][wrt]``. Raises ``UsageError`` where a value is missing."""
        missing = [variable_text(v) for v in self.variables if v not in values]
        if missing:
            raise UsageError(
                f"bounds: no value for {', '.join(missing)}; every norm and supremum in the "
                "bound needs one."
            )
        size = len(self.states)
        flat = [b.bound.number(values) for b in self.blocks]
        return [flat[k * size : (k + 1) * size] for k in range(size)]

    def number(self, values: Values, lag: int = 1) -> float:
        """Return a bound of the spectral norm of the product of ``lag`` steps.

        It is ``sqrt(|N^lag|_1 |N^lag|_inf)``, at least the 2-norm of ``N^lag``, which bounds the
        whole product.
        """
        size = len(self.states)
        step = self.matrix(values)
        power = [[float(i == j) for j in range(size)] for i in range(size)]
        for _ in range(lag):
            power = [
                [sum(step[i][k] * power[k][j] for k in range(size)) for j in range(size)]
                for i in range(size)
            ]
        rows = max(sum(row) for row in power)
        columns = max(sum(row[j] for row in power) for j in range(size))
        return rows if rows == columns else sqrt(rows) * sqrt(columns)

    def to_json(self) -> dict[str, Any]:
        """Return the derivation as plain data."""
        return {
            "states": list(self.states),
            "statement": self.statement(),
            "blocks": [
                {
                    "out": b.out,
                    "wrt": b.wrt,
                    "bound": b.bound.to_json(),
                    "terms": [t.to_json() for t in b.terms],
                }
                for b in self.blocks
            ],
        }


def step_from_json(data: Mapping[str, Any]) -> StepBound:
    """Read what ``to_json`` wrote, derivation and stated bounds alike.

    Raises ``InputError`` for anything else, and where a stated bound is not the one derived.
    """
    try:
        blocks = []
        for row in data["blocks"]:
            terms = tuple(
                TermBound(
                    tuple(diagonal_from_json(d) for d in t["diagonals"]),
                    tuple(str(m) for m in t["maps"]),
                    tuple(str(p) for p in t["path"]),
                )
                for t in row["terms"]
            )
            block = BlockBound(str(row["out"]), str(row["wrt"]), terms)
            if block.bound.to_json() != row["bound"]:
                raise InputError(
                    f"the derivation gives {block.statement()}, and another bound is stated; "
                    "write the bundle again."
                )
            blocks.append(block)
        return StepBound(tuple(str(s) for s in data["states"]), tuple(blocks))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"a derivation cannot be read ({error!r}); write it again.") from None
