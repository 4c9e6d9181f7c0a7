"""The texts of a claim about given weights: made from its data alone, without SymPy.

The checker makes them again and compares, so that every number in the words is one that the
evidence proves.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from gradflow.proofs.algebra.polynomial import fraction_from_json

DIGITS = 7

_WORDS = r"for these weights {what} is at most $({rate})^{{t-k}}$, for every input: {consequence}"
_SCOPE = "norms from whole numbers alone; floating point inside the network is not covered"


def weights_texts(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return words, formula, hypotheses and their like of evidence of the kind ``weights``.

    Raises ``KeyError``, ``TypeError``, ``ValueError`` or ``InputError`` for other data.
    """
    rate = fraction_from_json(data["rate"])
    shown = decimal_above(rate)
    one = len(data["derivation"]["states"]) == 1
    what = (
        r"$\|P(t, k)\|$" if one else "the sum of the parts' gradient norms at $t$ over that at $k$"
    )
    vanishes = "every gradient vanishes"
    grows = "this allows growth and does not show it"
    norms = [
        rf"$\|{_named(name)}\| \le {decimal_above(fraction_from_json(item['bound']))}$"
        for name, item in sorted(data["singular"].items())
    ]
    heights = [
        rf"$\sup|{_named(name)}| \le {decimal_above(fraction_from_json(height))}$"
        for name, height in sorted(data["given"].items())
    ]
    return {
        "words": _WORDS.format(
            what=what, rate=shown, consequence=vanishes if Fraction(shown) < 1 else grows
        ),
        "formula": rf"\kappa \le {shown}",
        "hypotheses": tuple(str(text) for text in data["assumes"]),
        "proof": (*norms, *heights, f"column sums at these norms: at most {shown}"),
        "witness": f"these weights, whose numbers have the digest {_digest(data)}",
        "false": "",
        "scope": _SCOPE,
    }


def _digest(data: Mapping[str, Any]) -> str:
    """Return the first digits of the SHA-256 of the weights themselves."""
    maps = {name: [item["matrix"], item["shift"]] for name, item in data["singular"].items()}
    text = json.dumps([maps, data["given"]], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def decimal_above(value: Fraction, digits: int = DIGITS) -> str:
    """Return a decimal of so many significant digits that is not below a value of at least 0."""
    if value == 0:
        return "0"
    places = digits - (len(str(value.numerator // value.denominator)) if value >= 1 else 0)
    while value * 10**places < 10 ** (digits - 1):
        places += 1
    places = max(places, 0)
    up = str(-(-value.numerator * 10**places // value.denominator)).rjust(places + 1, "0")
    whole, rest = up[: len(up) - places], up[len(up) - places :].rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def _named(text: str) -> str:
    """Return the names in a text as LaTeX: what follows the first underscore is a subscript."""
    return re.sub(r"[A-Za-z]\w*", lambda found: _name(*found[0].split("_")), text)


def _name(head: str, *rest: str) -> str:
    letter = head if len(head) == 1 else rf"\mathrm{{{head}}}"
    return f"{letter}_{{{' '.join(rest)}}}" if rest else letter
