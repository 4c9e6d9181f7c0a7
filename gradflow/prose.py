"""Prose that carries formulas between dollar signs, taken apart into text and LaTeX."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from gradflow.errors import UsageError

__all__ = ["Span", "plain_text", "split_inline"]

_COMMAND = re.compile(r"\\([A-Za-z]+|.)")
_SIGNS = {
    "times": "×",
    "cdot": "·",
    "le": "≤",
    "ge": "≥",
    "approx": "≈",
    "pm": "±",
    "to": "→",
    "infty": "∞",
    "partial": "∂",
    "sum": "Σ",
    "|": "‖",
    "Vert": "‖",
    "lVert": "‖",
    "rVert": "‖",
    ",": "",
    " ": " ",
    "%": "%",
    "lambda": "λ",
}
# Commands that only say how what follows them is set.
_UNSAID = {"mathrm", "mathbf", "operatorname", "text", "left", "right", "quad", "mathcal"}
_TOKEN = re.compile(r"\\\$|\$")


@dataclass(frozen=True)
class Span:
    """A stretch of prose: ``content`` is text, or LaTeX without its dollar signs when ``math``."""

    content: str
    math: bool


def split_inline(text: str) -> tuple[Span, ...]:
    r"""Take ``text`` apart at its dollar signs; ``\$`` in the text stands for a dollar sign.

    Parameters
    ----------
    text : str
        Prose such as ``"the gate $f_t$ multiplies the memory"``.

    Returns
    -------
    tuple of Span
        Text and formulas in order; empty stretches of text are left out.

    Raises
    ------
    UsageError
        A formula is not closed, or is empty.
    """
    spans: list[Span] = []
    content, start, math = "", 0, False
    for token in _TOKEN.finditer(text):
        content += text[start : token.start()]
        start = token.end()
        if token[0] == r"\$":
            content += r"\$" if math else "$"
            continue
        if math and not content.strip():
            raise UsageError(
                f"the text {text!r} has an empty formula; write LaTeX between the two dollar "
                r"signs, or \$ for a dollar sign."
            )
        if content:
            spans.append(Span(content, math))
        content, math = "", not math
    content += text[start:]
    if math:
        raise UsageError(
            f"the text {text!r} opens a formula with $ and does not close it; formulas stand "
            r"between two dollar signs, so add the second, or write \$ for a dollar sign."
        )
    return (*spans, Span(content, False)) if content else tuple(spans)


def plain_text(text: str) -> str:
    r"""Return ``text`` with its formulas in plain signs, for a window's title or a terminal.

    >>> plain_text(r"at most $2.1 \times 10^{-7}\, \|\sigma_{max}\|$ and \$")
    'at most 2.1 × 10^-7 ‖σ_max‖ and $'
    """
    return "".join(_plain_math(s.content) if s.math else s.content for s in split_inline(text))


def _plain_math(latex: str) -> str:
    return _COMMAND.sub(_sign, latex).replace("{", "").replace("}", "")


def _sign(command: re.Match[str]) -> str:
    word = command[1]
    if word in _SIGNS:
        return _SIGNS[word]
    case = "SMALL" if word.islower() else "CAPITAL"
    try:
        return unicodedata.lookup(f"GREEK {case} LETTER {word.upper()}")
    except KeyError:
        return word if word.isalpha() and word not in _UNSAID else ""
