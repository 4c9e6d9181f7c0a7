"""Weights that a module of torch makes from others: weight norm, spectral norm, orthogonal maps.

``torch.nn.utils.parametrizations`` saves what it makes a weight from: g and v of weight norm,
W = g v / |v| by row; the matrix and two vectors of spectral norm, W = V / (u . V v); a base B and a
matrix X of an orthogonal one, W = B Q(X). What Q is, the file does not say, and it is asked for: of
the antisymmetric A = L - L^T, L under the diagonal of X, the first columns of exp(A) or of Cayley's
(I - A/2)^-1 (I + A/2); or the product of Householder reflections whose vectors are the columns of L
with ones on the diagonal. Torch takes the exponential of square matrices and else the reflections.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError
from gradflow.networks.layouts.facts import ORTHOGONAL_MAPS, LeftOpen
from gradflow.networks.layouts.layout import Reading, require

__all__ = ["made_from", "part_of"]

Floats = NDArray[np.float64]

_PARTS = {
    None: "",
    ".original": ".raw",
    "_orig": ".raw",
    ".original0": ".size",
    "_g": ".size",
    ".original1": ".direction",
    "_v": ".direction",
    ".0._u": ".left",
    "_u": ".left",
    ".0._v": ".right",
    ".0.base": ".base",
}


def part_of(ending: str | None) -> str:
    """Return what the ending of an array's name says of it: ``".0._u"`` is a left vector."""
    return _PARTS.get(ending, f".other{ending}")


def made_from(reading: Reading, names: Mapping[str, str], what: str, end: str) -> Floats | None:
    """Return an array, made from its parts where they are saved, or ``None`` where none is.

    ``names`` are those of the file by what they are (``"weight_hh.base"``), and ``end`` is what
    stands behind ``what`` in the module (``"_l0"``).

    Raises ``InputError`` for parts that do not fit each other and those of another parametrization,
    ``LeftOpen`` for an orthogonal one whose map was not said.
    """
    parts = {key.removeprefix(what): name for key, name in names.items() if _belongs(key, what)}
    if not parts:
        return None
    if "" in parts:
        return reading.array(parts[""])
    if parts.keys() == {".size", ".direction"}:
        return _weight_norm(reading, parts)
    if parts.keys() in ({".raw", ".left", ".right"}, {".raw", ".left", ".direction"}):
        return _spectral_norm(reading, parts)
    bare = parts.keys() == {".raw"} and reading.facts.orthogonal_map is not None
    if bare or parts.keys() == {".raw", ".base"}:
        return _orthogonal(reading, parts, what + end)
    first = reading.where(next(iter(parts.values())))
    raise InputError(
        f"{first} is what a parametrization makes the weights from, and the file does not say "
        f"which; bake it in before saving, {_bake(what + end)}."
    )


def _belongs(key: str, what: str) -> bool:
    return key == what or key.startswith(f"{what}.")


def _bake(called: str) -> str:
    return f"torch.nn.utils.parametrize.remove_parametrizations(module, '{called}')"


def _matrix(reading: Reading, name: str) -> Floats:
    found = reading.array(name)
    require(found.ndim == 2 and 0 not in found.shape, reading.where(name), "is no matrix")
    return found


def _weight_norm(reading: Reading, parts: Mapping[str, str]) -> Floats:
    direction = _matrix(reading, parts[".direction"])
    size = reading.array(parts[".size"]).reshape(-1)
    norms = np.linalg.norm(direction, axis=1)
    require(
        size.shape == norms.shape and bool((norms > 0).all()),
        reading.where(parts[".size"]),
        "does not scale the rows of its matrix",
    )
    return np.asarray((size / norms)[:, None] * direction)


def _spectral_norm(reading: Reading, parts: Mapping[str, str]) -> Floats:
    raw = _matrix(reading, parts[".raw"])
    left = reading.array(parts[".left"], (len(raw),))
    right = reading.array(parts.get(".right", parts.get(".direction", "")), (raw.shape[1],))
    norm = float(left @ raw @ right)
    require(norm != 0, reading.where(parts[".left"]), "makes a spectral norm of zero")
    return np.asarray(raw / norm)


def _orthogonal(reading: Reading, parts: Mapping[str, str], called: str) -> Floats:
    raw = _matrix(reading, parts[".raw"])
    wide = raw.shape[0] < raw.shape[1]
    tall = raw.T if wide else raw
    rows, columns = tall.shape
    lower = np.tril(tall, -1)
    untrained = not lower.any() and bool((np.diagonal(tall) == -1).all())  # every map gives I
    said = reading.facts.take("orthogonal_map") or ("householder" if untrained else None)
    if said is None:
        usual = "exponential" if rows == columns else "product of reflections"
        raise LeftOpen(
            f"{reading.where(parts['.raw'])} is what torch's orthogonal parametrization makes "
            f"{called} from, and the file does not say by which map; say orthogonal_map='default' "
            f"where none was named (here the {usual}), else 'matrix_exp', 'cayley' or "
            f"'householder', or bake it in before saving, {_bake(called)}.",
            fact="orthogonal_map",
            values=ORTHOGONAL_MAPS,
        )
    if said == "default":
        said = "matrix_exp" if rows == columns else "householder"
    if said == "householder":
        made = _reflections(tall)
    else:
        whole = np.pad(lower, ((0, 0), (0, rows - columns)))
        antisymmetric = whole - whole.T
        turned = _exponential(antisymmetric) if said == "matrix_exp" else _cayley(antisymmetric)
        made = turned[:, :columns]
    if ".base" in parts:
        made = reading.array(parts[".base"], (rows, rows)) @ made
    return np.ascontiguousarray(made.T if wide else made)


def _cayley(antisymmetric: Floats) -> Floats:
    one = np.eye(len(antisymmetric))
    return np.asarray(np.linalg.solve(one - antisymmetric / 2, one + antisymmetric / 2))


def _exponential(antisymmetric: Floats) -> Floats:
    """Return the matrix exponential: rotations by the eigenvalues of a Hermitian matrix."""
    angles, vectors = np.linalg.eigh(1j * antisymmetric)
    return np.ascontiguousarray(((vectors * np.exp(-1j * angles)) @ vectors.conj().T).real)


def _reflections(tall: Floats) -> Floats:
    """Return the first columns of the product of reflections, by the signs of the diagonal."""
    count = tall.shape[1]
    vectors = np.tril(tall, -1) + np.eye(*tall.shape)
    found = np.eye(*tall.shape)
    for v in vectors.T[::-1]:
        found -= np.outer(2 / (v @ v) * v, v @ found)
    return np.asarray(found * np.trunc(np.diagonal(tall)[:count]))
