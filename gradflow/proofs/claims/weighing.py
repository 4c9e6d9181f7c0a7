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
_GROWS = "this allows growth and does not show it"
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
            what=what, rate=shown, consequence=vanishes if Fraction(shown) < 1 else _GROWS
        ),
        "formula": rf"\kappa \le {shown}",
        "hypotheses": tuple(str(text) for text in data["assumes"]),
        "proof": (*norms, *heights, f"column sums at these norms: at most {shown}"),
        "witness": f"these weights, whose numbers have the digest {_digest(data)}",
        "false": "",
        "scope": _SCOPE,
    }


_WEIGHTED = (
    r"for these weights $\|P(t, k)\|$ is at most ${spread} \cdot ({rate})^{{t-k}}$, "
    r"for every input: {consequence}"
)


def weighted_texts(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return words, formula, hypotheses and their like of evidence of the kind ``weighted``.

    Raises ``KeyError``, ``TypeError``, ``ValueError`` or ``InputError`` for other data.
    """
    weights = data["singular"]["weights"]
    rate = decimal_above(fraction_from_json(data["rate"]))
    spread = decimal_above(Fraction(max(weights), min(weights)))
    consequence = "every gradient vanishes" if Fraction(rate) < 1 else _GROWS
    numbers = {"map": [data["singular"]["matrix"], data["singular"]["shift"]]}
    return {
        "words": _WEIGHTED.format(spread=spread, rate=rate, consequence=consequence),
        "formula": rf"\|P(t, k)\|_2 \le {spread} \cdot ({rate})^{{t-k}}",
        "hypotheses": tuple(str(text) for text in data["assumes"]),
        "proof": (
            rf"$\|Q W v\| \le {decimal_above(fraction_from_json(data['singular']['bound']))} "
            r"\|Q v\|$ with weights $Q = \operatorname{diag}(q)$, in whole numbers",
            rf"the largest weight over the smallest is at most {spread}",
        ),
        "witness": f"these weights, whose numbers have the digest {_sha(numbers)}",
        "false": "",
        "scope": _SCOPE,
    }


def _digest(data: Mapping[str, Any]) -> str:
    """Return the first digits of the SHA-256 of the weights themselves."""
    maps = {name: [item["matrix"], item["shift"]] for name, item in data["singular"].items()}
    return _sha([maps, data["given"]])


def _sha(numbers: Any) -> str:
    text = json.dumps(numbers, sort_keys=True)
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
