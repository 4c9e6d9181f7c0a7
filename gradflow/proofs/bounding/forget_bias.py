"""How large an LSTM's forget bias must be so that a gradient survives a horizon: certified."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

from gradflow.arrays import whole_number
from gradflow.cells import get
from gradflow.errors import UsageError, shown
from gradflow.given import mapping, real_number
from gradflow.proofs.algebra.polynomial import Variable
from gradflow.proofs.bounding.carousels import carousel
from gradflow.proofs.bounding.cone import Cone

_FINEST = Fraction(1, 64)
_LARGEST = 64


@dataclass(frozen=True, kw_only=True, repr=False)
class ForgetBias:
    """A forget bias ``bias`` with which at least ``keep`` of the gradient of c survives ``steps``.

    ``gate`` is what the bias guarantees of every forget gate, ``cone`` the certificate of the rate:
    ``cone.rate ** steps >= keep`` in exact arithmetic.
    """

    bias: Fraction
    gate: Fraction
    cone: Cone
    steps: int
    keep: Fraction

    def __repr__(self) -> str:
        """Return one line."""
        kept = f"at least {float(self.keep):.4g} is kept over {self.steps} steps"
        return f"<ForgetBias {float(self.bias):.4g}: {kept}>"


def gate_below(y: Fraction) -> Fraction:
    r"""Return a rational below ``sigmoid(y)``, ``y >= 0``.

    From ``exp(y) >= sum_j y^j / j!``: ``sigmoid(y) = e/(1 + e)`` grows with ``e``.
    """
    total = term = Fraction(1)
    for j in range(1, 8 * int(y) + 24):
        term = term * y / j
        total += term
    scaled = Fraction(int(total * 10**12), 10**12)
    return scaled / (1 + scaled)


# Powers of a fraction with so high an exponent are still numbers of a few thousand digits.
_MOST_STEPS = 1_000_000
_NORMS = ("U_i", "U_f", "U_o", "U_g", "W_f")


def _exact(value: object, name: str) -> Fraction:
    """Return a number of at least 0, exactly."""
    if isinstance(value, int | Fraction) and not isinstance(value, bool) and 0 <= value < 2**1000:
        return Fraction(value)
    return Fraction(real_number(value, name, 0.0))


def forget_bias_for(
    steps: int,
    keep: Fraction,
    norms: dict[str, Fraction],
    units: int,
    reach: Fraction,
    cell_state: Fraction,
) -> ForgetBias | None:
    """Find the least forget bias, to 1/64, that lets a gradient survive by the cone theorem.

    Parameters
    ----------
    steps, keep
        The horizon T and the part of ``|dc|`` that must be left after it, in (0, 1).
    norms
        Upper bounds of the norms of ``U_i``, ``U_f``, ``U_o``, ``U_g`` and ``W_f``.
    units
        Number of hidden units.
    reach
        Upper bound of the Euclidean norm of the inputs.
    cell_state
        Upper bound of ``|c|`` over units and steps.

    Returns
    -------
    ForgetBias or None
        ``None`` where no bias up to 64 beyond the gate's own inputs suffices: the norms of the
        other maps are too large for the theorem, whatever the forget gate does.
    """
    where = "forget_bias_for"
    steps = whole_number(steps, f"{where}: steps", 1, _MOST_STEPS)
    units = whole_number(units, f"{where}: units", 1)
    keep, reach, cell_state = (
        _exact(value, f"{where}: {name}")
        for name, value in (("keep", keep), ("reach", reach), ("cell_state", cell_state))
    )
    if not 0 < keep < 1:
        raise UsageError(f"{where}: keep is {shown(keep)}; it must lie between 0 and 1.")
    given = mapping(norms, f"{where}: norms", "fractions")
    if missing := [name for name in _NORMS if name not in given]:
        raise UsageError(f"{where}: norms has no {missing[0]}; it needs {', '.join(_NORMS)}.")
    norms = {name: _exact(given[name], f"{where}: norms[{name!r}]") for name in _NORMS}
    found = carousel(get("lstm"))
    assert found is not None, "the LSTM has a carousel"
    spread = norms["U_f"] * _root_above(units) + norms["W_f"] * reach
    values: dict[Variable, Fraction] = {("sup", "c"): cell_state}
    values |= {("norm", u): norms[u] for u in ("U_i", "U_f", "U_o", "U_g")}

    def attempt(level: int) -> ForgetBias | None:
        gate = gate_below(level * _FINEST)
        cone = found.cone({**values, ("least", "f"): gate})
        if cone is None or cone.rate**steps < keep:
            return None
        return ForgetBias(
            bias=level * _FINEST + spread, gate=gate, cone=cone, steps=steps, keep=keep
        )

    low, high = 0, int(_LARGEST / _FINEST)
    if attempt(high) is None:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if attempt(middle) else (middle + 1, high)
    return attempt(high)


def _root_above(n: int) -> Fraction:
    """Return a rational just above ``sqrt(n)``."""
    return Fraction(isqrt(n * 10**12) + 1, 10**6)
