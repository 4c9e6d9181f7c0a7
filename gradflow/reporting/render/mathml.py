r"""LaTeX to MathML; the one place that knows the converter.

The converter (math-core 0.9) takes the LaTeX that SymPy and this package print. It has no
``\substack``, ``\tag``, ``\label``, ``\widetilde``, ``\verb`` and no formula inside ``\text{...}``,
and its environments are these:

=====================  ==============================================================
accepted               ``aligned``, ``gathered``, ``cases``, ``dcases``, ``array``, ``align*``,
                       ``matrix`` and its ``p``, ``b``, ``B``, ``v``, ``V`` forms
unknown                ``split``, ``alignedat``, ``smallmatrix``
refused here           numbered ones (``equation``, ``align``, ``gather``, ``multline``): a block
                       has its own number
=====================  ==============================================================

Some LaTeX it accepts and sets **wrongly without a word**; that is refused here: the optional
argument of a line break or an environment (``\\[4pt]``, ``\\*``, ``\begin{aligned}[t]``, whose
brackets would be printed), a line break outside every environment and a comment (both of which
would be dropped).
"""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from itertools import pairwise
from xml.etree import ElementTree

from math_core import LatexError, LatexToMathML

from gradflow.errors import UsageError
from gradflow.reporting.drawing.scene import PATH_COLOURS

__all__ = ["latex_to_mathml"]

_CONVERTER = LatexToMathML(fancy_error=False)
_TRAPS = (
    (re.compile(r"\\\\\s*(\[|\*)"), "an argument after a line break"),
    (re.compile(r"\\begin\s*\{(?!array)[^}]*\}\s*\["), "an argument after \\begin{...}"),
    (re.compile(r"\\begin\s*\{(equation|align|gather|multline)\}"), "a numbered environment"),
    (re.compile(r"(?<!\\)(\\\\)*%"), "a comment"),
)
_BREAKS = re.compile(r"\\(begin|end)\b|\\\\")
_FENCES = tuple("()[]{}|‖⌊⌋⌈⌉⟨⟩")
_EDGES = (*_FENCES, "\u2063")  # the invisible separator, for \left. and \right.
_TALL = ("mfrac", "mtable", "munder", "munderover", "msqrt", "mroot")
_APPLY_FUNCTION = "\u2061"
_NAMED_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)[A-Za-z]+;")


def latex_to_mathml(latex: str, display: bool) -> str:
    r"""Convert one formula to a ``<math>`` element that is well-formed as HTML and as XML.

    Parameters
    ----------
    latex : str
        A formula in math mode, without dollar signs, such as ``\operatorname{diag}(f_t)``.
    display : bool
        Set it on a line of its own, with full-size sums and fractions.

    Returns
    -------
    str
        ``<math>...</math>``; equal formulas give equal text.

    Raises
    ------
    UsageError
        The formula cannot be converted, or would be set wrongly (see the table above).
    """
    for pattern, trap in _TRAPS:
        if pattern.search(latex):
            raise _refusal(latex, f"it has {trap}")
    depth = 0
    for token in _BREAKS.finditer(latex):
        depth += {"begin": 1, "end": -1}.get(token[1] or "", 0)
        if token[0] == r"\\" and depth == 0:
            raise _refusal(latex, "it has a line break outside an environment such as aligned")
    try:
        mathml = _CONVERTER.convert_with_local_state(latex, displaystyle=display)
    except LatexError as error:
        raise _refusal(latex, str(error)) from error
    tree = _parsed(mathml)
    _settle_fences(tree)
    _name_colours(tree)
    return ElementTree.tostring(tree, encoding="unicode")


def _parsed(mathml: str) -> ElementTree.Element:
    return ElementTree.fromstring(_NAMED_ENTITY.sub(lambda name: unescape(name[0]), mathml))


@cache
def _colour_classes() -> dict[str, str]:
    """Return the class of a path for each style that the converter gives its colour."""
    styles = {}
    for number, colour in enumerate(PATH_COLOURS, 1):
        one = _CONVERTER.convert_with_local_state(
            rf"\textcolor{{{colour}}}{{x}}", displaystyle=False
        )
        styles[str(_parsed(one)[0].get("style"))] = f"c-path-{number}"
    return styles


def _name_colours(tree: ElementTree.Element) -> None:
    """Say which path a colour means instead of the colour, so that a style sheet can choose it."""
    for part in tree.iter():
        if name := _colour_classes().get(part.get("style", "")):
            del part.attrib["style"]
            part.set("class", name)


def _settle_fences(tree: ElementTree.Element) -> None:
    r"""Set ``\left( x \right)`` like ``(x)`` where nothing inside is tall.

    Browsers reserve the width of the tallest bracket for one that could have stretched, which
    leaves gaps on both sides of it.
    """
    settled = set()
    for row in tree.iter("mrow"):
        inside = list(row)
        enclosed = len(inside) > 1 and inside[0].text in _EDGES and inside[-1].text in _EDGES
        if enclosed and not any(part.tag in _TALL or part.get("minsize") for part in row.iter()):
            settled.add(row)
            inside[0].attrib.pop("lspace", None)
            for mo in inside:
                if mo.tag == "mo" and mo.text in _FENCES:
                    mo.set("stretchy", "false")
    for parent in tree.iter():
        for mo, row in pairwise(parent):
            if row in settled and mo.text == _APPLY_FUNCTION:
                mo.set("lspace", "0")
            elif row in settled and mo.tag == "mo" and (mo.text or "").isalpha():
                mo.set("rspace", "0")  # a function's name, inside a table


def _refusal(latex: str, found: str) -> UsageError:
    return UsageError(
        f"the formula {latex!r} cannot be set as MathML: {found}; "
        "gradflow.reporting.render.mathml lists what is accepted, so rewrite the formula."
    )
