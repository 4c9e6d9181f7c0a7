r"""Long products and sums of LaTeX broken, so that they stay inside a column of text.

Widths are estimated in points of Computer Modern at 10 pt: letters by their class, fractions by
their wider half, binary signs with the space beside them. An estimate does, since a line may end
before it is full; what is wider than the text and has no sign to break at stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = [
    "INDENT",
    "TEXT_WIDTH",
    "aligned_rows",
    "broken",
    "broken_sum",
    "estimated_width",
    "factors_apart",
]

TEXT_WIDTH = 340.0
"""Points that an article of 10 pt leaves a formula."""

INDENT = 30.0
"""Points before a line that goes on: two quads and a sign."""

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[^\s]")
_BINARY = {"+", "-", "=", "<", ">", r"\odot", r"\otimes", r"\cdot", r"\geq", r"\leq"}
_SIGN, _BESIDE = 7.8, 4.4  # a binary sign, and the space around it outside of scripts
_SPACES = {r"\,": 1.7, r"\quad": 10.0, r"\qquad": 20.0}
_FRACTIONS = {r"\frac": 1.0, r"\tfrac": 0.7}
_NAMED = {r"\mathrm", r"\operatorname", r"\text", r"\mathbf", r"\mathbb"}
_BETWEEN = (r" \, ", r" \otimes ")
_LEAST = 120.0  # points that are left to a line, however wide what stands before it


def estimated_width(latex: str) -> float:
    r"""Return about how wide a formula is, in points at 10 pt.

    >>> estimated_width(r"\frac{a + b}{c}") == estimated_width("a + b") + 2.4
    True
    """
    tokens = _TOKEN.findall(latex)[::-1]
    return _run(tokens, _BESIDE)


def _run(tokens: list[str], beside: float) -> float:
    """Return the width up to the end or the brace that closes, and take these tokens away."""
    width = 0.0
    while tokens:
        token = tokens.pop()
        if token == "}":
            break
        width += _one(token, tokens, beside)
    return width


def _one(token: str, tokens: list[str], beside: float) -> float:
    if token == "{":
        return _run(tokens, beside)
    if token in _FRACTIONS:
        return _FRACTIONS[token] * max(_next(tokens, beside), _next(tokens, beside)) + 2.4
    if token in ("^", "_"):
        return 0.7 * _next(tokens, 0.0)
    if token == r"\sqrt":
        return 9.0 + _next(tokens, beside)
    if token in _NAMED:
        return _next(tokens, beside)
    if token in (r"\left", r"\right"):
        tokens.pop()
        return 5.3
    if token in _SPACES:
        return _SPACES[token]
    if token in _BINARY:
        return _SIGN + beside
    if token.startswith("\\"):
        # a function's name such as \tanh, or one letter
        return 5.0 * (len(token) - 1) if token in (r"\tanh", r"\exp", r"\log") else 6.5
    return 8.0 if token.isupper() else 5.2


def _next(tokens: list[str], beside: float) -> float:
    return _one(tokens.pop(), tokens, beside) if tokens else 0.0


def factors_apart(product: str) -> list[str]:
    r"""Return the factors of a product, each but the first with the sign before it.

    >>> factors_apart(r"\operatorname{diag}\left( a \, b \right) \, U \otimes x^{\top}")
    ['\\operatorname{diag}\\left( a \\, b \\right)', '\\, U', '\\otimes x^{\\top}']
    """
    found, depth, start = [], 0, 0
    for match in re.finditer(r"\\left|\\right|[{}]| \\, | \\otimes ", product):
        token = match.group()
        if token in _BETWEEN:
            if depth == 0:
                found.append(product[start : match.start()])
                start = match.start() + 1
        else:
            depth += 1 if token in ("{", r"\left") else -1
    return [*found, product[start:]]


def broken(product: str, room: float) -> list[str]:
    r"""Return a product in lines of at most ``room`` points where its factors allow that.

    A line that goes on begins with the sign of its product, ``\cdot`` between maps. A single factor
    that is wider is broken as a sum.
    """
    first, *rest = factors_apart(product)
    lines = broken_sum(first, room)
    for factor in rest:
        if estimated_width(f"{lines[-1]} {factor}") <= room:
            lines[-1] += f" {factor}"
        else:
            shown = factor if factor.startswith(r"\otimes") else rf"\cdot {factor[3:]}"
            lines += broken_sum(shown, room)
    return lines


def broken_sum(whole: str, room: float) -> list[str]:
    r"""Return a sum in lines of at most ``room`` points where its signs allow that.

    Signs outside of all parentheses are taken first, then those inside one pair, and so on; a pair
    that is broken no longer stretches. A line that goes on begins with its sign.

    >>> broken_sum(r"f_{t} \, c_{t-1} + i_{t} \, g_{t}", 40)
    ['f_{t} \\, c_{t-1}', '{}+ i_{t} \\, g_{t}']
    >>> broken_sum(r"\tanh\left( U \, h + W \, x \right)", 50)
    ['\\tanh\\bigl( U \\, h', '{}+ W \\, x \\bigr)']
    """
    if estimated_width(whole) <= room:
        return [whole]
    places = _signs(whole)
    lines = [whole]
    for most in sorted({depth for _, depth in places}):
        lines = _filled(whole, [at for at, depth in places if depth <= most], room)
        if all(estimated_width(line) <= room for line in lines):
            break
    if len(lines) > 1 and any(line.count(r"\left") != line.count(r"\right") for line in lines):
        lines = [line.replace(r"\left", r"\bigl").replace(r"\right", r"\bigr") for line in lines]
    first, *rest = lines
    return [first, *(f"{{}}{line}" for line in rest)]


def _signs(whole: str) -> list[tuple[int, int]]:
    """Return where a sign stands that is in no braces, and inside how many parentheses."""
    found, braces, depth = [], 0, 0
    for match in re.finditer(r"\\left|\\right|\\begin|\\end|[{}]| [+-] ", whole):
        token = match.group()
        if token in (r"\begin", r"\end"):
            return []
        if token in "{}":
            braces += 1 if token == "{" else -1
        elif token in (r"\left", r"\right"):
            depth += 1 if token == r"\left" else -1
        elif not braces:
            found.append((match.start(), depth))
    return found


def _filled(whole: str, places: list[int], room: float) -> list[str]:
    """Return lines that end at some of the places, each as full as there is room."""
    lines, start, last = [], 0, 0
    for at in [*places, len(whole)]:
        if last > start and estimated_width(whole[start:at]) > room:
            lines.append(whole[start:last].strip())
            start = last
        last = at
    return [*lines, whole[start:].strip()]


def aligned_rows(rows: Sequence[tuple[str, str]], before: float = 0.0) -> str:
    r"""Return equations in one aligned display, long sums in several lines.

    ``before`` are the points of what stands at the left of the display.

    >>> print(aligned_rows([("a", "b")]))
    \begin{aligned}
    a &= b
    \end{aligned}
    """
    beside = max((estimated_width(f"{left} = ") for left, _ in rows), default=0.0)
    room = max(TEXT_WIDTH - before - beside - INDENT, _LEAST)
    shown = [
        f"{left} &= " + " \\\\\n&\\quad ".join(broken_sum(right, room)) for left, right in rows
    ]
    return "\\begin{aligned}\n" + " \\\\\n".join(shown) + "\n\\end{aligned}"
