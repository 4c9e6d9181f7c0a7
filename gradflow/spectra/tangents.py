"""Step Jacobians applied to a few tangent vectors without being formed.

A step Jacobian is a sum of terms ``diag(d0) U0 diag(d1) U1 ...``: the matrices are the cell's, and
only the diagonals change with the step. The diagonals of many steps are computed at once; a step
then costs one matrix product with each U, whatever the number of trajectories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.cells.language.program import Product
from gradflow.cells.language.syntax import symbol
from gradflow.codegen.code import Code
from gradflow.codegen.targets.numpy.target import TARGET, runtime
from gradflow.codegen.targets.target import run_source
from gradflow.spectra.numerics.logdomain import Floats

# Forming an entry of a Jacobian takes as long as so many multiply-adds of a matrix product.
_FORMING = 20

# Instead of a filled matrix, generated code for this target hands back the blocks themselves.
_BLOCKS = replace(
    TARGET,
    name="blocks",
    build=run_source(lambda: {**runtime(), "fill_blocks": lambda _, *blocks: blocks}),
    empty=lambda _: None,
)


@lru_cache(maxsize=64)
def _block_code(cell: Cell) -> Code:
    return Code(cell, _BLOCKS)


def cheaper_unformed(cell: Cell, sizes: Mapping[str, int], columns: int) -> bool:
    """Whether k tangent vectors are cheaper to push through the cell than through its Jacobian.

    Unformed, a step takes ``k p`` multiply-adds, where p adds up ``rows x columns`` of each product
    ``U @ v`` of the program whose operand depends on the previous state. Formed, it takes
    ``k d^2``, and to form the d^2 entries costs as much as 20 multiply-adds each. So unformed is
    cheaper where ``k p <= (k + 20) d^2``: always for an LSTM (``p = d^2 = 4 n^2``) and a plain RNN
    (``p = d^2``), for a GRU (``p = 3 d^2``) up to k = 10. For k = d the answer is no: a square
    frame has a faster QR.

    Parameters
    ----------
    cell : Cell
        The declared cell.
    sizes : mapping
        Number of units by space, as ``code.sizes`` and the state parts give them.
    columns : int
        The number k of tangent vectors.
    """
    depends = {symbol(part) for part in cell.states}
    products = 0
    for statement in cell.program:
        if isinstance(statement, Product):
            if statement.operand in depends:
                depends.add(statement.target)
                used = statement.linear_map
                products += sizes.get(used.out, 1) * sizes.get(used.into, 1)
        elif statement.expression.free_symbols & depends:
            depends.add(statement.target)
    width = sum(sizes[cell.spaces[part]] for part in cell.states)
    return columns < width and columns * products <= (columns + _FORMING) * width**2


@dataclass(frozen=True)
class _Leaf:
    """``U v``: a matrix of the stack of those that act on the same part of v."""

    stack: int
    place: int


@dataclass(frozen=True)
class _Term:
    """``diag(left) U sum(inner)``, or ``diag(left) v`` where there is no matrix.

    ``left`` is (m, rows, 1, batch), or None for ones.
    """

    left: Floats | None
    matrix: Floats | _Leaf | None
    inner: tuple[_Term, ...] = ()


class TangentMaps:
    """The step Jacobians of a span of steps, for one trajectory or a batch.

    Attributes
    ----------
    steps : int
        Number m of steps in the span.
    """

    def __init__(
        self,
        cell: Cell,
        params: Mapping[str, Floats],
        states: Floats,
        inputs: Mapping[str, Floats] | None,
        t: NDArray[np.int64],
    ) -> None:
        """Take states (batch, m, d), inputs (batch or 1, m, input) by name and t (m,)."""
        blocks = _block_code(cell).jacobian(params, states, inputs, t)
        self._lead = states.shape[:2]
        self.steps = len(t)
        self._known: dict[tuple[int, int], Floats] = {}
        self._stacks: list[tuple[slice, list[Floats]]] = []
        self._blocks: list[tuple[slice, slice, tuple[_Term, ...]]] = []
        for rows, columns, diagonal, terms in blocks:
            chains = [[*term, None] if len(term) % 2 == 0 else [*term] for term in terms]
            if diagonal is not None:
                chains.append([diagonal])
            height = len(range(*rows.indices(states.shape[-1])))
            self._blocks.append((rows, columns, self._tree(chains, height, columns)))
        self._stacked = [(columns, np.array(matrices)) for columns, matrices in self._stacks]

    def _over_steps(self, value: Any, size: int) -> Floats:
        """A diagonal as (m, size, 1, batch), the same array for the same value."""
        key = id(value), size
        if key not in self._known:
            whole = np.broadcast_to(value, (*self._lead, size))
            self._known[key] = np.ascontiguousarray(whole.transpose(1, 2, 0))[:, :, None]
        return self._known[key]

    def _tree(
        self, chains: Sequence[Sequence[Any]], size: int, columns: slice
    ) -> tuple[_Term, ...]:
        """The chains (d0, U0, d1, ...) as terms; those that begin with the same U0 share it."""
        shared: dict[tuple[int, ...], list[Sequence[Any]]] = {}
        for chain in chains:
            key = (id(chain[0]), *map(id, chain[1:2]))
            shared.setdefault(key, []).append(chain)
        terms = []
        for first, *others in shared.values():
            left = None if first[0] is None else self._over_steps(first[0], size)
            if len(first) == 1:
                terms += [_Term(left, None)] * (1 + len(others))
                continue
            matrix = np.asarray(first[1])
            rests = [chain[2:] for chain in (first, *others)]
            if all(len(rest) == 1 and rest[0] is None for rest in rests):
                terms += [_Term(left, self._leaf(matrix, columns))] * len(rests)
            else:
                terms.append(_Term(left, matrix, self._tree(rests, matrix.shape[1], columns)))
        return tuple(terms)

    def _leaf(self, matrix: Floats, columns: slice) -> _Leaf:
        for k, (part, matrices) in enumerate(self._stacks):
            if part == columns and matrices[0].shape == matrix.shape:
                for place, other in enumerate(matrices):
                    if other is matrix:
                        return _Leaf(k, place)
                matrices.append(matrix)
                return _Leaf(k, len(matrices) - 1)
        self._stacks.append((columns, [matrix]))
        return _Leaf(len(self._stacks) - 1, 0)

    def push(self, step: int, frame: Floats) -> Floats:
        """``J_step`` times tangent vectors: (d, k, batch) to the same shape."""
        flat = frame.reshape(len(frame), -1)
        products = [stack @ flat[columns] for columns, stack in self._stacked]
        out = np.zeros_like(frame)
        for rows, columns, terms in self._blocks:
            target = out[rows]
            for term in terms:
                target += self._value(term, step, frame[columns], products)
        return out

    def _value(self, term: _Term, step: int, vectors: Floats, products: list[Floats]) -> Floats:
        if term.matrix is None:
            value = vectors
        elif isinstance(term.matrix, _Leaf):
            value = products[term.matrix.stack][term.matrix.place].reshape(-1, *vectors.shape[1:])
        else:
            inner = sum(self._value(each, step, vectors, products) for each in term.inner)
            flat = np.reshape(inner, (term.matrix.shape[1], -1))
            value = (term.matrix @ flat).reshape(-1, *vectors.shape[1:])
        return value if term.left is None else term.left[step] * value
