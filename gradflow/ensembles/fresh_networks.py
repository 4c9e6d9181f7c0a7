r"""Networks of n units whose weights are drawn afresh at every step, without their matrices.

Given h and a tangent v, the answers W h and W v of a Gaussian matrix that is used once are normal
vectors whose covariances are the products of h and v; those of a Haar-orthogonal one are a random
turn of both. So `gradflow.ensembles.fields`, which draws answers as they are asked for, *is* the
network, at n numbers a map and step where the matrix has n^2.
"""

from __future__ import annotations

import numpy as np

from gradflow.arrays import whole_number
from gradflow.codegen.over_time import one_thread
from gradflow.ensembles.population import Population
from gradflow.ensembles.sampling import interval
from gradflow.ensembles.theory import MeanField
from gradflow.errors import UsageError
from gradflow.given import generator, instance

__all__ = ["fresh_exponent"]

_WHERE = "fresh_exponent"
# Steps after which the first state is forgotten and a tangent points where it goes.
_BURN = 100


def fresh_exponent(
    theory: MeanField,
    units: int,
    *,
    steps: int = 200,
    draws: int = 8,
    rng: int | np.random.Generator | None = 0,
) -> tuple[float, float]:
    """Return the leading exponent of networks of so many units with fresh weights, and its error.

    The weights, biases and inputs have the laws of the theory, and every part of the state and
    every input has ``units`` entries (a one-hot input has its symbols). Nothing is taken to any
    limit: in law it is what multiplying matrices gives, faster.

    Parameters
    ----------
    theory
        What ``gradflow.mean_field(..., tied=False)`` returned.
    units
        Units of every part of the state, 2 or more.
    steps
        Steps averaged over, after 100 that are not.
    draws
        Independent networks, 2 or more.
    rng
        Seed or generator.

    Returns
    -------
    tuple
        The mean over networks in nats per step, and half the width of its 95 % interval.

    Raises
    ------
    UsageError
        A theory of tied weights; an orthogonal map with more columns than rows.

    Examples
    --------
    >>> import gradflow as gf
    >>> theory = gf.mean_field("rnn", gains=2.0, tied=False)
    >>> found, error = fresh_exponent(theory, 100)
    >>> theory.exponent - 0.05 < found < theory.exponent + error
    True
    """
    theory = instance(theory, f"{_WHERE}: theory", MeanField, "gradflow.mean_field")
    n = whole_number(units, f"{_WHERE}: units", 2, 10**6)
    many = whole_number(steps, f"{_WHERE}: steps", 1, 10**7)
    several = whole_number(draws, f"{_WHERE}: draws", 2, 10**5)
    seeds = generator(rng, f"{_WHERE}: rng").spawn(several)
    if theory.tied:
        raise UsageError(
            f"{_WHERE}: the theory is of tied weights; pass mean_field(..., tied=False), or "
            "measure gradflow.run(...).lyapunov() of networks that keep theirs."
        )
    with one_thread():
        return interval(np.array([_one(theory, n, many, seed) for seed in seeds]))


def _one(theory: MeanField, units: int, steps: int, rng: np.random.Generator) -> float:
    network = Population(theory.laws, rng, size=units, tied=False, even=False)
    for m in theory.cell.linear_maps.values():
        law = theory.laws.maps.get(m.name)
        if law is not None and law.orthogonal and network.units[m.into] > network.units[m.out]:
            raise UsageError(
                f"{_WHERE}: map {m.name!r} is orthogonal and has more columns than rows, which is "
                "not drawn without its matrix; take gaussian or glorot."
            )
    for _ in range(_BURN):
        network.step()
    return float(np.mean([network.step()[0] for _ in range(steps)]))
