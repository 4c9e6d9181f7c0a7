r"""Mean-field theory of any declared cell: what a random network of infinitely many units does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

import numpy as np

from gradflow.arrays import whole_number
from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.ensembles.acting import refuse_without_limit
from gradflow.ensembles.closed.equations import Equations, equations
from gradflow.ensembles.closed.moments import fixed_point
from gradflow.ensembles.closed.notclosed import NotClosedError
from gradflow.ensembles.closed.tangents import chi, log, outlier
from gradflow.ensembles.laws import InputLaw, Laws, read_laws
from gradflow.ensembles.sampling import Sampled, Sampling, sample
from gradflow.errors import UsageError
from gradflow.given import choice, flag, generator
from gradflow.prose import number_text, table_html

__all__ = ["MeanField", "closed", "mean_field"]

QUADRATURE_ERROR = 1e-9
START = 0.5  # variance of the state from which moments are iterated
_WHERE = "mean_field"
# Smallest and largest c of c/n that `gradflow figure finite_width` fits, of tied and fresh weights.
_FITTED = {True: (-6.4, 6.1), False: (-1.9, 0.0)}


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanField:
    r"""What theory says of a random network of a cell as its units grow without end.

    Attributes
    ----------
    exponent
        Leading Lyapunov exponent, nats per step: the larger of `bulk` and `outlier`.
    error
        With ``"quadrature"`` what the quadrature may be off by; with ``"sampled"`` the half width
        of a 95 % interval (Student's t) from independent populations and, of tied weights, 5 over
        their size, by which populations were found to lie below the limit at most.
    method
        ``"quadrature"``: the moment equations of the cell close. ``"sampled"``: populations of
        sampled units, each an independent network in the limit.
    bulk
        :math:`\tfrac12 \ln\chi`, the exponent of nearly every direction; nan where weights are
        tied and sampled, since the two are not told apart there.
    outlier
        The exponent of the one direction that changes the state's own moments; nan where sampled.
    moments
        Mean square of each state part over units (and steps).
    tied
        Whether weights and biases stay the same at every step.
    limit
        In which limit it holds.
    laws
        What weights, biases and inputs are drawn from.
    """

    cell: Cell
    exponent: float
    error: float
    method: str
    bulk: float
    outlier: float
    moments: Mapping[str, float]
    tied: bool
    laws: Laws
    limit: str = "units to infinity at a fixed number of steps, then steps to infinity"

    def __repr__(self) -> str:
        weights = "tied" if self.tied else "fresh"
        return (
            f"<MeanField {self.cell.name}, {weights} weights: exponent {self.exponent:.4g} "
            f"+- {self.error:.1g} nats a step, {self.method}>"
        )

    def _repr_html_(self) -> str:
        head = "weights", "exponent, nats a step", "error", "by"
        row = (
            "tied" if self.tied else "fresh",
            number_text(self.exponent, ".4g"),
            f"{self.error:.1g}",
            self.method,
        )
        return f"<b>Mean field of {escape(self.cell.name)}</b>{table_html([row], head)}"

    @property
    def chi(self) -> float:
        """Growth per step of a tangent's mean square: of the bulk, or as sampled."""
        return math.exp(2 * (self.exponent if math.isnan(self.bulk) else self.bulk))

    @property
    def depth_scale(self) -> float:
        r"""Steps over which :math:`|P|_F^2` falls by e: :math:`-1/\ln\chi`.

        Infinite on the critical line, negative where it grows.
        """
        rate = math.log(self.chi) if self.chi else -math.inf
        return math.inf if abs(rate) < 2 * QUADRATURE_ERROR else -1 / rate

    def width_correction(self, units: int) -> tuple[float, float]:
        """Return between what networks of so many units were found to differ from their limit.

        In nats per step: c/n with the smallest and the largest c that was fitted over fifteen kinds
        of network with such weights, tied or fresh (docs/mean-field.md). It is measured, and of
        other cells: no bound. Raises ``UsageError``.
        """
        n = whole_number(units, "width_correction: units", 1)
        low, high = _FITTED[self.tied]
        return low / n, high / n

    @property
    def width_words(self) -> str:
        """What `width_correction` says, as part of a sentence about networks of n units."""
        low, high = (f"{number_text(c, '.1f')}/n" for c in _FITTED[self.tied])
        weights = "tied" if self.tied else "fresh"
        return f"over 15 kinds of network with {weights} weights from {low} to {high} were measured"


def mean_field(
    cell: Cell | str,
    *,
    gains: Any = None,
    biases: Mapping[str, Any] | None = None,
    inputs: float | InputLaw | Mapping[str, Any] = 0.0,
    tied: bool = True,
    sizes: Mapping[str, int] | None = None,
    method: str = "auto",
    size: int = 1500,
    populations: int = 6,
    steps: int = 200,
    rng: int | np.random.Generator | None = 0,
) -> MeanField:
    r"""Return the mean-field theory of a cell at random weights, from its declaration alone.

    With units without number, the fields :math:`W h` of a random map are normal, with covariances
    that are means over units. Where the moments of the state close under a step, they are found
    by quadrature; everything else is sampled. Both weights that are drawn afresh at every step (the
    setting of most papers) and weights that stay are covered; where a cell has memory of its
    own the two differ, by 0.1 nats and more.

    Parameters
    ----------
    cell
        The cell or its name.
    gains
        A number g or an initializer for all recurrent maps, or a mapping from map to those or
        to a pair (a, sigma) for a multiple of the identity beside noise. A number is
        ``gaussian(g)``: entries of variance ``g^2 / columns``. Maps without a word have the rule
        of ``cell.init``.
    biases
        From vector, scalar or constant to a number, a pair (mean, variance) or an initializer;
        else as in ``cell.init``.
    inputs
        Variance of white inputs, or a law: ``gf.ensembles.white``, ``correlated``, ``one_hot``.
    tied
        Whether weights and biases are the same at every step, as in a recurrent network.
    sizes
        Numbers of units by space, where a rule depends on them (``glorot``, noise of a fixed
        standard deviation); else as many everywhere.
    method
        ``"auto"``: by quadrature where moments close; ``"quadrature"`` or ``"sampled"`` alone.
    size, populations, steps
        Units of a sampled population, independent populations, steps averaged over.
    rng
        Seed or generator of what is sampled.

    Raises
    ------
    UsageError
        A law, map or reduction that has no limit, by its name; ``method="quadrature"`` where
        moments do not close; wrong arguments.

    References
    ----------
    B. Poole et al., NeurIPS 2016; S. Schoenholz et al., ICLR 2017; M. Chen et al., ICML 2018; D.
    Gilboa et al., arXiv:1901.08987; H. Sompolinsky et al., Phys. Rev. Lett. 61 (1988) 259.

    Examples
    --------
    >>> mean_field("rnn", gains=2.0)
    <MeanField rnn, tied weights: exponent 0.1547 +- 1e-09 nats a step, quadrature>
    >>> mean_field("scrn", inputs=1.0, tied=False).exponent.__round__(12)  # ln 0.95
    -0.051293294388
    """
    cell, tied = get(cell), flag(tied, f"{_WHERE}: tied")
    method = choice(method, f"{_WHERE}: method", ("auto", "quadrature", "sampled"))
    how = Sampling(
        size=whole_number(size, f"{_WHERE}: size", 256, 10**6),
        populations=whole_number(populations, f"{_WHERE}: populations", 2, 10**4),
        steps=whole_number(steps, f"{_WHERE}: steps", 1, 10**7),
    )
    chance = generator(rng, f"{_WHERE}: rng")
    laws = read_laws(_WHERE, cell, gains, biases, inputs, sizes)
    return expected(laws, tied, method, how, rng if type(rng) is int else chance)


def expected(
    laws: Laws, tied: bool, method: str, how: Sampling, rng: int | np.random.Generator
) -> MeanField:
    """Return the theory of given laws: see :func:`mean_field`. Raises ``UsageError``."""
    cell = laws.cell
    refuse_without_limit(cell)
    if method != "sampled":
        tried = _tried(laws, tied)
        if isinstance(tried, MeanField):
            return tried
        if method == "quadrature":
            raise UsageError(
                f"{_WHERE}: the moments of cell {cell.name!r} do not close: {tried}; take "
                "method='sampled'."
            )
    found = _again(laws, tied, how, rng) if isinstance(rng, int) else sample(laws, tied, how, rng)
    lead = found.exponent if math.isnan(found.bulk) else max(found.exponent, found.bulk)
    error = found.error if lead == found.exponent else found.bulk_error
    return MeanField(
        cell=cell,
        exponent=lead,
        error=error,
        method="sampled",
        bulk=found.bulk,
        outlier=math.nan,
        moments=found.moments,
        tied=tied,
        laws=laws,
    )


@lru_cache(maxsize=256)
def _again(laws: Laws, tied: bool, how: Sampling, seed: int) -> Sampled:
    return sample(laws, tied, how, np.random.default_rng(seed))


@lru_cache(maxsize=256)
def _tried(laws: Laws, tied: bool) -> MeanField | str:
    try:
        return closed(laws, tied)
    except NotClosedError as why:
        return str(why)


def closed(laws: Laws, tied: bool) -> MeanField:
    """Return the theory by quadrature. Raises ``NotClosedError``."""
    made = equations(laws)
    if tied and has_memory(made):
        raise NotClosedError("the cell has memory of its own, and fields of tied weights see it")
    at = fixed_point(made, START)
    growth, at = chi(made, at, START)
    bulk, out = 0.5 * log(growth), log(outlier(made, at))
    return MeanField(
        cell=laws.cell,
        exponent=max(bulk, out),
        error=max(QUADRATURE_ERROR, 10 * at.gap),
        method="quadrature",
        bulk=bulk,
        outlier=out,
        moments=at.squares,
        tied=tied,
        laws=laws,
    )


def has_memory(made: Equations) -> bool:
    """Whether a term of the Jacobian has no random map."""
    random = {name for name, sigma in made.sigmas.items() if sigma}
    return any(not random & set(names) for chains in made.terms.values() for _, names in chains)
