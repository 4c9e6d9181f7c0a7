"""Random cells of the equation language: gates in gates, decimals, several parts, kinks."""

import random
import re

from gradflow.cells import Cell
from gradflow.errors import UsageError

GATES = ("sigmoid", "tanh", "softplus", "relu", "exp", "linear", "mean", "nested", "sum", "rest")
CARRIES = ("leak", "gate", "plain", "add", "scale", "extreme")


def drawn(seed):
    """Return a random cell, or ``None`` where the text that was drawn is no cell."""
    choice = random.Random(seed).choice
    parts = choice([["h"], ["h"], ["h", "c"], ["h", "c", "m"]])
    lines, names, maps = [], [], []

    def product():
        maps.append(f"M{len(maps)}")
        return f"{maps[-1]} @ {choice([*parts, *names])}"

    def sum_of_two():
        other = f"{choice(['0.1', '0.25', '-0.7', '2'])}*{choice(parts)}"
        return f"{product()} + {choice(['b', 'Wi @ x', other])}"

    for k in range(choice([1, 2, 3])):
        lines.append(f"g{k} = {_gate(choice, parts, names, sum_of_two)}")
        names.append(f"g{k}")
    for part in parts:
        lines.append(f"{part}_next = {_carried(choice, part, choice(names), sum_of_two)}")
    text = "\n".join(lines)
    more = {"inputs": "x"} if "Wi @ x" in text else {}
    more |= {"vectors": "b[hidden]"} if re.search(r"\bb\b", text) else {}
    sized = [f"{m}[hidden,hidden]" for m in maps] + ["Wi"] * ("inputs" in more)
    try:
        return Cell(
            name=f"random{seed}",
            state=" ".join(f"{p}[hidden]" for p in parts),
            maps=" ".join(sized),
            equations=text,
            **more,
        )
    except UsageError:
        return None


def _gate(choice, parts, names, sum_of_two):
    kind = choice(GATES)
    if kind == "exp":
        return f"exp(-softplus({sum_of_two()}))"
    if kind == "linear":
        return f"{sum_of_two()} - 0.01*{choice(parts)}"
    if kind == "mean":
        return f"{choice(parts)} - mean({choice(parts)})"
    if kind == "sum":
        return f"tanh({sum_of_two()} + sum({choice(parts)}))"
    if kind == "nested":
        return f"sigmoid(0.5*tanh({sum_of_two()}))"
    if kind == "rest" and names:
        return f"1 - {choice(names)}"
    return f"{kind if kind != 'rest' else 'sigmoid'}({sum_of_two()})"


def _carried(choice, part, gate, sum_of_two):
    kind = choice(CARRIES)
    if kind == "leak":
        return f"0.9*{part} + 0.1*tanh({sum_of_two()})"
    if kind == "gate":
        return f"{gate}*{part} + (1 - {gate})*tanh({sum_of_two()})"
    if kind == "plain":
        return f"tanh({gate} + {sum_of_two()})"
    if kind == "add":
        return f"{part} + 0.05*{gate}*tanh({sum_of_two()})"
    if kind == "extreme":
        return f"Max({sum_of_two()}, 0.1*{part})"
    return f"sigmoid({sum_of_two()})*{gate}"
