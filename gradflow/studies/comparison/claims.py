"""What lectures say of cells, one by one, held to what was measured.

The verdict is of these runs alone: seen, in part, or not seen; never "true".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gradflow.prose import number_text
from gradflow.studies.comparison.comparing import Comparison
from gradflow.studies.headline import Number

__all__ = ["CLAIMS", "Claim", "claims_about"]

Seen = Literal["SEEN", "IN PART", "NOT SEEN"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Something said of cells, and what these runs show.

    Parameters
    ----------
    title
        What is said.
    seen
        Whether these runs show it.
    evidence
        The numbers, each with its spread.
    source
        What was measured, and whose claim or cell it is.
    """

    title: str
    seen: Seen
    evidence: str
    source: str


def claims_about(found: Comparison) -> Iterator[Claim]:
    """Yield each claim about cells that are all among those compared."""
    for claim in CLAIMS:
        told = claim(found)
        if told is not None:
            yield told


def _lstm_remembers(found: Comparison) -> Claim | None:
    lstm, rnn = found.of("lstm"), found.of("rnn")
    if lstm is None or rnn is None:
        return None
    far, near = lstm.numbers()["horizon"], rnn.numbers()["horizon"]
    apart = _ends(far)[0] > _ends(near)[1]
    seen: Seen = "SEEN" if apart else "IN PART" if far.value > near.value else "NOT SEEN"
    overlap = "the ranges do not touch" if apart else "the ranges overlap"
    return Claim(
        title="An LSTM remembers, a plain RNN forgets",
        seen=seen,
        evidence=(
            f"The LSTM, at its default forget bias, reaches {_told(far)} steps, the RNN "
            f"{_told(near)}: {overlap}."
        ),
        source="Horizon of the loss, in 80 % of runs in brackets.",
    )


def _irnn_keeps(found: Comparison) -> Claim | None:
    irnn = found.of("irnn")
    if irnn is None:
        return None
    numbers = irnn.numbers()
    zero, horizon = numbers.get("directions_zero"), numbers["horizon"]
    if zero is None:
        return None
    keeps = horizon.value > found.need
    seen: Seen = "NOT SEEN" if not keeps else "IN PART" if zero.value > 0 else "SEEN"
    return Claim(
        title="The IRNN keeps the gradient because it starts as the identity",
        seen=seen,
        evidence=(
            f"Its horizon is {_told(horizon)} steps, and {zero.value:.0f} of "
            f"{irnn.seeds.width} directions ({_range(zero)} over seeds) are exactly 0 after "
            f"{found.need} steps: where a unit is off, nothing comes back."
        ),
        source="Le, Jaitly & Hinton 2015; singular values of the product.",
    )


def _gates_at_most_a_quarter(found: Comparison) -> Claim | None:
    lstm = found.of("lstm")
    if lstm is None:
        return None
    numbers = lstm.numbers()
    gates = [numbers[f"share_{gate}"].value for gate in "ifo"]
    carousel = numbers["share_carousel"]
    seen: Seen = "SEEN" if carousel.value > sum(gates) else "NOT SEEN"
    low, high = _ends(carousel)
    return Claim(
        title="Slopes of gates of at most 1/4 do not make the LSTM vanish",
        seen=seen,
        evidence=(
            f"The paths through the three gates carry {100 * sum(gates):.0f} % of what all paths "
            f"carry; the carousel, which has no such factor, {100 * carousel.value:.0f} % "
            f"({100 * low:.0f} to {100 * high:.0f} % over seeds)."
        ),
        source="Shares of the paths, mean over lags. Hochreiter & Schmidhuber 1997.",
    )


def _scrn_rate(found: Comparison) -> Claim | None:
    scrn = found.of("scrn")
    if scrn is None:
        return None
    chosen = math.log(float(np.max(scrn.setup.params["alpha"])))
    rate = scrn.numbers().get("rate")
    if rate is None:
        return None
    low, high = _ends(rate)
    close = abs(rate.value - chosen) < 0.01 * abs(chosen)
    all_close = close and max(abs(low - chosen), abs(high - chosen)) < 0.01 * abs(chosen)
    return Claim(
        title="The SCRN forgets at the rate that it is given",
        seen="SEEN" if all_close else "IN PART" if close else "NOT SEEN",
        evidence=(
            f"Asymptotic rate {number_text(rate.value, '.4f')} nats a step "
            f"({number_text(low, '.4f')} to {number_text(high, '.4f')} over runs that end as a "
            f"line); the logarithm of alpha is {number_text(chosen, '.4f')}."
        ),
        source="Mikolov et al. 2014.",
    )


def _slow_modules(found: Comparison) -> Claim | None:
    clockwork = found.of("clockwork")
    if clockwork is None:
        return None
    numbers = clockwork.numbers()
    waiting, left = numbers["share_carousel"], numbers[f"left_{found.need}"]
    low, high = _ends(waiting)
    seen: Seen = "NOT SEEN" if waiting.value < 0.5 else "SEEN" if left.value > -2 else "IN PART"
    ends = [10**end for end in _ends(left)]
    return Claim(
        title="Slow modules carry the clockwork's memory",
        seen=seen,
        evidence=(
            f"{100 * waiting.value:.0f} % ({100 * low:.0f} to {100 * high:.0f} % over seeds) of "
            "what the paths carry waits in a module that is not updated; "
            f"{10**left.value:.2g} of the gradient ({ends[0]:.2g} to {ends[1]:.2g} in 80 % of "
            f"runs) is left after {found.need} steps."
        ),
        source="Koutnik et al. 2014.",
    )


def _gru_needs_no_bias(found: Comparison) -> Claim | None:
    gru, lstm = found.of("gru"), found.of("lstm")
    if gru is None or lstm is None:
        return None
    here, there = gru.numbers()["horizon"], lstm.numbers()["horizon"]
    seen: Seen = "SEEN" if here.value > found.need else "NOT SEEN"
    return Claim(
        title="A GRU needs no forget bias",
        seen=seen,
        evidence=(
            f"At bias 0, its default, it reaches {_told(here)} steps; the LSTM, whose default is "
            f"1, {_told(there)}. Compare cells at one bias."
        ),
        source="Horizon of the loss, in 80 % of runs in brackets.",
    )


def _ends(number: Number) -> tuple[float, float]:
    return number.between or (number.value, number.value)


def _told(number: Number) -> str:
    """Return a horizon with its spread."""
    spread = f" ({_range(number)})" if number.between else ""
    return f"{_value(number, number.value)}{spread}"


def _range(number: Number) -> str:
    low, high = (_value(number, end) for end in _ends(number))
    return f"{low} to {high}" if low != high else "all alike"


def _value(number: Number, value: float) -> str:
    return number.missing if math.isinf(value) else f"{value:.0f}"


CLAIMS: tuple[Callable[[Comparison], Claim | None], ...] = (
    _lstm_remembers,
    _irnn_keeps,
    _gates_at_most_a_quarter,
    _scrn_rate,
    _slow_modules,
    _gru_needs_no_bias,
)
"""What is said, each held to a comparison; ``None`` where a cell is not among those compared."""
