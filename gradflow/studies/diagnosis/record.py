"""What a diagnosis is: one record of everything that was found."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass

from gradflow.networks import Network
from gradflow.spectra import Truncation
from gradflow.studies.diagnosis.layers import LayerFindings
from gradflow.studies.diagnosis.reach import Reach
from gradflow.studies.diagnosis.remedies import Remedy
from gradflow.studies.diagnosis.spread import Spread
from gradflow.studies.diagnosis.subject import Subject

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
    paths
        Path to its share of the gradient at the lag needed; empty where ``left_out`` says why.
    truncation
        What truncated backpropagation leaves out, by its window, first sequence; or ``None``.
    clipping
        Norms of the parameter gradient over the sequences, natural logs.
    remedies
        What each change would do; computed where the verdict is not good.
    left_out
        What was not computed, with the reason.
    """

    verdict: str
    good: bool
    need: int
    subject: Subject
    reach: Reach
    layers: tuple[LayerFindings, ...]
    paths: Mapping[str, float]
    truncation: Truncation | None
    clipping: Spread | None
    remedies: tuple[Remedy, ...]
    left_out: Mapping[str, str]

    @property
    def network(self) -> Network:
        """The network that was diagnosed."""
        return self.subject.network

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
        return f"<b>{html.escape(self.verdict)}</b>"
