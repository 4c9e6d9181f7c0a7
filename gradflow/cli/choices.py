"""What stands after ``--init``: initial values of parameters, read into keywords of ``init``."""

from __future__ import annotations

import math
from typing import Any

from gradflow.cells.initializers import RULES
from gradflow.errors import UsageError


def read_choices(text: str) -> dict[str, Any]:
    """Read ``"recurrent=orthogonal,b_f=constant:3,forget_bias:3"`` into keywords of ``init``.

    A part is ``target=rule[:number[:number]]``; ``rule`` alone means the recurrent maps;
    ``forget_bias:3`` and ``chrono:100`` mean the keywords of those names; ``context=8`` is a size,
    or a value. Raises ``UsageError``.

    >>> read_choices("orthogonal, forget_bias:3")
    {'recurrent': Initializer(rule='orthogonal', values=(1.0,)), 'forget_bias': 3.0}
    """
    choices: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        target, _, how = part.rpartition("=")
        if target and how.isascii() and how.isdecimal():
            choices[target] = int(how)
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
