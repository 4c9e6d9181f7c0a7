"""What stands after ``--init``: initial values of parameters, read into keywords of ``init``."""

from __future__ import annotations

import math
from typing import Any

from gradflow.cells.initializers import RULES
from gradflow.errors import UsageError


def read_choices(text: str) -> dict[str, Any]:
    """Read ``"recurrent=orthogonal,b_f=constant:3,forget_bias:3"`` into keywords of ``init``.

    A part is ``target=rule[:number[:number]]``; ``rule`` alone means the recurrent maps;
    ``forget_bias:3`` and ``forget_bias=3`` mean the keyword of that name, and so ``chrono``;
    ``context=8`` is a size, or a value. Raises ``UsageError``.

    >>> read_choices("orthogonal, forget_bias:3")
    {'recurrent': Initializer(rule='orthogonal', values=(1.0,)), 'forget_bias': 3.0}
    """
    choices: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        target, _, how = part.rpartition("=")
        if target and (value := _number(how)) is not None:
            choices[target] = value
            continue
        rule, *numbers = how.split(":")
        try:
            values = [float(n) for n in numbers]
            if not all(map(math.isfinite, values)):
                raise ValueError
        except ValueError:
            raise UsageError(
                f"--init: {part!r} holds no number where one is due; write for instance "
                "gaussian:1.5 or b_f=constant:3."
            ) from None
        if not target and rule in ("forget_bias", "chrono") and len(values) == 1:
            choices[rule] = values[0]
        elif rule in RULES:
            try:
                choices[target or "recurrent"] = RULES[rule](*values)
            except TypeError:
                raise UsageError(f"--init: {part!r} has the wrong count of numbers.") from None
        else:
            raise UsageError(
                f"--init: unknown rule {rule!r} in {part!r}; known are {', '.join(RULES)}, "
                "forget_bias:B and chrono:T."
            )
    return choices


def _number(text: str) -> int | float | None:
    """Return a whole number or another finite one, if the text is one and nothing else."""
    if text.isascii() and text.isdecimal():
        return int(text)
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
