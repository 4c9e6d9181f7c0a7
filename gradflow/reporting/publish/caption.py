r"""Captions: prose with LaTeX between dollar signs, for a page, a terminal and a paper alike."""

from __future__ import annotations

import re

from gradflow.errors import UsageError
from gradflow.prose import split_inline
from gradflow.reporting.document.checks import check_string

__all__ = ["check_caption", "latex_caption"]

# What means something else to LaTeX outside a formula, and signs its fonts may lack.
_ESCAPES = {"%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "–": "--", "−": "$-$", "…": r"\dots{}"}
_ESCAPED = re.compile("|".join(map(re.escape, _ESCAPES)))


def check_caption(where: str, text: str) -> None:
    """Raise ``UsageError`` unless ``text`` has letters and every formula in it is closed."""
    check_string(where, text)
    if not text.strip():
        raise UsageError(f"{where} is empty; say in words what the figure shows.")
    split_inline(text)


def latex_caption(name: str, text: str) -> str:
    r"""Return the caption and the label of figure ``name`` as LaTeX, to be read by ``\input``.

    Formulas stay as they are, the rest is escaped.

    >>> print(latex_caption("fan", r"At most 5 % of $\sigma_1$ & so on"))
    \caption{At most 5 \% of $\sigma_1$ \& so on}
    \label{fig:fan}%
    <BLANKLINE>
    """
    pieces = [
        f"${span.content}$"
        if span.math
        else _ESCAPED.sub(lambda sign: _ESCAPES[sign[0]], span.content)
        for span in split_inline(text)
    ]
    return f"\\caption{{{''.join(pieces)}}}\n\\label{{fig:{name}}}%\n"
