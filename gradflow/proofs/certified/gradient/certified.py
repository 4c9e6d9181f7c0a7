r"""``gf.certify(run, loss)``: the gradient of a loss by the state at every lag, from both sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import inf, log

import numpy as np

from gradflow.arrays import whole_number
from gradflow.errors import PrecisionError, UsageError
from gradflow.given import choice
from gradflow.proofs.certified.gradient.adjoint import Adjoints, LostError, Scored, adjoints
from gradflow.proofs.certified.gradient.loss import Loss, part_read, targets_of
from gradflow.proofs.certified.gradient.whole import Scale, UndecidedError
from gradflow.proofs.certified.program.deriving import Stacked, given
from gradflow.proofs.certified.program.steps import Floats, Given
from gradflow.proofs.certified.program.straight import (
    Numbers,
    Straight,
    numbers,
    row_of,
    rows_of,
    straight,
)
from gradflow.proofs.claims.claim import CERTIFIED
from gradflow.spectra import Trajectory

_BITS = (
    (80, 56),
    (96, 64),
    (112, 72),
    (128, 80),
    (144, 96),
    (160, 112),
    (192, 128),
    (224, 144),
    (256, 176),
    (320, 208),
    (384, 256),
    (480, 320),
    (512, 352),
    (768, 512),
    (1024, 704),
    (2048, 1408),
)
"""Precisions that are tried: of values and adjoints, and of the factors of adjoints."""
_CAREFUL = 0.8


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CertifiedGradient:
    r"""Enclosures of the gradient of a loss by the state after each step, and by each array.

    For the exact weights, inputs and initial state, in real arithmetic. ``digits`` is how many were
    asked for, ``bits`` what that took. Bounds are natural logs, ``-inf`` for what is exactly 0.

    Examples
    --------
    >>> import gradflow as gf
    >>> run = gf.run("scalar", {"w": [0.5]}, state=[1.0], steps=7)
    >>> gf.certify(run, gf.proofs.Loss(kind="linear", weight=[1.0]))
    <CertifiedGradient scalar: |dL/ds_0| in [0.0078125, 0.0078125], 80 bits>
    """

    run: Trajectory | Stacked
    given: Given
    line: Straight
    numbers: Numbers
    scored: Scored
    loss: Loss
    found: Adjoints
    digits: int
    bits: tuple[int, int]

    level = CERTIFIED

    @property
    def name(self) -> str:
        """What was run, for labels."""
        return self.given.name

    @property
    def steps(self) -> int:
        """Steps of the run."""
        return self.given.steps

    @cached_property
    def lower(self) -> Floats:
        r"""Lower bounds (T + 1,) of :math:`\log |dL/ds_{T - \ell}|` against lag."""
        return self._curve("", 0)

    @cached_property
    def upper(self) -> Floats:
        r"""Upper bounds (T + 1,) of :math:`\log |dL/ds_{T - \ell}|` against lag."""
        return self._curve("", 1)

    def part(self, name: str) -> tuple[Floats, Floats]:
        """Return the same two curves for the gradient by one state part."""
        choice(name, "part: name", self.line.before)
        return self._curve(name, 0), self._curve(name, 1)

    def parameters(self) -> dict[str, tuple[float, float]]:
        """Return bounds of the log of the gradient's norm by each array, all steps together."""
        return {n: self._logs(pair) for n, pair in self.found.parameters.items()}

    def parameter(self, name: str) -> tuple[Floats, Floats]:
        """Return, against lag 0 to T - 1, bounds of the log of what each step gives to an array.

        At lag l, of the product of the loss's gradient by the new state of step T - l with the
        derivative of that state by the array at that step alone.
        """
        choice(name, "parameter: name", self.found.by_step)
        rows = [self._logs(pair) for pair in reversed(self.found.by_step[name])]
        ends = np.array(rows).reshape(-1, 2)
        return ends[:, 0], ends[:, 1]

    def interval(self, step: int, part: str = "") -> tuple[int, int, int]:
        """Return ``a, b, p``: the gradient's norm after ``step`` steps is in ``[a, b] / 2^p``."""
        choice(part, "interval: part", ("", *self.line.before))
        low, high = self.found.states[whole_number(step, "interval: step", 0, self.steps)][part]
        return low, high, self.bits[0]

    def _curve(self, part: str, end: int) -> Floats:
        return np.array([self._logs(row[part])[end] for row in reversed(self.found.states)])

    def _logs(self, pair: tuple[int, int]) -> tuple[float, float]:
        return log_below(pair[0], self.bits[0]), log_above(pair[1], self.bits[0])

    def __repr__(self) -> str:
        """Return one line."""
        low, high = (np.exp(x[-1]) for x in (self.lower, self.upper))
        return (
            f"<CertifiedGradient {self.name}: |dL/ds_0| in [{low:.12g}, {high:.12g}], "
            f"{self.bits[0]} bits>"
        )


def log_below(number: int, p: int) -> float:
    """Return a float below ``log(number 2^-p)``."""
    if number <= 0:
        return -np.inf
    value = log(number) - p * log(2)
    return value - 2.0**-48 * (p + 1 + number.bit_length())


def log_above(number: int, p: int) -> float:
    """Return a float above ``log(number 2^-p)``."""
    if number <= 0:
        return -np.inf
    value = log(number) - p * log(2)
    return value + 2.0**-48 * (p + 1 + number.bit_length())


def certify_gradient(
    run: Trajectory | Stacked,
    loss: Loss,
    *,
    digits: int = 6,
    seconds: float = inf,
    parameters: bool = True,
    bits: tuple[int, int] | None = None,
) -> CertifiedGradient:
    """Enclose the gradient of a loss of a run by the state after every step, and by its arrays.

    With ``bits`` at that precision, whatever digits it gives. Raises ``UsageError`` as
    :func:`certify_products`, for a function without a rule, and before it works where about more
    than ``seconds`` are to come; ``PrecisionError`` where 2048 bits do not give the digits.
    """
    network = given(run, "certify", by_known=True)
    parts = {p: s.stop - s.start for p, s in network.program.slices.items()}
    part = part_read(loss, parts)
    targets = targets_of(loss, network.steps)
    rows = [np.asarray(y) for y in targets.values() if not isinstance(y, int)]
    found = numbers(network, loss.matrix, loss.offset, *rows)
    scored = Scored(
        kind=loss.kind,
        part=part,
        weight=rows_of(loss.matrix, found.q),
        bias=row_of(loss.offset, found.q),
        targets={t: y if isinstance(y, int) else row_of(y, found.q) for t, y in targets.items()},
    )
    line = straight(network.program)
    wanted = 10.0**-digits
    least = 0.0
    for p, m in _precisions(found.q) if bits is None else (bits,):
        if p < least:
            continue
        cost = seconds_of(found, network.steps, p, parameters=parameters)
        if bits is None and cost > seconds:
            raise UsageError(
                f"certify: the gradient of {network.steps} steps at {p} bits takes about "
                f"{cost:.0f} s, and {seconds:.0f} s are allowed; give seconds={2 * cost:.0f}, "
                "fewer steps or fewer units."
            )
        scale = Scale(p, found.q, m)
        try:
            norms = adjoints(line, found, scale, network.steps, scored, parameters=False)
            if bits is None and not all(_narrow(row[""], wanted) for row in norms.states):
                continue
            if parameters:
                norms = adjoints(line, found, scale, network.steps, scored)
        except LostError as error:
            # bits are lost at about one rate: the precision that lasts to the end, or nearly so
            least = min(2.0, _CAREFUL * network.steps / error.lost) * p
            continue
        except UndecidedError:
            continue
        return CertifiedGradient(
            run=run,
            given=network,
            line=line,
            numbers=found,
            scored=scored,
            loss=loss,
            found=norms,
            digits=digits,
            bits=(p, m),
        )
    raise PrecisionError(
        f"certify: {_BITS[-1][0]} bits do not give {digits} digits of the gradient of "
        f"{network.steps} steps; a unit may sit on a kink of relu or where a branch changes, or a "
        "quotient, a root or a logarithm at 0; ask for fewer digits."
    )


def seconds_of(found: Numbers, steps: int, p: int, *, parameters: bool = True) -> float:
    """Return about how many seconds the gradient takes at ``p`` bits, on one core.

    Measured for each entry of a matrix and each step: half a microsecond and one more for every 200
    bits, four times that with the gradients by arrays.
    """
    entries = sum(len(rows) * len(rows[0]) for rows in found.matrices.values() if rows)
    return steps * entries * (5e-7 + 5e-9 * p) * (4 if parameters else 1)


def _precisions(q: int) -> Iterator[tuple[int, int]]:
    """Yield precisions that hold the weights, each once."""
    yield from dict.fromkeys((max(p, q + 16), m) for p, m in _BITS)


def _narrow(pair: tuple[int, int], wanted: float) -> bool:
    low, high = pair
    return high == 0 or (high - low) <= int(wanted * 2.0**60) * high >> 60
