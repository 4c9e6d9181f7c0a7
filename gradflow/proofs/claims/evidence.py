"""What certifies a claim without Coq: plain data, and one exact checker a kind of it.

Nothing here imports SymPy or NumPy: integers and fractions decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from gradflow.errors import GradflowError
from gradflow.proofs.algebra.integers import singular_fault
from gradflow.proofs.algebra.polynomial import exact
from gradflow.proofs.bounding.certificates import diagonal_from_json, invariant_from_json
from gradflow.proofs.bounding.norms import step_from_json

Matrix = list[list[Fraction]]
_LONGEST, _BITS, _WIDEST = 100_000, 1_000_000, 4096


def check(evidence: Mapping[str, Any]) -> str:
    """Return what is wrong with one piece of evidence, ``""`` if it holds.

    Evidence that cannot be read, or is of an unknown kind, is wrong.
    """
    try:
        if evidence.get("kind") == "gradient":
            return _gradient(evidence)
        checker = _CHECKERS.get(str(evidence.get("kind")))
        if checker is None:
            return f"evidence of an unknown kind {evidence.get('kind')!r}"
        return checker(evidence)
    except GradflowError as error:
        return str(error)
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        return f"evidence that cannot be read ({type(error).__name__}: {str(error)[:200]})"


def _gradient(evidence: Mapping[str, Any]) -> str:
    # the only checker that reads NumPy's module, which the others can do without
    from gradflow.proofs.certified.gradient.replay import fault

    return fault(evidence)


def step(bound: Any) -> dict[str, Any]:
    """Return the derivation of the norm bounds of a step as evidence."""
    return {"kind": "step", "derivation": bound.to_json()}


def invariant(found: Any) -> dict[str, Any]:
    """Return an invariant box as evidence."""
    return {"kind": "invariant", **found.to_json()}


def power(base: Fraction, exponent: int, factor: int, digits: int) -> dict[str, Any]:
    """Return decimals below and above ``factor * base^exponent``, ``digits`` after the point."""
    value = factor * base**exponent
    low = value.numerator * 10**digits // value.denominator
    return {
        "kind": "power",
        "base": str(base),
        "exponent": exponent,
        "factor": factor,
        "digits": digits,
        "low": str(low),
        "high": str(low + 1),
    }


def matrix(entries: Sequence[Sequence[Fraction | int]], **facts: Any) -> dict[str, Any]:
    """Return facts about an exact matrix as evidence.

    ``eigenvector=(v, value)``: ``A v = value v``; ``nilpotent=m``: ``A^m = 0``;
    ``zero_columns=[...]``; ``rows=(d, B)``: ``A = diag(d) B`` with ``0 < d <= 1``.
    """
    found: dict[str, Any] = {"kind": "matrix", "entries": [[str(x) for x in r] for r in entries]}
    if "eigenvector" in facts:
        vector, value = facts["eigenvector"]
        found["eigenvector"] = [str(x) for x in vector]
        found["eigenvalue"] = str(value)
    for key in ("nilpotent", "zero_columns"):
        if key in facts:
            found[key] = facts[key]
    if "rows" in facts:
        scale, base = facts["rows"]
        found["scale"] = [str(x) for x in scale]
        found["base"] = [[str(x) for x in r] for r in base]
    return found


def _check_step(data: Mapping[str, Any]) -> str:
    bound = step_from_json(data["derivation"])
    if bound.statement() != data["derivation"]["statement"]:
        return "the statement is not what the derivation shows"
    return bound.fault()


def _check_diagonal(data: Mapping[str, Any]) -> str:
    return diagonal_from_json(data["diagonal"]).fault()


def _check_invariant(data: Mapping[str, Any]) -> str:
    return invariant_from_json(data).fault()


def _check_power(data: Mapping[str, Any]) -> str:
    base, exponent, factor = exact(data["base"]), data["exponent"], data["factor"]
    digits, low, high = data["digits"], exact(data["low"]), exact(data["high"])
    if not all(type(k) is int and 0 <= k <= _LONGEST for k in (exponent, digits)):
        return f"exponent and digits are whole numbers from 0 to {_LONGEST}"
    if exponent * max(base.numerator.bit_length(), base.denominator.bit_length()) > _BITS:
        return f"the power has more than {_BITS} binary digits"
    if type(factor) is not int or high != low + 1:
        return "the decimals are not neighbours"
    value = factor * base**exponent * 10**digits
    return "" if low <= value <= high else "the power does not lie between the decimals"


def _check_matrix(data: Mapping[str, Any]) -> str:
    a = _rows(data["entries"])
    size = len(a)
    if not 0 < size <= _WIDEST or any(len(row) != size for row in a):
        return f"the matrix is not square, or wider than {_WIDEST}"
    if "eigenvector" in data:
        vector, value = [exact(x) for x in data["eigenvector"]], exact(data["eigenvalue"])
        if len(vector) != size or not any(vector):
            return "the eigenvector is zero or has the wrong length"
        image = [sum((x * y for x, y in zip(r, vector, strict=True)), Fraction(0)) for r in a]
        if image != [value * x for x in vector]:
            return "the vector is no eigenvector"
    if "nilpotent" in data:
        power, times = a, data["nilpotent"]
        if type(times) is not int or not 1 <= times <= size:
            return "a nilpotent matrix has a power of at most its size that is 0"
        for _ in range(times - 1):
            power = _product(power, a)
        if any(x for row in power for x in row):
            return "the power is not zero"
    columns = data.get("zero_columns", [])
    if any(type(k) is not int or not 0 <= k < size for k in columns):
        return "a column that should vanish is not there"
    if any(row[k] for row in a for k in columns):
        return "a column that should vanish does not"
    if "base" in data:
        scale, base = [exact(x) for x in data["scale"]], _rows(data["base"])
        if any(not 0 < d <= 1 for d in scale):
            return "a derivative of tanh lies in (0, 1]"
        if a != [[d * x for x in row] for d, row in zip(scale, base, strict=True)]:
            return "the matrix is not the scaled one"
    return ""


def _rows(data: Sequence[Sequence[str]]) -> Matrix:
    return [[exact(x) for x in row] for row in data]


def _product(a: Matrix, b: Matrix) -> Matrix:
    columns = list(zip(*b, strict=True))
    return [
        [sum((x * y for x, y in zip(r, c, strict=True)), Fraction(0)) for c in columns] for r in a
    ]


def weights(
    derivation: Any,
    singular: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, Fraction],
    assumes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the bound of a step for concrete weights as evidence.

    ``singular`` holds a certificate a map, ``given`` the suprema of expressions in given numbers,
    ``assumes`` what the bound of a step assumes of a run.
    """
    found = {
        "kind": "weights",
        "derivation": derivation.to_json(),
        "singular": dict(singular),
        "given": {k: str(v) for k, v in given.items()},
        "assumes": list(assumes),
    }
    found["rate"] = str(_rate(found))
    return found


def _rate(data: Mapping[str, Any]) -> Fraction:
    """Return the largest column sum of the blocks' bounds at the certified norms."""
    derivation = step_from_json(data["derivation"])
    values = {("norm", k): exact(v["bound"]) for k, v in data["singular"].items()}
    values |= {("sup", k): exact(v) for k, v in data["given"].items()}
    if set(values) != set(derivation.variables):
        raise ValueError(f"values for {sorted(values)} where {derivation.variables} are needed")
    return max(
        sum((derivation[out, wrt].bound.at(values) for out in derivation.states), Fraction(0))
        for wrt in derivation.states
    )


_OF_WEIGHTS = {"kind", "derivation", "singular", "given", "assumes", "rate"}
_OF_A_MAP = {"kind", "matrix", "shift", "side", "bound", "factor", "factor_shift"}


def _check_weights(data: Mapping[str, Any]) -> str:
    if set(data) != _OF_WEIGHTS or not isinstance(data["assumes"], list):
        return "the entries are not those of a claim about given weights"
    if found := step_from_json(data["derivation"]).fault():
        return found
    for name, certificate in data["singular"].items():
        if set(certificate) != _OF_A_MAP or certificate["kind"] != "singular":
            return f"{name}: the entries are not those of a singular value"
        if certificate["side"] != "max":
            return f"{name}: an upper bound of its norm is needed"
        if found := singular_fault(certificate):
            return f"{name}: {found}"
    if any(exact(v) < 0 for v in data["given"].values()):
        return "a supremum is negative"
    return "" if _rate(data) == exact(data["rate"]) else "the rate is not the largest column sum"


def weighted(
    derivation: Any, singular: Mapping[str, Any], assumes: Sequence[str]
) -> dict[str, Any]:
    """Return the bound of a step for one map in a weighted norm as evidence.

    ``singular`` is the certificate of the map, weights included.
    """
    found = {
        "kind": "weighted",
        "derivation": derivation.to_json(),
        "singular": dict(singular),
        "assumes": list(assumes),
    }
    found["rate"] = str(_weighted_rate(found))
    return found


def _weighted_rate(data: Mapping[str, Any]) -> Fraction:
    """Return what a step multiplies ``|Q v|`` by, where all its terms have one map ``W``.

    ``Q`` commutes with the diagonal matrices between, so that the bound of the derivation holds
    with the norm of ``Q W Q^-1`` for that of ``W``. Raises ``ValueError`` for another step.
    """
    derivation = step_from_json(data["derivation"])
    maps = {name for block in derivation.blocks for term in block.terms for name in term.maps}
    if len(derivation.states) != 1 or len(maps) != 1:
        raise ValueError("the state has several parts, or the step several maps")
    values = {("norm", name): exact(data["singular"]["bound"]) for name in maps}
    if set(values) != set(derivation.variables):
        raise ValueError("the bound of the step needs more than the norm of its map")
    return derivation.blocks[0].bound.at(values)


_OF_WEIGHTED = {"kind", "derivation", "singular", "assumes", "rate"}


def _check_weighted(data: Mapping[str, Any]) -> str:
    certificate = data["singular"]
    if set(data) != _OF_WEIGHTED or not isinstance(data["assumes"], list):
        return "the entries are not those of a claim in a weighted norm"
    if set(certificate) != _OF_A_MAP | {"weights", "weight_shift"} or certificate["side"] != "max":
        return "the entries are not those of a largest singular value with weights"
    if found := step_from_json(data["derivation"]).fault() or singular_fault(certificate):
        return found
    return "" if _weighted_rate(data) == exact(data["rate"]) else "the rate is not that of a step"


def _check_laws(data: Mapping[str, Any]) -> str:
    """Check the form alone: what such laws imply is an argument, and no computation."""
    if set(data) != {"kind", "maps", "vectors", "inputs"}:
        return "the entries are not those of the laws of a random network"
    for kind, lengths in (("maps", (3,)), ("vectors", (1, 2, 3)), ("inputs", (3,))):
        for name, law in data[kind].items():
            numbers = law[1:] if isinstance(law[0], str) and kind == "vectors" else law
            if len(law) not in lengths or not all(math.isfinite(x) for x in numbers):
                return f"the law of {name} is no list of finite numbers"
    return ""


_CHECKERS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "step": _check_step,
    "diagonal": _check_diagonal,
    "invariant": _check_invariant,
    "power": _check_power,
    "matrix": _check_matrix,
    "singular": singular_fault,
    "weights": _check_weights,
    "weighted": _check_weighted,
    "laws": _check_laws,
}
