"""Singular values of one product after several counts of factors, by one sweep in float64.

``M_k ... M_1 = Q diag(2^exponent) rows`` grows from the left. Several factors share one QR, Q stays
a product of reflections, and the columns are put in order of what they have grown to, which keeps
the rows well conditioned. A window is accepted while rounding costs a value little enough; a factor
that alone costs too much has the scales of its rows and columns taken out, those of its columns
joined to the rows of the factor before, and its QR is done with the rows sorted.

Sources: G. W. Stewart, Electron. Trans. Numer. Anal. 3 (1995) 39 (graded QR of products); E. Y. Loh
et al., Phys. Rev. B 41 (1990) 9301 (the sorted columns); A. J. Cox, N. J. Higham, Proc. 17th Dundee
Conf. (1998) 57 (QR, row by row).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas

from gradflow.spectra.numerics.frames import (
    Frame,
    Reflections,
    applied,
    inverse_columns,
    inverse_norm,
    reflected,
    sorted_rows,
)
from gradflow.spectra.numerics.logdomain import (
    ZERO_EXPONENT,
    Exponents,
    Floats,
    binary_exponent,
    shifted,
)
from gradflow.spectra.numerics.scales import Scales
from gradflow.spectra.numerics.scales import factors as even_factors
from gradflow.spectra.numerics.triangles import LN2, graded_logs
from gradflow.spectra.products.rounding import EPS, Block, passed_back, reversals, unit

# What rounding should cost a log at most: a part of what the logs spread over, but always so many
# nats; in products from a size on, where a QR is dear, the larger part, of the smallest log.
_SMALL_TARGET, _TARGET, _LARGE = 2e-11, 2.5e-10, 64
_NATS = 1e-9
# Nats that a window may spread by at most, and in large products always.
_MOST_SPREAD, _LEAST_SPREAD = 20.0, 17.0
# Nats by which the condition of one column may exceed that in large products.
_SLACK = 3.0
# Squares of columns outside of this are not trusted.
_SMALLEST, _LARGEST = 1e-250, 1e250
# Triangles are merged after so many nats, far from the end of float64, and less often from a size
# on at which that takes time.
_MERGE, _WIDE = 400.0, 96
# Most factors that share one QR, and how much the newest window counts in what a factor spreads.
_LONGEST, _NEWEST = 50, 0.2
# First-order estimates are multiplied by this.
_SAFETY = 20.0


def swept(factors: Floats, counts: Sequence[int]) -> Iterator[tuple[Floats, Floats]]:
    """``(log sigma (d,), error (d,))`` of ``F_1 F_2 ... F_k`` for ascending counts k >= 1.

    The sweep is over the transposes, ``M_k = F_k^T``. The iterator ends early where a rank is lost
    to rounding.
    """
    total, d = factors.shape[:2]
    sweep = Sweep(d)
    sizes = np.sqrt(np.einsum("kij,kij->k", factors, factors) / d).tolist()
    planned, rate, done = 1, 0.0, 0
    limit = sweep.allowed(1, 0, counts[-1])
    scales = Scales(factors)
    joined = -1  # the factor whose columns' scale has been given to the one before
    for count in counts:
        here = sweep
        while done < count:
            here = sweep
            length = min(planned, count - done)
            spread = math.inf
            if joined < done:
                product = factors[done].copy() if length == 1 else factors[done]
                for k in range(done + 1, done + length):
                    product = product @ factors[k]
                if d < _LARGE:
                    limit = sweep.allowed(length, done, counts[-1])
                spread = sweep.window(product.T, math.prod(sizes[done : done + length]), limit)
            if spread <= limit:
                done += length
                rate += (spread / length - rate) * (_NEWEST if rate else 1.0)
                longest = planned + 1
            elif length > 1 and joined < done:
                longest = max(1, length // 2)
            else:
                (row, y, column), _ = scales.of(done)
                if joined < done and not sweep.graded(np.eye(d), column):
                    return
                if done + 1 < total and (following := scales.of(done + 1))[1]:
                    if done + 1 == count:
                        here = sweep.copy()
                        if not here.graded(y, row):
                            return
                    joined = done + 1
                    row = row + following[0][2]
                if not sweep.graded(y, row):
                    return
                done += 1
                longest = planned + 1
            limit = sweep.allowed(planned, min(done, counts[-1] - 1), counts[-1])
            planned = max(1, min(longest, _LONGEST, int(limit / max(rate, 0.05))))
        yield here.log_sigma()


class Sweep:
    """The product so far, ``Q R diag(2^exponent) rows``, and what rounding has cost."""

    def __init__(self, d: int) -> None:
        self.d = d
        self.frame: Frame = np.eye(d)
        # of the windows since the last block, and of the blocks since the last merge
        self.triangle = np.eye(d, order="F")
        self.pending = np.eye(d)
        self.exponent = np.zeros(d, dtype=np.int64)
        self.rows = np.eye(d)
        self.shift = 0
        # by position: log of what each column has grown to, and which column of the frame it is
        self.grown = np.zeros(d)
        self.label = np.arange(d)
        # nats since the last merge, and windows since the last block
        self.nats, self.since = 0.0, 0
        # by label, after each window: the growth so far, and the costs
        self.taken, self.spent = 0, 0.0
        self.history = np.empty((64, d))
        self.costs = np.empty((64, d))
        self.blocks: list[Block] = []

    def copy(self) -> Sweep:
        """One that may go on elsewhere."""
        other = Sweep(self.d)
        other.__dict__.update(self.__dict__)
        other.triangle = self.triangle.copy(order="F")
        other.history, other.costs = self.history.copy(), self.costs.copy()
        other.blocks = self.blocks[:]
        return other

    def allowed(self, length: int, done: int, total: int) -> float:
        """Nats a window of `length` steps may spread, `done` of all steps being taken.

        All windows together are to keep to the target.
        """
        least = float(self.grown.min())
        if self.d < _LARGE:
            apart = (float(self.grown.max()) - least) / (done + 1)
            a_step = max((_NATS - self.spent) / (total - done), _SMALL_TARGET * apart)
            return min(_MOST_SPREAD, math.log(max(a_step * length, EPS) / EPS))
        cost = _TARGET * max(1.0, -least) - self.spent
        return min(_MOST_SPREAD, max(_LEAST_SPREAD, math.log(max(cost, EPS) / EPS)))

    def window(self, product: Floats, size: float, limit: float) -> float:
        """Take `product` (d, d) unless it spreads by more than `limit` nats; returns the spread.

        The norms of its factors over sqrt(d) multiply to `size`. The product is overwritten.
        """
        image, order, longest = self._sorted(applied(product, self.frame))
        if image is None:
            return math.inf
        frame = reflected(image)
        diagonal = np.abs(frame.reflectors.diagonal())
        least = float(diagonal.min())
        if least == 0:
            return math.inf
        size = max(size, longest)
        spread = math.log(size) - math.log(least)
        if spread > limit:
            return spread
        loss = size * np.maximum(inverse_columns(frame), 1 / diagonal)
        spread = max(spread, math.log(float(loss.max())))
        if spread > limit + (_SLACK if self.d >= _LARGE else 0.0):
            return spread
        self._take(frame, diagonal, order, loss)
        self.spent += EPS * math.exp(spread)
        return min(spread, limit)

    def graded(self, y: Floats, left: Exponents) -> bool:
        """Take ``diag(2^left) y``, y of even rows; whether its rank is not lost."""
        for matrix, part, top in even_factors(y, left):
            # from the right each row rounds by itself, so the rows may be scaled and sorted before
            sent, rows = sorted_rows(matrix, part)
            found, order, _ = self._sorted(applied(sent, self.frame))
            if found is None:
                return False
            frame = reflected(found)
            diagonal = np.abs(frame.reflectors.diagonal())
            if diagonal.min() == 0:
                return False
            size = math.sqrt(float(np.einsum("ij,ij->", matrix, matrix)))
            condition = size * inverse_norm(frame, part, rows)
            loss = max(condition, 1.0) if math.isfinite(condition) else 1e300
            frame = Reflections(frame.reflectors, frame.factor, rows)
            self._take(frame, diagonal, order, np.full(self.d, loss))
            self.shift += top
        return True

    def _sorted(self, image: Floats) -> tuple[Floats | None, NDArray[np.intp] | None, float]:
        """The columns in order of what they have grown to, the order, the longest's length.

        None where a column is out of range.
        """
        squares = np.einsum("ij,ij->j", image, image)
        largest = float(squares.max())
        if not _SMALLEST < float(squares.min()) <= largest < _LARGEST:
            return None, None, 0.0
        reach = self.grown + 0.5 * np.log(squares)
        order = None
        if (reach[1:] - reach[:-1]).max() > 1:
            order = np.argsort(-reach, kind="stable")
            image = image.T.take(order, axis=0).T
        return image, order, math.sqrt(largest)

    def _take(
        self, frame: Reflections, diagonal: Floats, order: NDArray[np.intp] | None, loss: Floats
    ) -> None:
        if order is not None:
            self.triangle = self.triangle.T.take(order, axis=1).T
            self.grown, self.label = self.grown[order], self.label[order]
        self.triangle = blas.dtrmm(1.0, frame.reflectors, self.triangle, overwrite_b=1)
        self.frame = frame
        growth = np.log(diagonal)
        self.grown = self.grown + growth
        if self.taken == len(self.history):
            self.history = np.concatenate([self.history, np.empty_like(self.history)])
            self.costs = np.concatenate([self.costs, np.empty_like(self.costs)])
        self.history[self.taken, self.label] = self.grown
        self.costs[self.taken, self.label] = loss
        self.taken += 1
        self.since += 1
        most, least = float(growth.max()), float(growth.min())
        self.nats += most - least + max(abs(most), abs(least))
        # the pass back needs inner blocks even of a short product
        parts = 24 if self.d <= 24 else 10 if self.d < _WIDE else 6
        if self.nats > _MERGE or self.since > self.taken // parts:
            self._end_block()
        if self.nats > _MERGE:
            self._merge()

    def _end_block(self) -> None:
        if self.since:
            self.blocks.append(Block(self.taken, self.triangle, self.label))
            self.pending = self.triangle @ self.pending
            self.triangle = np.eye(self.d, order="F")
            self.since = 0

    def _merge(self) -> None:
        """Bring the blocks into ``diag(2^exponent) rows``."""
        top = (binary_exponent(self.pending) + self.exponent).max(axis=1)
        rows = shifted(self.pending, self.exponent - top[:, None]) @ self.rows
        exponent = binary_exponent(np.abs(rows).max(axis=1))
        exponent = np.where(exponent == ZERO_EXPONENT, 0, exponent)
        self.rows = shifted(rows, -exponent[:, None])
        self.exponent = top + exponent
        self.pending = np.eye(self.d)
        self.nats = 0.0

    def log_sigma(self) -> tuple[Floats, Floats]:
        """Log sigma (d,), descending, and the error (d,) of each."""
        self._end_block()
        self._merge()
        logs, condition = graded_logs(self.exponent, self.rows)
        place = np.argsort(-self.grown, kind="stable")
        error = _SAFETY * (self._rounding()[place] + EPS * condition)
        error += abs(float(logs.sum()) - float(self.grown.sum()))
        error += EPS * (4 * np.abs(logs) + np.abs(self.grown).max() / 4 + self.taken)
        error += 4e-14 + 8 * EPS * self.d**0.5 * self.taken
        # neighbours of like size share their errors
        beside = np.maximum(np.append(error[1:], 0.0), np.append(0.0, error[:-1]))
        error = np.maximum(error, beside)
        return logs + self.shift * LN2, np.where(np.isfinite(error), error, np.inf)

    def _rounding(self) -> Floats:
        """By position (d,): the costs of all windows, as far as they reach each value."""
        costs = self.costs[: self.taken] * unit(self.d)
        total = np.empty(self.d)
        total[self.label] = self.grown
        samples = 24 if self.d <= 24 else 12 if self.d <= 48 else 5
        turned = reversals(self.history[: self.taken], costs, total)[self.label]
        return turned + passed_back(self.blocks, costs, samples)
