r"""How two trajectories of one infinitely wide network come together or part.

Two states of correlation C run through the same weights and inputs. Where C = 1 attracts, the
network forgets its first state in about :math:`-1/\ln(dC'/dC)` steps; where it repels, it is
chaotic (B. Poole et al., NeurIPS 2016; S. Schoenholz et al., ICLR 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradflow.arrays import whole_number
from gradflow.cells.cell import Cell
from gradflow.ensembles.fields import Floats
from gradflow.ensembles.population import Population
from gradflow.ensembles.sampling import interval
from gradflow.ensembles.theory import MeanField
from gradflow.given import generator, instance, real_number

__all__ = ["Correlations", "correlations"]

_WHERE = "correlations"
_BURN = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Correlations:
    """Correlation of two trajectories against the step, by state part.

    ``mean`` holds (steps + 1,) an array a part, from the start on, ``error`` half widths of 95 %
    intervals from independent populations.
    """

    cell: Cell
    mean: Mapping[str, Floats]
    error: Mapping[str, Floats]

    def __repr__(self) -> str:
        ends = ", ".join(f"{p} {c[0]:.3g} to {c[-1]:.3g}" for p, c in self.mean.items())
        steps = len(next(iter(self.mean.values()))) - 1
        return f"<Correlations of {self.cell.name} over {steps} steps: {ends}>"


def correlations(
    theory: MeanField,
    start: float = 0.6,
    steps: int = 20,
    *,
    size: int = 2000,
    populations: int = 4,
    rng: int | np.random.Generator | None = 0,
) -> Correlations:
    r"""Return the correlation of two trajectories a and b over the units, at every step.

    .. math:: C = \langle a b\rangle / \sqrt{\langle a^2\rangle\langle b^2\rangle}

    Sampled, whatever the method of the theory was; weights are tied or fresh as there, and the same
    for both trajectories.

    Parameters
    ----------
    theory
        What :func:`gradflow.mean_field` returned.
    start
        Correlation of the two states at first, from -1 to 1; each has its stationary law.
    steps
        How many.
    size, populations, rng
        Units of a population, independent populations, seed or generator.

    Raises
    ------
    UsageError
        An argument out of range.

    Examples
    --------
    >>> import gradflow as gf
    >>> told = gf.mean_field("rnn", gains=0.5, biases={"b": (0, 0.1)})
    >>> correlations(told, 0.2, 10, size=500)  # ordered: the start is forgotten
    <Correlations of rnn over 10 steps: h 0.2 to 1>
    """
    theory = instance(theory, f"{_WHERE}: theory", MeanField, "gradflow.mean_field")
    first = real_number(start, f"{_WHERE}: start", -1.0, 1.0)
    count = whole_number(steps, f"{_WHERE}: steps", 0, 10**6)
    units = whole_number(size, f"{_WHERE}: size", 256, 10**6)
    many = whole_number(populations, f"{_WHERE}: populations", 2, 10**4)
    seeds = generator(rng, f"{_WHERE}: rng").spawn(many)
    curves = np.array([_one(theory, first, count, units, seed) for seed in seeds])
    told = np.array([[interval(row) for row in part.T] for part in np.moveaxis(curves, 2, 0)])
    parts = theory.cell.states
    return Correlations(
        cell=theory.cell,
        mean={p: told[k, :, 0] for k, p in enumerate(parts)},
        error={p: told[k, :, 1] for k, p in enumerate(parts)},
    )


def _one(
    theory: MeanField, start: float, steps: int, size: int, rng: np.random.Generator
) -> list[list[float]]:
    """Return the correlations of one population, (steps + 1, parts)."""
    people = Population(theory.laws, rng, size=size, tied=theory.tied, tangents=0, trajectories=2)
    for _ in range(_BURN):
        people.step()
    one = people.states[0]
    spaces = theory.cell.spaces
    # the other is made of the same law: units are exchanged, at random signs, parts kept together
    order = {s: rng.permutation(n) for s, n in people.units.items()}
    signs = {s: rng.choice([-1.0, 1.0], n) for s, n in people.units.items()}
    people.states[1] = {
        p: start * v + np.sqrt(1 - start**2) * _apart(v, (signs[spaces[p]] * v)[order[spaces[p]]])
        for p, v in one.items()
    }
    found = [_now(people)]
    for _ in range(steps):
        people.step()
        found.append(_now(people))
    return found


def _apart(v: Floats, other: Floats) -> Floats:
    """Return the other state without its share along the first, of the same mean square."""
    square = float(v @ v)
    if not square or len(v) == 1:
        return other
    rest = other - (other @ v / square) * v
    return rest * np.sqrt(square / (rest @ rest))


def _now(people: Population) -> list[float]:
    a, b = people.states
    found = []
    for part, value in a.items():
        squares = float((value @ value) * (b[part] @ b[part]))
        found.append(float(value @ b[part]) / np.sqrt(squares) if squares else 1.0)
    return found
