"""The headline numbers of a diagnosis, each with its spread over the sequences."""

from __future__ import annotations

from gradflow.jacobians.blocks import counted
from gradflow.reporting.document.numbers import in_steps
from gradflow.studies.diagnosis.draws import Draws
from gradflow.studies.diagnosis.measures.spread import Spread
from gradflow.studies.diagnosis.record import Diagnosis
from gradflow.studies.headline import Number

__all__ = ["network_numbers", "spread_number"]


def network_numbers(found: Diagnosis, draws: Draws | None = None) -> dict[str, Number]:
    """Return horizons, what is left, and the directions kept, by name; over draws if given."""
    if draws is not None:
        return draws.numbers()
    reach, need = found.reach, found.need
    missing = f"over\u00a0{found.subject.losses.longest}"
    numbers = {
        "horizon": spread_number(
            reach.loss_horizon,
            "Horizon: lag beyond which the gradient stays under 1\u00a0%",
            unit="steps",
            missing=missing,
            good=f"at least {need}",
        ),
        f"left_{need}": spread_number(
            reach.log10_left,
            f"Gradient left after {counted(need, 'step')}",
            unit="log10",
            good="at least 0.01",
        ),
    }
    if reach.product_horizon is not None:
        numbers["product_horizon"] = spread_number(
            reach.product_horizon,
            "Horizon of the product $P$: the most any loss could have",
            unit="steps",
            missing=missing,
        )
    if reach.directions is not None:
        numbers["directions"] = spread_number(
            reach.directions,
            f"Directions that keep 1\u00a0% over {in_steps(need)}, of {found.subject.run.width}",
            good="many",
        )
    return numbers


def spread_number(
    found: Spread, label: str, *, unit: str = "", missing: str = "", good: str = ""
) -> Number:
    """Return a spread over sequences as a number of a table."""
    return Number(
        value=found.median,
        label=label,
        unit=unit,
        missing=missing,
        between=(found.low, found.high) if found.count > 1 else None,
        over=f"{counted(found.count, 'sequence')}, least to greatest",
        good=good,
    )
