"""A network with the weights that it has, measured to stand beside cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import GradflowError, UsageError
from gradflow.jacobians.blocks import counted
from gradflow.networks import Network, read_sequence
from gradflow.spectra.decay.reading import relative_logs
from gradflow.studies.certified import ALLOWED, Enclosed, certified_number, enclosed
from gradflow.studies.diagnosis.measures.reach import Reach, reach_of
from gradflow.studies.diagnosis.subject.making import subjects_of
from gradflow.studies.diagnosis.subject.subject import Subject
from gradflow.studies.headline import Number
from gradflow.studies.seeds.decays import Decays
from gradflow.studies.seeds.numbers import Verdict, decay_numbers, judged

__all__ = ["ComparedNetwork", "measure_network"]

Floats = NDArray[np.float64]

_WINDOWS = 8
_WIDEST = 1024


@dataclass(frozen=True, eq=False, kw_only=True)
class ComparedNetwork:
    """A network of a comparison, with the weights that it has.

    Parameters
    ----------
    name
        What it is called there: its file.
    subject
        What was run.
    reach
        What was measured of it.
    decays
        The gradient against lag, a run a sequence.
    need
        The lag that is asked about.
    source
        Where the input came from, in words.
    certified
        The norm of the product of the first sequence, between two ends.
    exponent
        Its leading Lyapunov exponent and the standard error of it, nats a step; ``None`` where
        there is no number.
    reasons
        Name of a number to the reason why there is none.
    """

    name: str
    subject: Subject
    reach: Reach
    decays: Decays
    need: int
    source: str
    certified: Enclosed
    exponent: tuple[float, float] | None
    reasons: Mapping[str, str]

    @property
    def width(self) -> int:
        """Entries of the state."""
        return self.subject.run.width

    @property
    def verdict(self) -> Verdict:
        """Whether what is left at the lag needed is enough."""
        kept = np.array([np.nan if self.reach.directions is None else self.reach.directions.median])
        return judged(self.decays, self.need, kept, self.width)

    def numbers(self) -> dict[str, Number]:
        """Return its headline numbers by name."""
        several = {
            "product_horizon": (
                self.reach.product_horizon,
                "Horizon of the product $P$: the most any loss could have",
                "steps",
            ),
            "directions": (
                self.reach.directions,
                f"Directions that keep 1\u00a0% over {self.need} steps, of {self.width}",
                "",
            ),
        }
        found = decay_numbers(self.decays, self.need) | {
            name: Number(
                value=found.median,
                label=label,
                unit=unit,
                missing=f"over\u00a0{self.decays.steps}",
                between=(found.low, found.high) if found.count > 1 else None,
                over=counted(found.count, "sequence"),
            )
            for name, (found, label, unit) in several.items()
            if found is not None
        }
        if self.exponent is not None:
            found["lyapunov"] = Number(
                value=self.exponent[0],
                label="Leading Lyapunov exponent, whole state",
                unit="nats per step",
                error=self.exponent[1],
                over="first sequence",
                good="near 0",
            )
        run = "the first sequence" if self.decays.runs > 1 else "this run"
        return found | certified_number(self.certified, self.need, run)

    def parameters(self) -> int:
        """Return the number of its trainable numbers."""
        layers = self.subject.network.layers
        return sum(int(np.size(v)) for layer in layers for v in layer.params.values())

    def multiplications(self) -> int:
        """Return how many multiplications the maps of one step take."""
        return sum(
            int(np.size(layer.params[name]))
            for layer in self.subject.network.layers
            for name in layer.cell.linear_maps
            if name in layer.params
        )

    def __repr__(self) -> str:
        """Return one line: that of its decays."""
        return repr(self.decays)


def measure_network(
    name: str, network: Network, input: str | None, *, steps: int, seed: int, need: int
) -> ComparedNetwork:
    """Run a network on the input, or on standard normal numbers, and measure its gradient.

    Raises ``UsageError`` for a network that reads from both ends, and an input of another width.
    """
    wide = network.layers[0].inputs
    if any(layer.direction == "reverse" for layer in network.layers):
        raise UsageError(
            f"compare: {name} reads its input from both ends, so that it has no step to compare; "
            "gradflow diagnose takes its directions apart."
        )
    values, source = _windows(name, wide, input, steps, seed)
    (subject,) = subjects_of(
        network,
        values,
        need=need,
        targets=None,
        lengths=None,
        loss=None,
        at="last",
        vocabulary=None,
        seed=seed,
    )
    reach = reach_of(subject, need)
    call = "gf.certify(gf.compare(...).comparison.cells[...].subject.single(0))"
    certain = enclosed(subject.single(0), [need], allowed=ALLOWED, otherwise=call)
    exponent, reason = _exponent(subject)
    reasons = {**reach.reasons, "lyapunov": reason, "certified_product": certain.reason}
    return ComparedNetwork(
        name=name,
        subject=subject,
        reach=reach,
        decays=Decays(
            name=name,
            seeds=(seed,),
            drawn=network.drawn,
            log_relative=relative_logs(reach.gradient.log_norm)[None],
        ),
        need=need,
        source=source,
        certified=certain,
        exponent=exponent,
        reasons={name: told for name, told in reasons.items() if told},
    )


def _exponent(subject: Subject) -> tuple[tuple[float, float] | None, str]:
    """Return the leading exponent of the first sequence with its error, or why there is none."""
    run = subject.single(0)
    if run.width > _WIDEST:
        return None, f"the state has {run.width} entries, and at most {_WIDEST} are taken here"
    try:
        found = run.lyapunov(leading=1)
    except GradflowError as error:
        return None, str(error)
    return (float(found.exponents[0]), float(found.stderr[0])), ""


def _windows(name: str, wide: int, input: str | None, steps: int, seed: int) -> tuple[Floats, str]:
    """Return sequences (sequences, T, inputs), and where they come from."""
    if input is None:
        made = np.random.default_rng([seed, 1]).standard_normal((_WINDOWS, steps, wide))
        return made, f"made up: {_WINDOWS} sequences of standard normal numbers, seed {seed}"
    sequence = read_sequence(input, steps)
    if sequence.values.shape[-1] != wide:
        raise UsageError(
            f"compare: {name} reads {wide} entries a step and {input} has "
            f"{sequence.values.shape[-1]}; give an input with as many columns, or none."
        )
    return np.asarray(sequence.values[None, :steps]), sequence.source
