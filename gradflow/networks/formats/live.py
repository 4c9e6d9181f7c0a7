"""A module of torch in memory, read by its state_dict; torch itself is not imported."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradflow.errors import InputError
from gradflow.networks.formats.encodings.stored import Contents, Stored

__all__ = ["contents_of_module", "is_module"]


def is_module(thing: object) -> bool:
    """Whether something has the state_dict and the named modules of a torch module."""
    return callable(getattr(thing, "state_dict", None)) and callable(
        getattr(thing, "named_modules", None)
    )


def contents_of_module(module: Any) -> Contents:
    """Return the arrays of a module by name, and the nonlinearity of each ``nn.RNN`` in it.

    Raises ``InputError`` for a module whose state_dict is no table of tensors.
    """
    try:
        arrays = {
            str(name): Stored(
                shape=tuple(int(n) for n in tensor.shape),
                dtype=str(tensor.dtype).removeprefix("torch."),
                raw=_reader(tensor),
            )
            for name, tensor in _tensors(module).items()
            if hasattr(tensor, "detach")
        }
        others = {
            name: "quantised"
            for name, one in module.named_modules()
            if ".quantized" in type(one).__module__
        }
        said = {
            name: one.nonlinearity
            for name, one in module.named_modules()
            if isinstance(getattr(one, "nonlinearity", None), str)
        }
    except (AttributeError, TypeError, ValueError, RuntimeError):
        raise InputError(
            f"a {type(module).__name__}: its state_dict is no table of tensors; pass a torch "
            "module or the name of a file."
        ) from None
    return Contents(arrays=arrays, facts={"torch": said}, others=others)


def _tensors(module: Any) -> dict[str, Any]:
    """Return the state_dict, with what is parametrized in place of what it is made from."""
    found = dict(module.state_dict())
    for path, one in module.named_modules():
        start = f"{path}." if path else ""
        for name, made in dict(getattr(one, "parametrizations", None) or {}).items():
            training = made.training
            made.eval()  # in training a spectral norm goes on with its iteration
            try:
                found[f"{start}{name}"] = getattr(one, name)
            finally:
                made.train(training)
            parts = f"{start}parametrizations.{name}."
            found = {key: value for key, value in found.items() if not key.startswith(parts)}
    return found


def _reader(tensor: Any) -> Callable[[], bytes]:
    return partial(_bytes, tensor)


def _bytes(tensor: Any) -> bytes:
    plain = tensor.detach().cpu().contiguous()
    if str(plain.dtype) == "torch.bfloat16":  # exact in float32, whose upper half it is
        words = np.ascontiguousarray(plain.float().numpy(), "<f4").view("<u4") >> 16
        return words.astype("<u2").tobytes()
    found = plain.numpy()
    return np.ascontiguousarray(found, found.dtype.newbyteorder("<")).tobytes()
