r"""Decay: how the norm of a gradient, or of ``P(t, k)``, falls with the lag ``t - k``.

Natural logs throughout, so a lag of 100,000 is a number and not zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from gradflow.arrays import whole_number
from gradflow.codegen.over_time import Pulled
from gradflow.drawable import Drawable
from gradflow.errors import PrecisionError, UsageError, shown
from gradflow.given import mapping, real_number, text
from gradflow.spectra.decay.reading import (
    Asymptote,
    asymptote,
    half_life,
    median_of_logs,
    relative_logs,
    under_from,
    zero_from,
)
from gradflow.spectra.numerics.logdomain import (
    Floats,
    log_magnitude,
    log_norms_of_products,
    row_products,
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Decay(Drawable):
    r"""A norm against lag.

    Parameters
    ----------
    lag
        (lags,) lags ``t - k``, 0 first.
    log_norm
        (..., lags) natural log of the norm; ``-inf`` where it is exactly zero.
    quantity
        LaTeX of what is measured.
    label
        Name of this curve.
    by_part
        State part to (..., lags): log norm of that part of the gradient alone.
    by_unit
        (..., lags, d) log of the absolute gradient of each unit, or ``None`` for a matrix norm.

    Examples
    --------
    >>> import gradflow as gf, numpy as np
    >>> run = gf.run("scalar", {"w": np.array([0.9])}, state=np.ones(1), steps=100)
    >>> decay = run.decay()
    >>> decay.horizon(), round(decay.half_life(), 2)
    (44, 6.58)
    """

    drawn_by: ClassVar[str] = "decay:plot_decay"
    lag: np.ndarray[Any, np.dtype[np.int64]]
    log_norm: Floats
    quantity: str
    label: str
    by_part: Mapping[str, Floats] = field(default_factory=dict)
    by_unit: Floats | None = None

    def relative(self) -> Floats:
        """Return (lags,) the log norm over its first nonzero one, the median over leading axes.

        That is lag 0 but for a block off the diagonal, which is zero there.
        """
        return median_of_logs(relative_logs(self.log_norm.reshape(-1, self.log_norm.shape[-1])))

    def horizon(self, tolerance: float = 1e-2) -> int | None:
        """Return the lag from which on the norm stays under ``tolerance`` times that at lag 0.

        ``None`` if it does not within the lags computed. Over leading axes the median counts.
        Raises ``UsageError`` unless ``0 < tolerance < 1``.
        """
        if not 0 < real_number(tolerance, "horizon: tolerance") < 1:
            raise UsageError(f"horizon: tolerance {tolerance!r}; it lies between 0 and 1.")
        first = float(under_from(self.relative(), math.log(tolerance)))
        return int(self.lag[int(first)]) if math.isfinite(first) else None

    def asymptote(self) -> Asymptote:
        """Return the line that the log norm ends as, with the lags it was fitted on, if any."""
        return asymptote(self.lag, self.relative())

    def rate(self) -> float | None:
        """Return the asymptotic rate in nats per step, or ``None`` where the curve is no line.

        :meth:`asymptote` has the lags it was fitted on and what is called a line; ``-inf`` where
        the norm becomes exactly zero.
        """
        return self.asymptote().rate

    def zero_lag(self) -> int | None:
        """Return the lag from which on the norm is exactly zero, if there is one."""
        zero = zero_from(self.relative())
        return None if zero is None else int(self.lag[zero])

    def half_life(self) -> float:
        """Return the lag from which on the norm stays under half of that at lag 0.

        Read off the curve, not fitted: between two lags its logarithm is taken to be linear.
        ``inf`` if it does not within the lags computed; 0.0 if from lag 1 on it is exactly zero.
        """
        return half_life(self.lag, self.relative())

    def unit_half_lives(self) -> Floats:
        """Return (d,) half-lives of each unit's gradient, the median over leading axes.

        As :meth:`half_life`, from the first lag at which a gradient reaches the unit; 0.0 for a
        unit that none reaches. Raises ``UsageError`` for a decay without units, such as that of a
        matrix norm.
        """
        if self.by_unit is None:
            raise UsageError("unit_half_lives: this is the decay of a matrix norm; use a gradient.")
        units = self.by_unit.reshape(-1, *self.by_unit.shape[-2:]).swapaxes(-1, -2)
        return np.array([half_life(self.lag, c) for c in median_of_logs(relative_logs(units))])

    def __repr__(self) -> str:
        if not self.log_norm.size:
            return f"<Decay {self.label}: no trajectory, shape {self.log_norm.shape}>"
        count = self.log_norm[..., 0].size
        of = f", median of {count}" if self.log_norm.ndim > 1 else ""
        return (
            f"<Decay {self.label}: lags {self.lag[0]} to {self.lag[-1]}, "
            f"horizon (1 %) {self._horizon()}{of}>"
        )

    def _repr_html_(self) -> str:
        if not self.log_norm.size:
            return f"<b>{self.label}</b>: no trajectory"
        end, life = self.asymptote(), self.half_life()
        rate = end.reason if end.rate is None else f"asymptotically {end.rate:.4g} nats a step"
        half = f"{life:.4g} steps" if math.isfinite(life) else "not reached"
        return f"<b>{self.label}</b>: half-life {half}, horizon (1 %) {self._horizon()}; {rate}"

    def _horizon(self) -> str:
        horizon = self.horizon()
        return "not reached" if horizon is None else str(horizon)


def product_decay(jacobians: ArrayLike, label: str = "") -> Decay:
    r"""Return the decay of :math:`\|P(T, T-\ell)\|_2` for steps (..., T, d, d).

    Examples
    --------
    >>> import numpy as np
    >>> decay = product_decay(np.full((8, 1, 1), 0.5))
    >>> decay
    <Decay product of Jacobians: lags 0 to 8, horizon (1 %) 7>
    >>> np.exp(decay.log_norm[-1]).round(6), round(decay.half_life(), 6)
    (np.float64(0.003906), 1.0)
    """
    label = text(label, "product_decay: label")
    return matrix_decay(
        log_norms_of_products(jacobians), r"\|P(t,k)\|_2", label or "product of Jacobians"
    )


def matrix_decay(log_norm: Floats, quantity: str, label: str) -> Decay:
    """Return the log norms (..., T + 1) of a matrix against lag, 0 first, as a decay."""
    lag = np.arange(log_norm.shape[-1])
    return Decay(
        lag=lag,
        log_norm=log_norm,
        quantity=quantity,
        label=label,
    )


def gradient_decay(
    jacobians: ArrayLike,
    covector: ArrayLike,
    parts: Mapping[str, slice],
    label: str = "",
) -> Decay:
    r"""Return the decay of :math:`\|\partial L/\partial s_k\|` from the gradient at the last step.

    Parameters
    ----------
    jacobians
        (..., T, d, d) step Jacobians.
    covector
        (..., d) the gradient at the last step.
    parts
        State part to its slice of the flat state.
    label
        Name of the curve.

    Examples
    --------
    >>> import numpy as np
    >>> steps = np.array([[[0.5, 1.0], [0.0, 0.25]]] * 2)
    >>> decay = gradient_decay(steps, [1.0, 0.0], {"h": slice(0, 1), "c": slice(1, 2)})
    >>> np.exp(decay.by_part["h"]), np.exp(decay.by_part["c"])
    (array([1.  , 0.5 , 0.25]), array([0.  , 1.  , 0.75]))
    """
    label = text(label, "gradient_decay: label")
    unit, log_scale = row_products(jacobians, covector)
    for name, part in mapping(parts, "gradient_decay: parts", "slices").items():
        if not isinstance(part, slice) or not len(range(unit.shape[-1])[_whole(part, name)]):
            raise UsageError(
                f"gradient_decay: parts has {shown(part)} for {name!r}; it must be a slice of the "
                f"{unit.shape[-1]} entries of the state."
            )
    if not parts:
        raise UsageError("gradient_decay: parts is empty; it needs a slice for each state part.")
    lengths = [np.linalg.norm(unit[..., part], axis=-1) for part in parts.values()]
    log_part = log_magnitude(np.stack(lengths, axis=-2)) + log_scale[..., None, :]
    pulled = Pulled(log_scale, log_part, unit)
    return pulled_decay(pulled, list(parts), label or "gradient of the loss", units=True)


def _whole(part: slice, name: str) -> slice:
    for end in (part.start, part.stop, part.step):
        if end is not None:
            whole_number(end, f"gradient_decay: an end of parts[{name!r}]", -(2**31), 2**31)
    return part


def pulled_decay(pulled: Pulled, parts: Sequence[str], label: str, units: bool) -> Decay:
    r"""Return the decay of :math:`\|\partial L/\partial s_k\|` from a covector pulled back.

    Raises ``PrecisionError`` if the gradient left the range of numbers.
    """
    if np.isnan(pulled.log_norm).any():
        first = int(np.argwhere(np.isnan(pulled.log_norm))[0][-1])
        raise PrecisionError(
            f"{label}: not a number from lag {first} on; a derivative is not finite there, so "
            "look at the Jacobian of that step."
        )
    by_part = {name: pulled.log_part[..., i, :] for i, name in enumerate(parts)}
    logs = pulled.log_rows
    if units and logs is None:
        logs = log_magnitude(pulled.rows) + pulled.log_norm[..., None]
    return Decay(
        lag=np.arange(pulled.log_norm.shape[-1]),
        log_norm=pulled.log_norm,
        quantity=r"\|\partial L / \partial s_k\|",
        label=label,
        by_part=by_part,
        by_unit=logs if units else None,
    )
