"""Numbers as a reader wants them, and the sentences that say what they mean."""

from __future__ import annotations

import math

from gradflow.studies.study import Study


def power_of_ten(log: float) -> str:
    r"""Return a magnitude given by its natural log: ``0.013`` or ``$2.4 \times 10^{-57}$``."""
    if math.isinf(log):
        return "exactly 0"
    decades = log / math.log(10)
    if -3 <= decades < 5:
        return f"{math.exp(log):.3g}"
    exponent = math.floor(decades)
    mantissa = 10 ** (decades - exponent)
    if mantissa >= 9.95:
        mantissa, exponent = 1.0, exponent + 1
    return rf"${mantissa:.1f} \times 10^{{{exponent}}}$"


def plain(value: float) -> str:
    """Return a number to three digits, infinity as its sign."""
    return "∞" if math.isinf(value) else f"{value:.3g}"


def steps(value: float | None, most: int) -> str:
    """Return a number of steps, or that it lies beyond the run."""
    if value is None:
        return f"not within {most} steps"
    if math.isinf(value):
        return "no decay"
    return f"{value:.3g} steps"


def signed(value: float, digits: int = 4) -> str:
    """Return a number with a minus sign as in print."""
    if math.isinf(value):
        return "−∞" if value < 0 else "∞"
    return f"{value:.{digits}f}".replace("-", "−")


def exponent(value: float, error: float) -> str:
    """Return a Lyapunov exponent with its error bar, in nats per step."""
    finite = math.isfinite(value) and math.isfinite(error)
    return f"{signed(value)}\u00a0±\u00a0{error:.4f}" if finite else signed(value)


def verdict(study: Study) -> tuple[str, str]:
    """Return the answer in one sentence and its tone."""
    count = study.trajectory.steps
    name = study.cell.title or study.cell.name
    rate, horizon = study.gradient.rate(), study.horizon
    zero = study.gradient.zero_lag()
    if zero is not None and horizon == zero:
        return (
            f"{name}: the gradient keeps its size and then stops: from lag {zero} on it is exactly "
            "zero, because no active path is left.",
            "bad",
        )
    if horizon is not None:
        return (
            f"{name}: the gradient falls below 1\u00a0% of its size after {horizon} steps, losing "
            f"{100 * (1 - math.exp(rate)):.3g}\u00a0% a step; what lies further back is not "
            "learned from this loss.",
            "bad" if horizon < count / 4 else "neutral",
        )
    if rate > 1e-3:
        return (
            f"{name}: the gradient grows by {100 * (math.exp(rate) - 1):.3g}\u00a0% a step over "
            f"{count} steps; it explodes rather than vanishes, so clip it or lower the gain.",
            "bad",
        )
    return (
        f"{name}: the gradient survives {count} steps: it stays above 1\u00a0% of its size "
        f"({'no decay' if rate > -1e-12 else f'{-rate:.2g} nats lost a step'}).",
        "good",
    )


def whole_against_part(study: Study) -> str:
    """Return why the whole-state exponent is right and the one of a single part is not."""
    assert study.part_only is not None
    assert study.lyapunov is not None
    parts = study.cell.states
    first, others = parts[0], ", ".join(f"${p}$" for p in parts[1:])
    right, wrong = float(study.lyapunov.exponents[0]), float(study.part_only.exponents[0])
    factor = ""
    if math.isfinite(wrong) and right < 0 and wrong < 0 and max(wrong / right, right / wrong) > 1.5:
        big = max(wrong / right, right / wrong)
        factor = f", off by a factor of {big:.3g}"
    return (
        f"The whole state $({', '.join(parts)})$ has the leading exponent {signed(right)}; the "
        f"block $\\partial {first}_t / \\partial {first}_{{t-1}}$ alone gives "
        f"{signed(wrong)}{factor}. The first is right: a change of ${first}$ at one step also "
        f"changes {others}, which carries it on and hands it back later, and that way is missing "
        f"in the product of ${first}$ blocks. Tools that take the Jacobian of ${first}$ alone "
        "print the second."
    )
