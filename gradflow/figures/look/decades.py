r"""An axis in powers of ten that does not end where floating point does.

Norms arrive as natural logarithms, and :math:`10^{-1649}` is no float: so the logarithm to base ten
is what is plotted, on a linear axis, and only its tick labels speak of powers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike, NDArray

from gradflow.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DecadeLocator", "decade_axis", "decade_label", "to_decades"]

_NARROWEST = 0.2
_FEW = 2.5
# Most intervals between ticks, and how much closer than matplotlib's two lines labels may stand.
_MOST = 7
_TIGHTER = 0.7


def to_decades(log_values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return natural logarithms as logarithms to base ten, of the same shape.

    Parameters
    ----------
    log_values : array_like
        Natural logarithms; ``-inf`` stands for an exact zero and stays.
    name : str
        What they are, for the error.

    Raises
    ------
    UsageError
        A value is NaN or ``+inf``.
    """
    values = np.asarray(log_values, dtype=np.float64)
    wrong = np.isnan(values) | np.isposinf(values)
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise UsageError(
            f"{name}: entry {where} is {values[where]}; a logarithm to plot must be finite, or "
            "-inf for an exact zero, so look for the overflow where it was computed."
        )
    return values / math.log(10)


def decade_label(exponent: float, plain: bool = False) -> str:
    r"""Return ten to the ``exponent`` in matplotlib's mathematics.

    With ``plain``, a power of ten near one is written out too, as its neighbours are.

    >>> decade_label(-1649), decade_label(-0.30103), decade_label(-7.30103)
    ('$10^{-1649}$', '$0.5$', '$5\\times10^{-8}$')
    >>> decade_label(0), decade_label(0, plain=True)
    ('$10^{0}$', '$1$')
    """
    whole = math.floor(exponent + 1e-9)
    mantissa = f"{10 ** (exponent - whole):.3g}"
    near_one = -3 <= whole <= 2
    if mantissa == "1" and not (plain and near_one):
        return f"$10^{{{whole}}}$"
    if near_one:
        return f"${10**exponent:.3g}$"
    return rf"${mantissa}\times10^{{{whole}}}$"


class DecadeLocator(Locator):
    """Ticks at whole powers of ten; at 1, 2, 5 times them, or at round values, in a closer view."""

    def __call__(self) -> Any:
        """Return the ticks of the axis as it stands, no more than its labels have room for."""
        room = int(self.axis.get_tick_space() / _TIGHTER)  # type: ignore[union-attr]
        low, high = self.axis.get_view_interval()  # type: ignore[union-attr]
        return self.tick_values(low, high, min(_MOST, max(2, room)))

    def tick_values(self, vmin: float, vmax: float, most: int = _MOST) -> Any:
        """Return the ticks between ``vmin`` and ``vmax``, both in decades, some ``most`` or less.

        The number is kept to where only whole powers of ten are shown.
        """
        if vmax - vmin >= _FEW:
            whole = MaxNLocator(nbins=most, integer=True, steps=[1, 2, 5, 10])
            return whole.tick_values(vmin, vmax)
        first = math.floor(vmin)
        if vmax - vmin >= 1:
            powers = np.arange(first, math.ceil(vmax) + 1)
            return (powers[:, None] + np.log10([1, 2, 5])).ravel()
        values = np.asarray(
            MaxNLocator(nbins=6, steps=[1, 2, 5, 10]).tick_values(
                10 ** (vmin - first), 10 ** (vmax - first)
            )
        )
        return first + np.log10(values[values > 0])


def decade_axis(ax: Axes) -> None:
    """Label the y axis of ``ax``, whose data are in decades, with powers of ten.

    A view narrower than a fifth of a decade is widened, so that rounding noise on a constant does
    not fill the figure.
    """
    low, high = ax.get_ylim()
    if high - low < _NARROWEST:
        middle = (low + high) / 2
        ax.set_ylim(middle - _NARROWEST / 2, middle + _NARROWEST / 2)

    def label(exponent: float, _: int | None) -> str:
        low, high = ax.get_ylim()
        return decade_label(exponent, plain=high - low < _FEW)

    ax.yaxis.set_major_locator(DecadeLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(label))
    ax.yaxis.set_minor_locator(NullLocator())
