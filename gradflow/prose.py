"""Prose that carries formulas between dollar signs, taken apart into text and LaTeX."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from gradflow.errors import UsageError

__all__ = [
    "Span",
    "ascii_text",
    "latex_text",
    "number_text",
    "plain_text",
    "raised_html",
    "split_inline",
    "table_html",
]

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
    "lfloor": "⌊",
    "rfloor": "⌋",
}
_KEYS = {
    "times": "x",
    "cdot": "*",
    "le": "<=",
    "ge": ">=",
    "ne": "!=",
    "approx": "~",
    "pm": "+-",
    "to": "->",
    "Rightarrow": "=>",
    "infty": "inf",
    "partial": "d",
    "equiv": "=",
    "lfloor": "floor(",
    "rfloor": ")",
    "varepsilon": "eps",
    "|": "|",
    ",": " ",
    ";": " ",
    "quad": " ",
    "qquad": " ",
    " ": " ",
    "%": "%",
}
# Commands that only say how what follows them is set; the first have a group, the others none.
_SET = {"mathrm", "mathbf", "mathtt", "mathcal", "operatorname", "text"}
_UNSAID = {*_SET, "left", "right", "quad", "displaystyle"}
_MATRIX = {"&": ", ", r"\\": "], ["}
_OPENING = {r"\left", r"\lfloor", "&", r"\\"}
_CLOSING = {r"\right", r"\rfloor", ")", "&", r"\\"}
_FRACTIONS = {"frac", "tfrac", "dfrac"}
_SIMPLE = re.compile(r"-?\w+(\([^()]*\))?|.")
_WHOLE = re.compile(r"[\w|.]+")
_MATH = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
_ESCAPES = str.maketrans({s: f"\\{s}" for s in "%&#_$"})
_POWER = re.compile(r"10\^(-?[\d.]*\d)")
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
    return "".join(_plain(s.content, _sign) if s.math else s.content for s in split_inline(text))


def ascii_text(text: str) -> str:
    r"""Return ``text`` with its formulas in the signs of a keyboard, for any terminal and any file.

    >>> ascii_text(r"$\|P(t, k)\| \le \left( \tfrac{1}{4} \|U_f\| \right)^{t-k}$ for all $\kappa$")
    '|P(t, k)| <= (1/4 |U_f|)^(t-k) for all kappa'
    """
    return "".join(_plain(s.content, _key) if s.math else s.content for s in split_inline(text))


def number_text(value: float, form: str) -> str:
    """Return a number in a sentence: a minus, and no hyphen, stands before it.

    >>> number_text(-0.0286, ".2g"), number_text(179.0, ".3g")
    ('−0.029', '179')
    """
    return format(value, form).replace("-", "−")


def raised_html(text: str) -> str:
    """Return text for a notebook, its powers of ten raised.

    >>> raised_html("a < 10^-6.4")
    'a &lt; 10<sup>−6.4</sup>'
    """
    return _POWER.sub(lambda m: f"10<sup>{m[1].replace('-', '−')}</sup>", escape(text))


def table_html(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Return a table for a notebook, its words at the left and powers of ten raised.

    >>> table_html([["10^-6.4"]])
    '<table><tr><td style="text-align: left">10<sup>−6.4</sup></td></tr></table>'
    """
    lines = [("th", head)] * bool(head) + [("td", row) for row in rows]
    return f"<table>{''.join(_row_html(kind, row) for kind, row in lines)}</table>"


def _row_html(kind: str, row: Sequence[str]) -> str:
    cells = (f'<{kind} style="text-align: left">{raised_html(text)}</{kind}>' for text in row)
    return f"<tr>{''.join(cells)}</tr>"


def latex_text(text: str, signs: Mapping[str, str] | None = None) -> str:
    r"""Return ``text`` as LaTeX: formulas as they are, the rest with LaTeX's own signs escaped.

    ``signs`` says what other signs of the text become.

    >>> latex_text(r"the claim lstm.forget_bias holds for $b_f$")
    'the claim lstm.forget\\_bias holds for $b_f$'
    """
    table = _ESCAPES | str.maketrans(dict(signs or {}))
    return "".join(
        f"${s.content}$" if s.math else s.content.translate(table) for s in split_inline(text)
    )


def _plain(latex: str, sign: Callable[[str], str]) -> str:
    return _Reader(latex, sign).until("")


class _Reader:
    """Reads LaTeX sign by sign and says it in plain text; ``sign`` gives that of a command."""

    def __init__(self, latex: str, sign: Callable[[str], str]) -> None:
        self.tokens = deque(_MATH.findall(latex))
        self.sign = sign

    def until(self, end: str) -> str:
        """Return everything before the token ``end``, which is taken too."""
        said = ""
        while self.tokens and self.tokens[0] != end:
            token = self.tokens.popleft()
            if token in _CLOSING:
                said = said.rstrip()
            more = self.one(token)
            said += more.lstrip() if said[-1:] in ("", " ") else more
        if self.tokens:
            self.tokens.popleft()
        return said

    def one(self, token: str) -> str:
        """Return what one token says, with the arguments it takes."""
        command = token[1:]
        if token == "{":
            return self.until("}")
        if token in "^_":
            power = self.argument()
            return token + (power if _SIMPLE.fullmatch(power) else f"({power})")
        if token in _OPENING:
            said = self.one(self.tokens.popleft()) if token == r"\left" else self.word(token)
            while self.tokens and self.tokens[0] == " ":
                self.tokens.popleft()
            return said
        if not token.startswith("\\"):
            return token
        if command in _FRACTIONS:
            parts = [self.argument(), self.argument()]
            return "/".join(p if _WHOLE.fullmatch(p) else f"({p})" for p in parts)
        if command == "binom":
            return f"({self.argument()}, {self.argument()})"
        if command == "begin":
            self.argument()
            rows = self.until(r"\end")
            self.argument()
            return f"[[{rows.strip()}]]"
        if command == "sqrt":
            return f"{self.sign(command)}({self.argument()})"
        return self.argument() if command in _SET else self.word(token)

    def word(self, token: str) -> str:
        """Return what a command without arguments says."""
        return _MATRIX[token] if token in _MATRIX else self.sign(token[1:])

    def argument(self) -> str:
        """Return what the next group or sign says."""
        while self.tokens and self.tokens[0] == " ":
            self.tokens.popleft()
        return self.one(self.tokens.popleft()).strip() if self.tokens else ""


def _sign(word: str) -> str:
    """Return a command's sign: that of the table, a Greek letter, or the word itself."""
    if word in _SIGNS:
        return _SIGNS[word]
    case = "SMALL" if word.islower() else "CAPITAL"
    try:
        return unicodedata.lookup(f"GREEK {case} LETTER {word.upper()}")
    except KeyError:
        return word if word.isalpha() and word not in _UNSAID else ""


def _key(word: str) -> str:
    """Return a command's sign in the letters of a keyboard."""
    return _KEYS.get(word, word if word.isalpha() and word not in _UNSAID else "")
