"""False claims, and the instances that break them.

A bound of a gate is either certified or refused with rational values of the gates that exceed it.
A rate claimed for a whole network is attacked with runs: random ones, and the extremes that break
false theorems (saturated units, nilpotent and orthogonal matrices, inactive units).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from gradflow.arrays import whole_number
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.cells.language.spaces import ONE
from gradflow.cells.sized import Sized
from gradflow.codegen import compile
from gradflow.errors import UsageError
from gradflow.given import choice, function, generator, real_number
from gradflow.proofs.algebra.identity import Identity
from gradflow.proofs.algebra.polynomial import Polynomial, Variable, constant
from gradflow.proofs.algebra.polynomial import product as multiply
from gradflow.proofs.algebra.wording import product_text, text, variable_text
from gradflow.proofs.bounding.facts import Facts
from gradflow.proofs.bounding.gates import bound_product
from gradflow.spectra import Trajectory, run

_POINTS = tuple(Fraction(n, 4) for n in range(-4, 5)) + tuple(Fraction(n, 3) for n in (1, 2))
_HEIGHTS = tuple(Fraction(10) ** k for k in range(4))
_MOST = 200_000


def certify_bound(
    facts: Facts, factors: Sequence[sp.Expr], bound: Fraction
) -> tuple[Identity, Identity]:
    """Return identities for ``|product(factors)| <= bound``, or a better bound.

    Raises ``UsageError`` with a concrete counterexample where the claim is false, and where neither
    a certificate nor a counterexample is found.
    """
    values = facts.values(*factors)
    polynomials = [facts.polynomial(f) for f in factors]
    hypotheses = values.hypotheses(polynomials)
    claim = f"|{product_text(polynomials)}| <= {bound}"
    point = counterexample(polynomials, constant(bound), hypotheses)
    if point is not None:
        value = multiply(polynomials).at(point)
        at = ", ".join(f"{variable_text(v)} = {x}" for v, x in point.items())
        raise UsageError(
            f"claim {claim}: is false at {at}, where the value is {value}; correct it."
        )
    found = bound_product(values, polynomials)
    if found is None or found[0].bound.variables or found[0].bound.at({}) > bound:
        best = text(found[0].bound) if found else "none"
        raise UsageError(
            f"claim {claim}: no certificate was found, and no counterexample; the best certified "
            f"bound is {best}."
        )
    return found


def counterexample(
    factors: Sequence[Polynomial], bound: Polynomial, hypotheses: Sequence[Polynomial]
) -> dict[Variable, Fraction] | None:
    """Search for rational values that satisfy all hypotheses and exceed a bound either way."""
    target = multiply(factors)
    names = sorted({v for p in (target, bound, *hypotheses) for v in p.variables})
    choices = [_POINTS if v[0] == "value" else _HEIGHTS for v in names]
    wide = [v for v in names if v[0] == "value" and ("sup", v[1]) in names]
    for values in islice(product(*choices), _MOST):
        point = dict(zip(names, values, strict=True))
        for v in wide:  # an unbounded value: as large as its supremum
            point[v] *= point[("sup", v[1])]
        if all(h.at(point) >= 0 for h in hypotheses) and abs(target.at(point)) > bound.at(point):
            return {v: point[v] for v in target.variables}
    return None


@dataclass(frozen=True, repr=False)
class Broken:
    """A run that breaks a claim: what was measured, and what was claimed of it."""

    run: Trajectory
    measured: float
    claimed: float

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Broken {self}>"

    def __str__(self) -> str:
        """Return the counterexample in words."""
        maps = ", ".join(
            f"{n} = {np.array2string(np.asarray(a), precision=3, separator=', ')}"
            for n, a in self.run.params.items()
            if np.ndim(a) == 2 and np.size(a) <= 9
        )
        return (
            f"measured {self.measured:.4g} where {self.claimed:.4g} is claimed, {self.run.steps} "
            f"steps of {self.run.cell.name} with {maps}"
        )


def attack(
    cell: Cell | str,
    claimed: Callable[[Trajectory], float | None],
    measured: Callable[[Trajectory], float],
    side: str,
    *,
    tries: int = 300,
    seed: int = 0,
) -> Broken | None:
    """Try to break a claim about runs of a cell; ``None`` if every try respects it.

    Parameters
    ----------
    cell
        The cell.
    claimed
        The bound for a run, ``None`` where the claim's hypotheses do not hold.
    measured
        What the bound is about.
    side
        ``"above"`` if the claim bounds from above, ``"below"`` if from below.
    tries, seed
        How many instances, and the seed they follow from.
    """
    cell = get(cell)
    for name, asked in (("claimed", claimed), ("measured", measured)):
        function(asked, f"attack: {name}")
    choice(side, "attack: side", ("above", "below"))
    tries = whole_number(tries, "attack: tries", 0, _MOST_TRIES)
    rng = generator(seed, "attack: seed")
    for instance in islice(instances(cell, rng), tries):
        bound = claimed(instance)
        if bound is None:
            continue
        value = real_number(measured(instance), "attack: what measured returns", infinite=True)
        bound = real_number(bound, "attack: what claimed returns", infinite=True)
        slack = 1e-9 * max(abs(bound), abs(value), 1e-300)
        if value > bound + slack if side == "above" else value < bound - slack:
            return Broken(instance, value, bound)
    return None


def instances(cell: Cell, rng: np.random.Generator) -> Iterator[Trajectory]:
    """Yield runs of a cell without end, ordinary and extreme ones in turn."""
    while True:
        for shape in (_gaussian, _nilpotent, _orthogonal, _identity):
            for scale in (0.1, 1.0, 20.0):
                found = _instance(cell, rng, shape, scale)
                if found is not None:
                    yield found


# So many instances take hours.
_MOST_TRIES = 10**7

Shape = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]


def _instance(
    cell: Cell, rng: np.random.Generator, shape: Shape, scale: float
) -> Trajectory | None:
    units = {space: int(rng.integers(1, 5)) for space in cell.sizes} | {ONE: 1}
    params = {}
    for name in (*cell.parameters, *cell.constant_names):
        axes = tuple(units[s] for s in cell.shape_of(name))
        if len(axes) == 2:
            params[name] = shape(rng, axes)
        else:
            params[name] = scale * rng.standard_normal(axes)
    if "period" in params:
        params["period"] = rng.integers(1, 5, params["period"].shape).astype(float)
    steps = int(rng.integers(1, 12))
    x = {n: scale * rng.standard_normal((steps, units[cell.spaces[n]])) for n in cell.input_names}
    sized = Sized(params, units)
    width = sum(compile(cell).part_sizes(sized).values())
    state = np.clip(scale * rng.standard_normal(width), -1, 1)
    try:
        return run(cell, sized, x or None, state, steps=steps, backend="numpy")
    except UsageError:  # a run that overflows shows nothing
        return None


def _gaussian(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return np.asarray(rng.standard_normal(shape) * rng.choice([0.05, 0.5, 1.0, 2.0]))


def _nilpotent(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    turn = np.linalg.qr(rng.standard_normal((shape[0], shape[0])))[0]
    upper = np.triu(3 * rng.standard_normal(shape), 1)
    return turn @ upper @ turn.T if shape[0] == shape[1] else upper


def _orthogonal(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    wide = max(shape)
    turn = np.linalg.qr(rng.standard_normal((wide, wide)))[0]
    return np.asarray(turn[: shape[0], : shape[1]])


def _identity(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return np.eye(*shape)
