"""The headline numbers of a cell over its seeds, each with its spread, and the verdict on them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.cells.typeset import name_latex
from gradflow.jacobians.blocks import counted
from gradflow.spectra.decay.reading import asymptote, half_life
from gradflow.studies.headline import Number
from gradflow.studies.seeds.decays import GROWN, Decays
from gradflow.studies.seeds.quantiles import HIGH, middle_80, quantile
from gradflow.studies.seeds.seeds import Seeds

__all__ = ["Verdict", "decay_numbers", "judged", "of_runs", "of_seeds", "seed_numbers", "verdict"]

Floats = NDArray[np.float64]
_LN10 = math.log(10)
_FEW = 0.1


def decay_numbers(found: Decays, need: int) -> dict[str, Number]:
    """Return what the gradient's decay says: how far, and how much is left; over runs."""
    steps, horizons = found.steps, found.horizons()
    missing = f"over\u00a0{steps}"
    reach = "Horizon: lag beyond which the gradient stays under 1\u00a0%"
    numbers = {
        "horizon": of_runs(horizons, reach, unit="steps", missing=missing, good=f"at least {need}"),
    }
    for name, rows, each, over in (
        ("horizon_by_seed", horizons, "seed", "seeds, each a median of its windows"),
        ("horizon_by_text", horizons.T, "window of the input", "windows, each a median of seeds"),
    ):
        if len(rows) > 1:
            medians = [float(quantile(row, 0.5)) for row in rows]
            numbers[name] = Number(
                value=float(quantile(medians, 0.5)),
                label=f"Horizon, by {each}",
                unit="steps",
                missing=missing,
                between=(min(medians), max(medians)),
                over=f"{len(medians)} {over}",
            )
    lives = [half_life(np.arange(steps + 1), row) for row in _rows(found)]
    numbers["half_life"] = of_runs(
        lives,
        "Half-life: lag from which on the gradient stays under one half",
        unit="steps",
        missing=missing,
    )
    for lag in dict.fromkeys((1, need, steps)):
        numbers[f"left_{lag}"] = of_runs(
            found.at(lag) / _LN10,
            f"Gradient left after {lag} step{'s' if lag > 1 else ''}",
            unit="log10",
            good="near 1" if lag == 1 else "at least 0.01",
        )
    return numbers | _rate(found)


def _rows(found: Decays) -> Floats:
    return found.log_relative.reshape(-1, found.steps + 1)


def _rate(found: Decays) -> dict[str, Number]:
    """Return the asymptotic rate with the lags it was fitted on, or nothing: no line, no rate."""
    end = asymptote(np.arange(found.steps + 1), found.curve())
    if end.rate is None:
        return {}
    if math.isinf(end.rate):
        return {
            "rate": Number(
                value=end.rate,
                label=f"Asymptotic rate ({end.reason})",
                unit="nats per step",
                over="the median run",
            )
        }
    each = [
        float(rate)
        for row in _rows(found)
        if (rate := asymptote(np.arange(found.steps + 1), row).rate) is not None
    ]
    where = f"fitted on lags {end.first} to {end.last} of the median curve"
    told = f"{len(each)} of {found.runs} runs that are lines"
    return {
        "rate": Number(
            value=end.rate,
            label=f"Asymptotic rate ({where})",
            unit="nats per step",
            between=middle_80(each) if each else None,
            over=f"10 to 90\u00a0% of the {told}" if found.runs > 1 and each else told,
            good="near 0",
        )
    }


def of_runs(
    values: ArrayLike, label: str, *, unit: str, missing: str = "", good: str = ""
) -> Number:
    """Return a number of every run as its median, with where eight runs of ten lie."""
    flat = np.ravel(np.asarray(values, dtype=np.float64))
    several = len(flat) > 1
    return Number(
        value=float(quantile(flat, 0.5)),
        label=label,
        unit=unit,
        missing=missing,
        between=middle_80(flat) if several else None,
        over=f"10 to 90\u00a0% of {len(flat)} runs" if several else "1 run",
        good=good,
    )


def of_seeds(
    values: Floats,
    label: str,
    *,
    over: str,
    unit: str = "",
    good: str = "",
    missing: str = "",
    error: float | None = None,
) -> Number | None:
    """Return a number of every seed as its median and range; ``None`` where all were refused."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    count = f"{len(known)} seed{'s' if len(known) > 1 else ''}"
    return Number(
        value=float(quantile(known, 0.5)),
        label=label,
        unit=unit,
        missing=missing,
        between=(float(known.min()), float(known.max())) if len(known) > 1 else None,
        error=error,
        over=f"{count}{over}",
        good=good,
    )


def seed_numbers(found: Seeds, part: str) -> dict[str, Number]:
    """Return all headline numbers of a cell; ``part`` is the first part of its state."""
    first = ", first window" if found.decays.log_relative.shape[1] > 1 else ""
    error = float(np.nanmax(found.errors)) if not np.isnan(found.errors).all() else None
    several: dict[str, Number | None] = {
        "product_horizon": of_seeds(
            found.product_horizons(),
            "Horizon of the product $P$: the most any loss could have",
            over=first,
            unit="steps",
            missing=f"over\u00a0{found.decays.steps}",
        ),
        "lyapunov": of_seeds(
            found.exponents,
            "Leading Lyapunov exponent, whole state",
            over=first,
            unit="nats per step",
            good="near 0",
            error=error,
        ),
        "lyapunov_part_only": None
        if found.part_only is None
        else of_seeds(
            found.part_only,
            f"Lyapunov exponent, {part} only (what others print)",
            over=first,
            unit="nats per step",
        ),
        "directions": of_seeds(
            found.kept,
            f"Directions that keep 1\u00a0% over {found.need} steps, of {found.width}",
            over=first,
            good="many",
        ),
        "directions_zero": _upper(
            found.vanished,
            of_seeds(
                found.vanished,
                f"Directions of which exactly nothing is left there, of {found.width}",
                over=first,
                good="0",
            ),
        ),
        "loss": of_seeds(found.losses, "Loss", over=""),
    }
    for path, values in found.shares.items():
        several[f"share_{path.replace(' ', '_').replace(',', '')}"] = of_seeds(
            values.mean(axis=-1),
            f"Share of the path {path}, mean over lags",
            over=first,
            unit="share",
        )
    told = {name: number for name, number in several.items() if number is not None}
    return decay_numbers(found.decays, found.need) | told | _factors(found, first)


def _factors(found: Seeds, first: str) -> dict[str, Number]:
    """Return what slopes and map do to the gradient; geometric means, which multiply to its own."""
    if not found.map:
        return {}
    steps = counted(found.decays.steps, "step")
    labels = {
        "factor_slopes": f"What the slopes of the units leave over {steps}",
        "factor_map": f"What the map ${name_latex(found.map)}$ multiplies by over {steps}",
    }
    numbers = {}
    for (name, label), logs in zip(labels.items(), found.factors[..., -1] / _LN10, strict=True):
        several = len(logs) > 1
        numbers[name] = Number(
            value=float(logs.mean()),
            label=label,
            unit="log10",
            between=(float(logs.min()), float(logs.max())) if several else None,
            over=f"geometric mean of {len(logs)} seeds{first}" if several else f"1 seed{first}",
        )
    return numbers


def _upper(values: Floats, number: Number | None) -> Number | None:
    """Return a number with the upper median: what is not among those kept is then counted."""
    if number is None:
        return None
    return replace(number, value=-float(quantile(-values[~np.isnan(values)], 0.5)))


Word = Literal["Enough", "Depends", "Not enough", "Grows", "Nothing arrives"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether what is left at the lag needed is enough, in how many runs.

    Parameters
    ----------
    word
        In one word or two.
    reached
        Number of runs whose horizon lies beyond the lag needed.
    runs
        Number of runs.
    """

    word: Word
    reached: int
    runs: int


def verdict(found: Seeds) -> Verdict:
    """Judge a cell by the lag needed: the median run, nine runs of ten, and the directions kept."""
    return judged(found.decays, found.need, found.kept, found.width)


def judged(decays: Decays, need: int, kept: Floats, width: int) -> Verdict:
    """Judge decays by the lag needed and by the directions ``kept`` there, of ``width``."""
    reached = decays.reached(need)
    end = decays.curve()[-1]
    word: Word
    if quantile(decays.horizons().ravel(), 0.5) <= 1 and np.isneginf(end):
        word = "Nothing arrives"
    elif end > GROWN:
        word = "Grows"
    elif 2 * reached <= decays.runs and reached < decays.runs:
        word = "Not enough"
    elif reached < HIGH * decays.runs or _few(kept, width) or decays.grows:
        word = "Depends"
    else:
        word = "Enough"
    return Verdict(word=word, reached=reached, runs=decays.runs)


def _few(kept: Floats, width: int) -> bool:
    """Whether most seeds keep a direction in less than a tenth of the state's."""
    known = kept[~np.isnan(kept)]
    return bool(len(known)) and float(quantile(known, 0.5)) < _FEW * width and width > 1
