"""The reach of a network over several draws of its weights, on the same sequences and read-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import UsageError
from gradflow.jacobians.blocks import counted
from gradflow.networks import Network
from gradflow.spectra.decay.reading import relative_logs
from gradflow.studies.diagnosis.measures.reach import Reach, reach_of
from gradflow.studies.diagnosis.measures.spread import Spread
from gradflow.studies.diagnosis.record import Diagnosis
from gradflow.studies.diagnosis.subject import Subject
from gradflow.studies.headline import Number
from gradflow.studies.seeds.decays import Decays
from gradflow.studies.seeds.numbers import Verdict, decay_numbers, judged, of_seeds

__all__ = ["Draws", "decays_of", "diagnose_draws"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Draws:
    """What was measured of each draw of a network's weights.

    Attributes
    ----------
    first
        The diagnosis of the first draw; ``good`` only where all draws together are enough.
    decays
        The gradient of the loss against lag, a run for each draw and sequence.
    product_horizons, directions
        As in ``Reach``, of each draw (draws,) the median of its sequences; ``nan`` where refused.
    sequences
        Number of sequences that these two are taken from.
    """

    first: Diagnosis
    decays: Decays
    product_horizons: Floats
    directions: Floats
    sequences: int

    @property
    def need(self) -> int:
        """The lag that is asked about."""
        return self.first.need

    @property
    def verdict(self) -> Verdict:
        """Whether what is left at the lag needed is enough, over all runs."""
        return judged(self.decays, self.need, self.directions, self.first.subject.run.width)

    def numbers(self) -> dict[str, Number]:
        """Return the headline numbers by name, each with its spread, as a study of a cell does."""
        over = f", each a median of {counted(self.sequences, 'sequence')}"
        several = {
            "product_horizon": of_seeds(
                self.product_horizons,
                "Horizon of the product $P$: the most any loss could have",
                over=over,
                unit="steps",
                missing=f"over\u00a0{self.decays.steps}",
            ),
            "directions": of_seeds(
                self.directions,
                f"Directions that keep 1\u00a0% over {counted(self.need, 'step')}, of "
                f"{self.first.subject.run.width}",
                over=over,
                good="many",
            ),
        }
        return decay_numbers(self.decays, self.need) | {
            name: number for name, number in several.items() if number is not None
        }

    def __repr__(self) -> str:
        """Return one line: that of the decays."""
        return repr(self.decays)


def diagnose_draws(
    first: Diagnosis,
    others: Mapping[int, Network],
    progress: Callable[[str], None] = lambda stage: None,
) -> Draws:
    """Measure how far the gradient reaches in other draws of a diagnosed network's weights.

    Parameters
    ----------
    first
        The diagnosis of the first draw; its sequences and the gradient of its loss by what the
        network gives are those of all.
    others
        Seed to a network of the same layers drawn with it.
    progress
        Called with a line before each draw.

    Raises
    ------
    UsageError
        A network that reads its input from both ends, whose directions have a reach each.

    Examples
    --------
    >>> import gradflow as gf
    >>> one, two = (gf.stack("rnn", 2, hidden=4, inputs=3, rng=seed) for seed in (0, 1))
    >>> diagnose_draws(gf.diagnose(one, need=10), {1: two}).decays.runs
    10
    """
    if first.ways:
        raise UsageError(
            f"diagnose_draws: {first.network.source} reads its input from both ends; diagnose each "
            "draw by gradflow.diagnose."
        )
    found = {first.seed: (first.subject, first.reach)}
    for seed, network in others.items():
        progress(f"weights of seed {seed}")
        subject = first.subject.with_network(network)
        found[seed] = (subject, reach_of(subject, first.need))
    curves = [decays_of(*one, first.need, seed) for seed, one in found.items()]
    reaches = [reach for _, reach in found.values()]
    taken = [one.directions for one in reaches if one.directions is not None]
    draws = Draws(
        first=first,
        decays=replace(
            curves[0],
            seeds=tuple(found),
            drawn=True,
            log_relative=np.concatenate([one.log_relative for one in curves]),
        ),
        product_horizons=np.array([_median(one.product_horizon) for one in reaches]),
        directions=np.array([_median(one.directions) for one in reaches]),
        sequences=max((one.count for one in taken), default=0),
    )
    # what would change it is told of the first draw, also where only others need it
    good = first.good and draws.verdict.word == "Enough"
    return replace(draws, first=replace(first, good=good))


def decays_of(subject: Subject, reach: Reach, need: int, seed: int) -> Decays:
    """Return the decay of the sequences that are long enough, over the lags that all have."""
    chosen = subject.long_enough(need)
    lags = int(np.min(subject.losses.last[chosen])) + 1
    return Decays(
        name="network",
        seeds=(seed,),
        drawn=subject.network.drawn,
        log_relative=relative_logs(reach.gradient.log_norm[chosen, :lags])[None],
    )


def _median(found: Spread | None) -> float:
    return np.nan if found is None else found.median
