"""MathML to the mathematics of Typst; the tree is the one that the page shows.

A tag that is not known here is an error and not a guess.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

from gradflow.errors import UsageError
from gradflow.reporting.drawing.scene import PATHS
from gradflow.reporting.render.mathml import latex_to_mathml

__all__ = ["latex_to_typst", "string"]

Tree = ElementTree.Element

_FENCES = set("()[]{}|‖⌊⌋⌈⌉⟨⟩")
# Signs that Typst would read as its own.
_OWN = set("()[]{}|,;/\\^_&#\"$'@`~*!.:")
_INVISIBLE = {"\u2061", "\u2062", "\u2063", "\u2064"}
_BRACES = {"⏟": "underbrace", "⏞": "overbrace"}


def latex_to_typst(latex: str, display: bool) -> str:
    r"""Return one formula as Typst has it, between its dollar signs.

    >>> latex_to_typst(r"\frac{a}{b_t}", display=False)
    '$frac(a, attach(b, b: t))$'
    """
    tree = ElementTree.fromstring(latex_to_mathml(latex, display=display))
    body = _rows(tree[0]) if len(tree) == 1 and tree[0].tag == "mtable" else _children(tree)
    return f"$ {body} $" if display else f"${body}$"


def string(text: str) -> str:
    r"""Return text as a string of Typst.

    >>> string('a "b"')
    '"a \\"b\\""'
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _children(tree: Tree) -> str:
    return " ".join(part for part in map(_one, tree) if part)


def _one(tree: Tree) -> str:
    if tree.tag not in _SETTERS:
        raise UsageError(
            f"report: a formula has <{tree.tag}>, which gradflow cannot set in a PDF; write it "
            "otherwise, or write another format."
        )
    said = _SETTERS[tree.tag](tree)
    return _coloured(tree, said)


def _coloured(tree: Tree, said: str) -> str:
    for number in range(1, PATHS + 1):
        if tree.get("class") == f"c-path-{number}":
            return f"#text(fill: path{number}, $ {said} $.body)"
    return said


def _identifier(tree: Tree) -> str:
    name = tree.text or ""
    if len(name) > 1:
        return f"op({string(name)})"
    upright = tree.get("mathvariant") == "normal"
    return f"upright({string(name)})" if upright and name.isalpha() else _sign(name)


def _operator(tree: Tree) -> str:
    text = tree.text or ""
    if text in _INVISIBLE:
        return ""
    if len(text) > 1:
        return f"op({string(text)})"
    return _sign(text)


def _sign(text: str) -> str:
    if text == "−":
        return "-"
    return f"\\{text}" if text in _OWN else text


def _row(tree: Tree) -> str:
    inside = _children(tree)
    parts = list(tree)
    fenced = len(parts) > 1 and {parts[0].tag, parts[-1].tag} == {"mo"}
    tall = fenced and parts[0].get("stretchy") != "false"
    if tall and (parts[0].text or "") in {*_FENCES, "\u2063", ""}:
        return f"lr({inside})"
    return inside


def _fraction(tree: Tree) -> str:
    name = "binom" if tree.get("linethickness") == "0" else "frac"
    above, below = map(_one, tree)
    return f"{name}({above}, {below})"


def _attached(*places: str) -> Callable[[Tree], str]:
    def attach(tree: Tree) -> str:
        base, *around = tree
        if len(around) == 1 and (around[0].text or "") in _BRACES:
            return f"{_BRACES[around[0].text or '']}({_one(base)})"
        if len(base) == 2 and (base[1].text or "") in _BRACES and len(around) == 1:
            brace = _BRACES[base[1].text or ""]
            return f"{brace}({_one(base[0])}, {_one(around[0])})"
        limits = tree.tag in ("munder", "mover", "munderover")
        body = f"limits({_one(base)})" if limits else _one(base) or '""'
        told = [f"{place}: {_one(part)}" for place, part in zip(places, around, strict=True)]
        return f"attach({', '.join([body, *told])})"

    return attach


def _table(tree: Tree) -> str:
    rows = "; ".join(", ".join(_children(cell) or '""' for cell in row) for row in tree)
    return f"mat(delim: #none, align: #left, {rows})"


def _rows(tree: Tree) -> str:
    """Return a table that is the whole formula as lines that are aligned."""
    return " \\\n".join(" & ".join(_children(cell) for cell in row) for row in tree)


def _space(tree: Tree) -> str:
    width = tree.get("width", "")
    return f"#h({width})" if width.endswith("em") else ""


_SETTERS: dict[str, Callable[[Tree], str]] = {
    "mi": _identifier,
    "mn": lambda tree: tree.text or "",
    "mo": _operator,
    "mtext": lambda tree: string(tree.text or ""),
    "mspace": _space,
    "mrow": _row,
    "mstyle": _children,
    "mpadded": _children,
    "mfrac": _fraction,
    "msub": _attached("b"),
    "msup": _attached("t"),
    "msubsup": _attached("b", "t"),
    "munder": _attached("b"),
    "mover": _attached("t"),
    "munderover": _attached("b", "t"),
    "msqrt": lambda tree: f"sqrt({_children(tree)})",
    "mtable": _table,
}
