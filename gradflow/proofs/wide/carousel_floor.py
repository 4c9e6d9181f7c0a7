r"""What follows for a cell with a carousel, and for one without, at random weights and many units.

A term ``diag(d)`` of the step Jacobian without a map gives the leading exponent a floor; a cell
whose terms all have maps has none.
"""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import ROUND_FLOOR, Context
from typing import Any

import sympy as sp

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.cells.language.functions import sigmoid
from gradflow.cells.language.program import Elementwise, Product
from gradflow.cells.language.syntax import symbol
from gradflow.ensembles import exponents_by_rank
from gradflow.ensembles.closed.notclosed import NotClosedError
from gradflow.ensembles.laws import Laws, read_laws
from gradflow.ensembles.theory import closed
from gradflow.errors import UsageError
from gradflow.jacobians import Term, jacobian
from gradflow.proofs.bounding.invariants import unit_invariants
from gradflow.proofs.wide.statement import Derived

__all__ = ["derived"]


def derived(
    cell: Cell | str, *, gains: Any = None, biases: Any = None, inputs: Any = 0.0
) -> tuple[Derived, ...]:
    r"""Return what follows for a random network of infinitely many units, weights fresh.

    A part with a term ``diag(d)`` without a map, a carousel, has a floor: the leading exponent is
    at least :math:`E \ln |d|`, whatever the other gains are. A cell without one has none. Where the
    Jacobian is ``diag W diag``, a leading exponent of 0 leaves the median direction to decay.

    Parameters
    ----------
    cell
        The cell or its name.
    gains, biases, inputs
        As in :func:`gradflow.mean_field`.

    Raises
    ------
    UsageError
        As :func:`gradflow.mean_field`.

    Examples
    --------
    >>> derived("lstm", biases={"b_f": 3.0})
    (<Derived lstm.carousel: -0.07889 nats a step>,)
    >>> print(derived("scrn")[0].formula)
    \lambda \ge \ln\left|\alpha\right|
    """
    cell = get(cell)
    laws = read_laws("derived", cell, gains, biases, inputs)
    return tuple(_floors(laws) or _no_floor(laws))


def _floors(laws: Laws) -> list[Derived]:
    step, found = jacobian(laws.cell), []
    for part in laws.cell.states:
        every = [(b, term) for b in laws.cell.states for term in step[part, b].terms]
        own = [term for b, term in every if b == part and not term.maps]
        others = [term for b, term in every if b != part or term.maps]
        # what comes in beside it must be of mean 0, or it could cancel
        if own and all(_random(laws, term) for term in others):
            diagonal = sp.Add(*(term.diagonals[0] for term in own))
            if floor := _floor(laws, part, diagonal):
                found.append(floor)
    return found


def _random(laws: Laws, term: Term) -> bool:
    return any(m.name in laws.maps and not laws.maps[m.name].shift for m in term.maps)


def _floor(laws: Laws, part: str, diagonal: sp.Expr) -> Derived | None:
    """Return the floor of a carousel: of a constant, or of a sigmoid gate of a normal field."""
    d = sp.latex(diagonal)
    held = {
        symbol(n): law.mean for n, law in laws.vectors.items() if not (law.variance or law.rule)
    }
    if diagonal.free_symbols <= set(held):
        value = abs(float(diagonal.subs(held)))
        return _stated(
            laws,
            part,
            d,
            rf"\lambda \ge \ln\left|{d}\right|",
            "",
            math.log(value) if value else -math.inf,
        )
    gate, sign = (1 - diagonal, -1) if (1 - diagonal).is_Symbol else (diagonal, 1)
    moments = _preactivation(laws, gate)
    if moments is None:
        return None
    mean, variance, words = moments
    mean *= sign
    value = -math.log1p(math.exp(-mean + variance / 2))
    jensen = (
        rf" Here ${d} = \sigma(a)$ with a normal $a$ of mean $m = {mean:g}$ and variance at most "
        rf"$v = {variance:g}$, {words}. Since $\ln$ is concave, $-E \ln(1 + e^{{-a}}) \ge "
        r"-\ln(1 + E e^{-a}) \ge -\ln(1 + e^{-m + v/2})$."
    )
    formula = r"\lambda \ge E\ln " + d + r" \ge -\ln\left(1 + e^{-m + v/2}\right)"
    return replace(_stated(laws, part, d, formula, jensen, value), gate=d)


def _stated(laws: Laws, part: str, d: str, formula: str, more: str, value: float) -> Derived:
    return Derived(
        laws=laws,
        name=f"{laws.cell.name}.carousel",
        words=(
            f"the leading exponent is at least {_below(value)} nats a step, by the term "
            rf"$\operatorname{{diag}}({d})$ of $d{part}'/d{part}$, whatever the other gains are"
        ),
        formula=formula,
        derivation=(
            rf"Let $\delta$ be a tangent in ${part}$ without a share along the state, and $m_t = "
            rf"E[\delta_t^2]$ given the path of one unit. Every other term of $d{part}'$ holds a "
            r"map drawn afresh, whose field has mean 0 and does not depend on $\delta_t$ or on the "
            rf"gates; so the cross terms vanish, and $m_{{t+1}} = ({d})_t^2\, m_t + "
            rf"(\text{{squares}}) \ge ({d})_t^2\, m_t$. Hence "
            rf"$\chi \ge \lim_t (E \prod_s ({d})_s^2)^{{1/t}} \ge \exp(2 E \ln |{d}|)$ by Jensen's "
            rf"inequality, and $\lambda \ge \tfrac12 \ln \chi$.{more}"
        ),
        value=value,
    )


def _below(value: float) -> str:
    """Return four digits of a lower bound, rounded so that they are one too."""
    return str(Context(prec=4, rounding=ROUND_FLOOR).create_decimal_from_float(value))


def _rounded(value: float) -> str:
    """Return a number to four decimals, without the sign of a 0."""
    return f"{round(value, 4) + 0.0:g}"


def _preactivation(laws: Laws, gate: sp.Expr) -> tuple[float, float, str] | None:
    """Return mean and largest variance of what a sigmoid gate acts on, if it is a normal field."""
    made = {s.target: s for s in laws.cell.program}
    statement = made.get(gate)
    if not isinstance(statement, Elementwise) or not isinstance(statement.expression, sigmoid):
        return None
    inside = sp.expand(statement.expression.args[0])
    bounded = unit_invariants(laws.cell)
    mean = variance = 0.0
    parts, seen = [], set()
    for summand in sp.Add.make_args(inside):
        number, rest = summand.as_coeff_Mul()
        if rest == 1:
            mean += float(number)
            continue
        source = made.get(rest)
        name = rest.name if rest.is_Symbol else ""
        if isinstance(source, Product):
            m, operand = source.linear_map, source.operand.name
            law = laws.maps.get(m.name)
            if law is None or law.shift or m.mask is not None or m.name in seen:
                return None
            if operand in laws.inputs:
                square = laws.inputs[operand].second_moment
            elif operand in bounded:
                square = 1.0
            else:
                return None
            seen.add(m.name)
            variance += float(number) ** 2 * law.sigma**2 * square
            if square:
                why = rf"$|{operand}| \le 1$" if operand in bounded else "its input's law"
                parts.append(rf"$\sigma^2 = {law.sigma**2:g}$ of ${m.name}$ by {why}")
        elif name in laws.vectors and laws.vectors[name].rule is None:
            mean += float(number) * laws.vectors[name].mean
            variance += float(number) ** 2 * laws.vectors[name].variance
            if laws.vectors[name].variance:
                parts.append(rf"${laws.vectors[name].variance:g}$ of ${name}$")
        else:
            return None
    return mean, variance, " + ".join(parts) or "which is 0"


def _no_floor(laws: Laws) -> list[Derived]:
    """Return that a cell has no floor, and what chi = 1 leaves, where its terms all have maps."""
    step = jacobian(laws.cell)
    terms = [t for a in laws.cell.states for b in laws.cell.states for t in step[a, b].terms]
    if not terms or not all(_random(laws, term) for term in terms):
        return []
    name = laws.cell.name
    found = [
        Derived(
            laws=laws,
            name=f"{name}.no_floor",
            words=(
                "without a carousel there is no floor: the exponent falls without end as the "
                "gains of the recurrent maps do, whatever the biases are"
            ),
            formula=r"\chi = O(\sigma^2) \to 0 \quad (\sigma \to 0)",
            derivation=(
                r"Every term of the step Jacobian holds a random map, and the mean square of $W u$ "
                r"is $\sigma^2 \langle u^2 \rangle$; with slopes that are bounded, every entry of "
                r"the matrix that multiplies second moments of tangents is $O(\sigma^2)$, and so "
                r"is its largest eigenvalue $\chi$."
            ),
            value=-math.inf,
        )
    ]
    return [*found, *_median(laws)]


def _median(laws: Laws) -> list[Derived]:
    """Return what the median direction does, where the Jacobian is ``diag W diag``."""
    try:
        theory = closed(laws, tied=False)
        value = float(exponents_by_rank(theory, [0.5])[0])
    except (NotClosedError, UsageError):
        return []
    median = Derived(
        laws=laws,
        name=f"{theory.cell.name}.median",
        words=(
            f"the leading exponent is {_rounded(theory.exponent)} nats a step, that of the median "
            f"direction {_rounded(value)}"
        ),
        formula=r"\lambda(x) = \ln\sigma + \tfrac12\ln(1-x) - \tfrac12\ln S_{D^2}(-x)",
        derivation=(
            r"The steps $D_t W_t$ are free as the units grow, so the S-transform of the product is "
            r"the product of S-transforms; the exponents are its logarithmic derivative."
        ),
        value=value,
    )
    return [median]
