"""What a diagnosis is: one record of everything that was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from gradflow.networks import Network
from gradflow.prose import raised_html, table_html
from gradflow.studies.diagnosis.measures.band import Band
from gradflow.studies.diagnosis.measures.growth import Growth
from gradflow.studies.diagnosis.measures.layers import LayerFindings
from gradflow.studies.diagnosis.measures.reach import Reach
from gradflow.studies.diagnosis.measures.spread import Spread
from gradflow.studies.diagnosis.measures.training import Training
from gradflow.studies.diagnosis.remedies import Remedy, remedies, remedies_of_training
from gradflow.studies.diagnosis.subject import Subject
from gradflow.studies.diagnosis.telling.numbers import power

__all__ = ["Diagnosis"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Diagnosis:
    """What was found about a network on its sequences.

    Attributes
    ----------
    verdict
        One sentence: what is left of the gradient at the lag needed, and of which weights.
    good
        Whether at least 1 % of the gradient is left there, in the median of the sequences.
    need
        The lag that is needed.
    subject
        Network, sequences and loss.
    reach
        Horizons of the loss and of the product, usable directions.
    layers
        A record a layer.
    growth
        Where the gradient first explodes; ``None`` where it does not.
    paths
        Path to its share of the gradient at the lag needed; empty where ``left_out`` says why.
    band
        Bounds of the decimal logarithm of the first sequence's product of Jacobians at that lag,
        certified; ``None`` where ``left_out`` says why.
    training
        Parameter gradients, cut by windows and clipped; ``None`` where ``left_out`` says why.
    window
        The shortest window of truncation that leaves out less than ``lose`` of the parameter
        gradient on every sequence; ``None`` where none was found.
    lose
        That share.
    seed
        Of what is made up, and of freshly drawn remedies.
    ways
        Of a network that reads its input from both ends the diagnosis of each layer and direction.
        The numbers of the whole are then those of the worst direction of the last layer.
    left_out
        What was not computed, with the reason.
    """

    verdict: str
    good: bool
    need: int
    subject: Subject
    reach: Reach
    layers: tuple[LayerFindings, ...]
    growth: Growth | None
    paths: Mapping[str, Spread]
    band: Band | None
    training: Training | None
    window: int | None
    lose: float
    seed: int
    left_out: Mapping[str, str]
    ways: tuple[Diagnosis, ...] = ()

    @property
    def network(self) -> Network:
        """The network that was diagnosed."""
        return self.subject.network

    @cached_property
    def remedies(self) -> tuple[Remedy, ...]:
        """What each change would do, where the verdict is not good; computed when it is asked for.

        Changes of the weights, then those of training.
        """
        return tuple(self.each_remedy())

    def each_remedy(self) -> Iterator[Remedy]:
        """Yield the remedies one by one, each as soon as it is computed."""
        if self.good:
            return
        if "remedies" in vars(self):
            yield from self.remedies
            return
        yield from remedies(self.subject, self.need, self.seed)
        if self.training is not None:
            yield from remedies_of_training(self.subject, self.reach, self.training, self.need)

    def numbers(self) -> dict[str, float]:
        """Return the headline numbers by name; a horizon that is not reached is ``inf``."""
        found = {
            "loss_horizon": self.reach.loss_horizon.median,
            "loss_horizon_low": self.reach.loss_horizon.low,
            "loss_horizon_high": self.reach.loss_horizon.high,
            "log10_left": self.reach.log10_left.median,
        }
        if self.reach.product_horizon is not None:
            found["product_horizon"] = self.reach.product_horizon.median
        if self.reach.directions is not None:
            found["directions"] = self.reach.directions.median
        return found

    def __repr__(self) -> str:
        """Return one line with the verdict."""
        return f"<Diagnosis {self.verdict}>"

    def _repr_html_(self) -> str:
        reach = self.reach
        rows = [
            (f"left at lag {self.need}", power(reach.log10_left.median)),
            ("horizon of the loss, steps", str(reach.loss_horizon)),
        ]
        if reach.product_horizon is not None:
            rows.append(("horizon of the product, steps", str(reach.product_horizon)))
        if reach.directions is not None:
            rows.append((f"directions usable over {self.need} steps", str(reach.directions)))
        rows += [(f"left with {one.name}", one.left) for one in self.remedies]
        return f"<b>{raised_html(self.verdict)}</b>{table_html(rows)}"
