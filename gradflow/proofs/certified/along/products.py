r"""``gf.certify(run)``: the product of step Jacobians over every window, from both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, log

import numpy as np

from gradflow.arrays import whole_number
from gradflow.given import choice, several
from gradflow.proofs.certified.along.tangents import Coefficients, jacobians
from gradflow.proofs.certified.along.tree import (
    Node,
    Tree,
    frobenius,
    scaled,
    singular_values,
    tree,
)
from gradflow.proofs.certified.along.tube import Tube, tube
from gradflow.proofs.certified.program.deriving import Stacked, given
from gradflow.proofs.certified.program.steps import Floats, Given
from gradflow.proofs.claims.claim import CERTIFIED
from gradflow.spectra import Trajectory

_BYTES = 2**26
_WIDE = 1e-4


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CertifiedProducts:
    r"""Enclosures of :math:`\|P(t, k)\|_2` for every ``t`` and ``k`` of one run.

    The weights, the inputs and the initial state are exact; the true trajectory is the one of real
    arithmetic. ``bits`` is what its enclosure took. All logs are natural.

    Examples
    --------
    >>> import gradflow as gf
    >>> run = gf.run("scalar", {"w": [0.5]}, state=[1.0], steps=7)
    >>> gf.certify(run)
    <CertifiedProducts scalar: log |P(7, 0)| in [-4.852030266, -4.852030262], 256 bits>
    """

    given: Given
    tree: Tree
    coefficients: Coefficients
    bits: int

    level = CERTIFIED

    @property
    def name(self) -> str:
        """What was run, for labels."""
        return self.given.name

    @property
    def steps(self) -> int:
        """Steps of the run."""
        return self.given.steps

    @cached_property
    def finer(self) -> Tree | None:
        """The tree of pairs of floats, about 80 bits, made where 53 leave a window too wide.

        ``None`` where a number is too large for it.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            made = tree(_leaves(self.given, self.coefficients, pairs=True))
        nodes = [node for level in made.levels for node in level]
        finite = all(np.isfinite(n.error) and np.isfinite(n.matrix).all() for n in nodes)
        return made if finite else None

    def _window(self, t: int, k: int) -> tuple[Node, tuple[Floats, Floats]]:
        """Return ``P(t, k)`` from the tree that knows its norm, and its singular values' logs."""
        node = self.tree.window(t, k)
        values = _logs(node)
        if _wide(values) and self.finer is not None:
            node = self.finer.window(t, k)
            values = _logs(node)
        return node, values

    def window(self, t: int, start: int) -> tuple[float, float]:
        r"""Return bounds of :math:`\log \|P(t, k)\|_2` for ``start = k``, ``0 <= k <= t <= T``."""
        stop = whole_number(t, "window: t", 0, self.steps)
        first = whole_number(start, "window: start", 0, stop)
        if first == stop:
            return 0.0, 0.0
        _, (low, high) = self._window(stop, first)
        return float(low[0]), float(high[0])

    @cached_property
    def _curve(self) -> tuple[Floats, Floats]:
        return self.curve(range(self.steps + 1))

    @property
    def lower(self) -> Floats:
        r"""Lower bounds (T + 1,) of :math:`\log \|P(T, T - \ell)\|_2` against lag."""
        return self._curve[0]

    @property
    def upper(self) -> Floats:
        r"""Upper bounds (T + 1,) of :math:`\log \|P(T, T - \ell)\|_2` against lag."""
        return self._curve[1]

    def curve(self, lags: Sequence[int]) -> tuple[Floats, Floats]:
        r"""Return bounds of :math:`\log \|P(T, T - \ell)\|_2` at the given lags, in their order."""
        wanted = [
            whole_number(lag, "curve: a lag", 0, self.steps)
            for lag in several(lags, "curve: lags", "lags")
        ]
        found = {lag: _logs(node) for lag, node in self.tree.ending({k for k in wanted if k})}
        wide = {lag for lag, values in found.items() if _wide(values)}
        if wide and self.finer is not None:
            found |= {lag: _logs(node) for lag, node in self.finer.ending(wide)}
        norms = {lag: (low[0], high[0]) for lag, (low, high) in found.items()} | {0: (0.0, 0.0)}
        ends = np.array([norms[lag] for lag in wanted]).reshape(-1, 2)
        return ends[:, 0], ends[:, 1]

    def singular_values(self, lag: int | None = None) -> tuple[Floats, Floats]:
        """Return bounds of the logs of all singular values of ``P(T, T - lag)``, largest first.

        Of small ones the lower bound is ``-inf``: those under the rounding of the largest.
        """
        count = self.steps if lag is None else whole_number(lag, "lag", 0, self.steps)
        if not count:
            return np.zeros(self.given.program.width), np.zeros(self.given.program.width)
        return self._window(self.steps, self.steps - count)[1]

    def at_least(self, part: str, lag: int | None = None) -> tuple[int, float]:
        r"""Return ``n`` and ``x``: n of the singular values of ``P(T, T - lag)`` are at least e^x.

        ``x`` bounds the least singular value of the columns of a state part, so that no gradient
        read at the end reaches that part smaller; by interlacing the product has as many singular
        values above it as the part has units (Horn & Johnson, Matrix Analysis, 4.3.15). It is
        ``-inf`` where the error of the product hides it.

        Raises ``UsageError`` for a part that the run does not have.
        """
        slices = self.given.program.slices
        choice(part, "at_least: part", slices)
        columns = slices[part]
        size = columns.stop - columns.start
        count = self.steps if lag is None else whole_number(lag, "lag", 0, self.steps)
        if not count:
            return size, 0.0
        node, _ = self._window(self.steps, self.steps - count)
        return size, float(_logs(node.columns(columns))[0][-1])

    def __repr__(self) -> str:
        """Return one line."""
        low, high = self.window(self.steps, 0)
        return (
            f"<CertifiedProducts {self.name}: log |P({self.steps}, 0)| in "
            f"[{low:.10g}, {high:.10g}], {self.bits} bits>"
        )


def certify_products(run: Trajectory | Stacked) -> CertifiedProducts:
    """Enclose the products of step Jacobians of a run, of one cell or of stacked layers.

    Raises ``UsageError`` for a batch, for weights that change by step, or a function that cannot be
    enclosed; ``PrecisionError`` where a unit sits on a kink.
    """
    return enclosed_products(given(run, "certify"))


def enclosed_products(network: Given) -> CertifiedProducts:
    """Enclose the products of a given network."""

    def grown(found: Tube) -> tuple[float, Tree]:
        made = tree(_leaves(network, found.coefficients))
        exponent = made.log2_growth
        growth = network.steps * 2.0**exponent * (1 + 2.0**-20) if exponent < 900 else inf
        return growth, made

    found, made = tube(network, grown, "certify")
    return CertifiedProducts(
        given=network, tree=made, coefficients=found.coefficients, bits=found.bits
    )


def _leaves(network: Given, found: Coefficients, pairs: bool = False) -> list[Node]:
    """Return the step Jacobians as nodes, made a few steps at a time to save memory."""
    program = network.program
    by = {p: slot for p, (slot, _) in program.states.items()}
    chunk = max(1, _BYTES // (64 * program.width**2 + 1))
    nodes = []
    for first in range(0, network.steps, chunk):
        stop = min(first + chunk, network.steps)
        block = jacobians(network, found.part(first, stop), by, stop - first, pairs=pairs)
        for i, r in enumerate(block.radius):
            largest = float(r.max(initial=0.0))
            shift = int(np.frexp(largest)[1]) if largest > 0 else 0
            error = float(np.ldexp(frobenius(np.ldexp(r, -shift)), shift))
            low = None if block.low is None else block.low[i]
            nodes.append(scaled(block.middle[i], error, low=low))
    return nodes


def _wide(values: tuple[Floats, Floats]) -> bool:
    """Whether the log of a norm is not known to the digits that are promised."""
    low, high = values
    return bool(high[0] - low[0] > _WIDE)


def _logs(node: Node) -> tuple[Floats, Floats]:
    """Return bounds of the natural logs of the singular values of a node.

    Logs of floats, the product of the exponent with log 2 and the sum are each good to a few units
    in the last place of numbers up to the largest of them.
    """
    low, high = singular_values(node)
    shift = node.exponent * log(2)
    with np.errstate(divide="ignore"):
        below, above = np.log(low), np.log(high)
    slack = 2.0**-48 * (np.abs(shift) + 800)
    return below + shift - slack, above + shift + slack
