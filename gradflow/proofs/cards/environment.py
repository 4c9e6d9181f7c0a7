r"""A theorem as LaTeX: a theorem environment with its hypotheses, and its proof.

Formulas stand in the running text, where TeX may break them after a relation or an operator, so
that no line is wider than the column; a document needs ``amsmath`` and ``amsthm`` and one
``\newtheorem{theorem}{Theorem}``.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradflow.prose import latex_text

PREAMBLE = r"""\documentclass{article}
\usepackage{amsmath,amsthm}
\newtheorem{theorem}{Theorem}
"""
"""What a document that holds such a theorem begins with."""


def environment(
    *,
    title: str,
    words: str,
    display: Sequence[str],
    hypotheses: Sequence[str],
    proof: Sequence[str],
) -> str:
    """Return a theorem environment with its hypotheses, followed by the proof.

    ``display`` are formulas without dollars; the other texts carry them between dollars.
    """
    lines = [rf"\begin{{theorem}}[{latex_text(sentence(title))}]", r"\sloppy\raggedright"]
    lines += [f"{latex_text(sentence(words))}.", *map(_shown, display)]
    if hypotheses:
        lines += [r"\par\noindent Assumed:", r"\begin{itemize}"]
        lines += [rf"\item {latex_text(text)}" for text in hypotheses]
        lines += [r"\end{itemize}"]
    lines += [r"\end{theorem}"]
    if proof:
        lines += [r"\begin{proof}", r"\sloppy\raggedright"]
        lines += [rf"{latex_text(text)}\par" for text in proof[:-1]]
        lines += [f"{latex_text(proof[-1])}.", r"\end{proof}"]
    # between the factors of a product TeX breaks only where it is told that it may
    return "\n".join(lines).replace(r" \, ", r" \,\allowbreak ")


def sentence(text: str) -> str:
    """Return a text with a capital letter in front."""
    return text[:1].upper() + text[1:]


def document(*theorems: str) -> str:
    """Return a whole LaTeX document with theorem environments in it."""
    body = "\n\n".join(theorems)
    return f"{PREAMBLE}\\begin{{document}}\n{body}\n\\end{{document}}\n"


def _shown(formula: str) -> str:
    """Return a formula on lines of its own, which may be broken."""
    return rf"\par\smallskip\noindent\hangindent=2em\hangafter=1 $\displaystyle {formula}$\par"
