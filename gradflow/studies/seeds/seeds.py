"""One cell measured over several draws of its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import PrecisionError
from gradflow.spectra import LyapunovSpectrum
from gradflow.spectra.decay.reading import under_from
from gradflow.studies.headline import TOLERANCE
from gradflow.studies.seeds.decays import Decays, decays
from gradflow.studies.seeds.factors import factors, one_map
from gradflow.studies.setup import Setup

__all__ = ["Seeds", "measure_seeds"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Seeds:
    r"""What is measured of a cell for each draw of its weights, on the first window of the input.

    Parameters
    ----------
    decays
        The gradient against lag, of all windows.
    need
        The lag that directions are counted at.
    width
        Entries of the state.
    shares
        Path to (seeds, lags): its share in the sum of the norms of all paths, lags from 1 on.
    map
        The one map of a cell whose step Jacobian is slopes times it; empty for others.
    factors
        (2, seeds, lags) natural logs, lags from 0 on: what these slopes leave of the gradient, and
        what the map multiplies it by; together the gradient. Empty for others.
    stays
        (seeds,) log of what never leaves the carousel over all lags, relative to the gradient at
        lag 0; ``None`` for a cell without one.
    log_sigma
        (seeds, d) log singular values of :math:`P(T, T - need)`; ``nan`` if refused.
    product
        (seeds, lags) log of :math:`\|P(T, T-\ell)\|_2`.
    exponents, errors
        (seeds,) leading Lyapunov exponent of the whole state, nats per step, and its standard
        error; ``nan`` where refused.
    part_only
        (seeds,) the same of the first part alone; ``None`` for a cell of one part.
    losses
        (seeds,) mean loss over the windows.
    """

    decays: Decays
    need: int
    width: int
    shares: Mapping[str, Floats]
    map: str
    factors: Floats
    stays: Floats | None
    log_sigma: Floats
    product: Floats
    exponents: Floats
    errors: Floats
    part_only: Floats | None
    losses: Floats

    @property
    def kept(self) -> Floats:
        """(seeds,) directions of which at least 1 % is left at the lag needed; nan if refused."""
        counts = (self.log_sigma >= math.log(TOLERANCE)).sum(axis=-1).astype(float)
        counts[np.isnan(self.log_sigma).any(axis=-1)] = math.nan
        return np.asarray(counts)

    @property
    def vanished(self) -> Floats:
        """(seeds,) directions of which exactly nothing is left there."""
        return np.asarray(np.isneginf(self.log_sigma).sum(axis=-1).astype(float))

    def product_horizons(self) -> Floats:
        """(seeds,) the lag from which on the norm of the product stays under 1 %, or ``inf``."""
        return under_from(self.product, math.log(TOLERANCE))

    def __repr__(self) -> str:
        """Return one line: that of the decays."""
        return repr(self.decays)


def measure_seeds(
    name: str,
    ran: Sequence[Setup],
    seeds: Sequence[int],
    *,
    need: int,
    drawn: bool,
) -> Seeds:
    """Measure a cell that was set up with each of the ``seeds``."""
    found = decays(name, ran, seeds, drawn)
    shares: dict[str, list[Floats]] = {}
    stays: list[float] = []
    sigma: list[Floats] = []
    product: list[Floats] = []
    exponents: list[tuple[float, float]] = []
    alone: list[float] = []
    for one in ran:
        run, row = one.trajectory, one.loss.first
        paths = run.paths(row)
        for path, share in paths.share().items():
            shares.setdefault(path, []).append(share)
        if paths.carousel_only is not None:
            start = float(run.gradient_decay(row, units=False).log_norm[0])
            last = float(paths.carousel_only[-1])
            stays.append(last - start if math.isfinite(start) else -math.inf)
        sigma.append(_log_sigma(one, need))
        product.append(run.decay().log_norm)
        exponents.append(_leading(one, None))
        if len(one.cell.states) > 1:
            alone.append(_leading(one, one.cell.states[0])[0])
    leading = np.array(exponents)
    name_of_map = one_map(ran[0].cell) or ""
    taken = [factors(one, name_of_map) for one in ran] if name_of_map else []
    return Seeds(
        decays=found,
        need=need,
        width=ran[0].trajectory.width,
        shares={path: np.stack(rows) for path, rows in shares.items()},
        map=name_of_map,
        factors=np.stack(taken, axis=1) if taken else np.zeros((2, 0, 0)),
        stays=np.array(stays) if stays else None,
        log_sigma=np.stack(sigma),
        product=np.stack(product),
        exponents=leading[:, 0],
        errors=leading[:, 1],
        part_only=np.array(alone) if alone else None,
        losses=np.array([one.loss.value for one in ran]),
    )


def _log_sigma(one: Setup, need: int) -> Floats:
    try:
        return np.asarray(one.trajectory.singular_values([need]).log_sigma[0])
    except PrecisionError:
        return np.full(one.trajectory.width, math.nan)


def _leading(one: Setup, part: str | None) -> tuple[float, float]:
    try:
        found: LyapunovSpectrum = one.trajectory.lyapunov(part=part)
    except PrecisionError:
        return math.nan, math.nan
    return float(found.exponents[0]), float(found.stderr[0])
