"""What a weight file is, told by how it begins; nothing in it is loaded, run or repeated."""

from __future__ import annotations

import zipfile
from pathlib import Path

__all__ = ["weight_file"]

_BEGINNING = 4096
_SAVE = "numpy.savez('params.npz', **arrays)"
# The beginning, what it is, how its arrays are come by.
_KINDS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes", "h5py.File or model.get_weights()"),
    (b"\x93NUMPY", "a single array, as numpy.save writes", "numpy.load"),
    (b"GGUF", "a GGUF file", "the package gguf"),
    (b"\x1f\x8b", "a gzip archive", "gunzip and what reads its content"),
)
_TORCH = "torch.load(file, weights_only=True) and .numpy()"


def weight_file(path: Path) -> str:
    """Return what a file is, if it is no .npz, and how to convert it; nothing for a .npz.

    Raises ``OSError`` if it cannot be read.
    """
    with path.open("rb") as stream:
        start = stream.read(_BEGINNING)
    found = _zip(path) if start.startswith(b"PK") else _other(start)
    if not found:
        return ""
    kind, by = found
    return f"it is {kind}; take its arrays by {by}, and save them by name with {_SAVE}"


def _zip(path: Path) -> tuple[str, str] | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "a damaged zip file", "what wrote it, once more"
    if any(name.endswith("data.pkl") for name in names):
        return "a PyTorch file, whose pickled part is never loaded here", _TORCH
    if any(name.endswith(".weights.h5") for name in names):
        return "a Keras file", "keras.models.load_model(file).get_weights()"
    if names and not all(name.endswith(".npy") for name in names):
        return "a zip file of something else than arrays", "what reads it"
    return None


def _other(start: bytes) -> tuple[str, str]:
    for beginning, kind, by in _KINDS:
        if start.startswith(beginning):
            return kind, by
    if not start:
        return "empty", "what wrote it, once more"
    if start[8:9] == b"{" and 0 < int.from_bytes(start[:8], "little") < 2**32:
        return "a safetensors file", "safetensors.numpy.load_file"
    if start[:1] == b"\x80" and start[1:2] <= b"\x05":
        return "a pickle, which is never loaded here since loading runs code", _TORCH
    if start[:1] == b"\x08" and start[2:3] == b"\x12":
        return "an ONNX model", "onnx.numpy_helper.to_array of each graph.initializer"
    return "no .npz file and none that is known by its first bytes", "what wrote it"
