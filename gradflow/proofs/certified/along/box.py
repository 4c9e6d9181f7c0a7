r"""Every input in a box: variation of constants, unit by unit, with outward rounding.

Along the centre run let ``A_t`` be a float matrix within ``E_t``, entry by entry, of the Jacobian
by the state everywhere in the box at step ``t``, and ``B_t`` within ``F_t`` of that by the inputs.
The distance ``e_t`` of any run of the box from the centre obeys ``e_t = J e_(t-1) + K dx_t`` with
mean Jacobians ``J`` and ``K`` of that step. Unrolled with ``Pbar(t, s) = A_t ... A_(s+1)``,

.. math:: |e_t| \le \sum_s |\bar P(t,s) B_s|\, r + |\bar P(t,s)| (F_s r + E_s \rho_{s-1}) = \rho_t,

entry by entry. Weights that may be off by a share of their size add ``|L_t| d`` at every step:
``L_t`` is the Jacobian by what is added to each product ``W v`` and to each vector, ``d`` how much
that can be over the box, ``|W - Wbar| |v|``; and ``A_t``, ``E_t`` hold the changed matrices too.
The product itself is within ``Q_t = sum_s |Pbar(t, s)| E_s (|Pbar(s-1, 0)| +
Q_(s-1))`` of ``Pbar(t, 0)``. Nothing is searched for: ``E_t`` needs only ``rho_(t-1)``. Products of
norms of steps do not occur, so that the radius grows as true perturbations do.

Sums and products of non-negative floats are off by a factor of at most ``1 + k u`` for ``k``
operations; ``GUARD`` covers ``k`` up to 4 million. Those of ``Pbar`` have errors of their own,
``|A| R + gamma_k |A| |Pbar|`` entry by entry, as in :mod:`.blocks`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gradflow.proofs.certified.along.balls import (
    BallProgram,
    Vector,
    at_precision,
    centres,
    pairs,
)
from gradflow.proofs.certified.along.blocks import TINY
from gradflow.proofs.certified.along.tangents import jacobians
from gradflow.proofs.certified.along.tree import Node, gamma, norm_above, scaled
from gradflow.proofs.certified.along.tube import Collector
from gradflow.proofs.certified.program.steps import Floats, Given
from gradflow.proofs.weights.balls import UndecidedError

GUARD = 1 + 2.0**-30
_BITS, _USELESS = 192, 1e6


@dataclass(frozen=True, eq=False)
class Box:
    """The product over every step as a node, and how far each entry of the last state may be."""

    product: Node
    reached: Floats


def box(network: Given, radius: float, start: float, apart: float = 0.0) -> Box | None:
    """Enclose ``P(T, 0)`` for every input within ``radius`` and initial state within ``start``.

    Entry by entry; and for weights that are off by a share ``apart`` of each. ``None`` where the
    box grows beyond use, or reaches a kink.
    """
    try:
        return _box(network, radius, start, apart)
    except UndecidedError:
        return None


def _box(network: Given, radius: float, start: float, share: float) -> Box | None:
    program, balls = network.program, BallProgram(network)
    by_state = {p: slot for p, (slot, _) in program.states.items()}
    weights = _weights(network) if share else {}
    size, eye = program.width, np.eye(program.width)
    with at_precision(_BITS):
        centre = balls.start()
    rho = np.full(size, start)
    # Pbar(t, s) for s = 0, 1, ..., with errors; B_s; what each step adds to e and to the product
    products, errors = eye[None], np.zeros((1, size, size))
    inputs = [np.zeros((size, sum(program.sizes[k] for k in program.inputs.values())))]
    sources, changes = [rho], [np.zeros((size, size))]
    apart = np.zeros((size, size))
    for t in range(1, network.steps + 1):
        collect = Collector(balls, more=tuple(weights.values()))
        with at_precision(80):
            slots = balls.around(centre, rho, radius, t, share)
            collect(slots)
        found = collect.done()
        with at_precision(_BITS):
            after = balls.after(balls.step(centre, t, slopes=False))
            defect = max(float(x.rad()) for v in after for x in v)
            centre = [centres(v) for v in after]
        by = jacobians(network, found, by_state, 1, apart=share)
        a, e = by.middle[0], by.radius[0]
        by = jacobians(network, found, program.inputs, 1, apart=share)
        b, f = by.middle[0], by.radius[0]
        changes.append(e @ (np.abs(products[0]) + errors[0] + apart) * GUARD)
        source = e @ rho + f.sum(1) * radius + defect
        if weights:
            by = jacobians(network, found, weights, 1, apart=share)
            largest = np.abs(by.middle[0]) + by.radius[0]
            source = source + largest @ _changes(network, slots, weights, share)
        sources.append(source * GUARD)
        inputs.append(b)
        sizes = np.abs(a)
        errors = (sizes @ errors + gamma(size) * (sizes @ np.abs(products))) * GUARD
        products = np.concatenate([a @ products, eye[None]])
        errors = np.concatenate([errors, np.zeros((1, size, size))])
        reach = np.abs(products) + errors
        rounding = errors + gamma(size) * np.abs(products)
        stacked = np.array(inputs)
        driven = np.abs(products @ stacked) + rounding @ np.abs(stacked)
        rho = driven.sum((0, 2)) * radius
        rho = (rho + np.einsum("sij,sj->i", reach, np.array(sources))) * GUARD
        apart = np.einsum("sij,sjk->ik", reach, np.array(changes)) * GUARD
        if not rho.max(initial=0.0) < _USELESS:
            return None
    whole = norm_above((errors[0] + apart) * GUARD) * GUARD
    return Box(scaled(products[0], whole), rho)


def _weights(network: Given) -> dict[str, int]:
    """Return the slots to which changed weights add something: products, and vectors."""
    program, first = network.program, len(network.program.leaves)
    found = {n: k for n, k in program.arrays.items() if n not in network.constants}
    for k in program.forward:
        operation = program.operations[k - first]
        if operation.kind == "map" and operation.name not in network.constants:
            found[f"map {k}"] = k
    return found


def _changes(
    network: Given, slots: Sequence[Vector], weights: Mapping[str, int], share: float
) -> Floats:
    """Return how much weights off by a share of their size add to each entry of those slots."""
    program, found = network.program, []
    for name, k in weights.items():
        if name in program.arrays:
            size = np.abs(np.ravel(network.arrays[name]))
        else:
            operation = program.operations[k - len(program.leaves)]
            high, low, radius = pairs(slots[operation.operands[0]])
            largest = np.abs(high) + np.abs(low) + radius
            size = np.abs(network.matrices[operation.name]) @ largest
        found.append(size * share * GUARD + TINY)
    return np.concatenate(found)
