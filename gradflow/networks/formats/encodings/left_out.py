"""What an entry of a pickle is that is no dense tensor with numbers, in words."""

from __future__ import annotations

from typing import Any

from gradflow.networks.formats.encodings.pickled import Call, Global

__all__ = ["PICKLED", "QUANTISED", "kind_of"]

PICKLED = "a pickled object"
QUANTISED = "quantised"
_MOST = 10_000
_TENSORS = {
    "sparse": "a sparse tensor",
    "meta": "a tensor without numbers, of the device 'meta'",
    "nested": "a nested tensor",
    "_rebuild_wrapper_subclass": "a tensor of a class of its own",
}


def kind_of(value: Any) -> str:
    """Return what a value is: ``"None"``, ``"a sparse tensor"``, ``"a pickled object"``, ...

    >>> kind_of(None)
    'None'
    >>> kind_of(Call(of=Global("torch._utils", "_rebuild_sparse_tensor"), arguments=()))
    'a sparse tensor'
    """
    if value is None:
        return "None"
    if _is_quantised(value):
        return QUANTISED
    if isinstance(value, Call):
        name = value.of.name if isinstance(value.of, Global) else ""
        return next((words for part, words in _TENSORS.items() if part in name), PICKLED)
    return "no tensor"


def _is_quantised(value: Any) -> bool:
    """Whether a value, or a part of it, is of torch's modules and tensors of small integers."""
    seen: set[int] = set()
    todo = [value]
    while todo and len(seen) < _MOST:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, Global) and (
            ".quantized" in one.module or one.name == "_rebuild_qtensor"
        ):
            return True
        if isinstance(one, str) and one.startswith("quantized"):
            return True
        if isinstance(one, Call):
            todo += [one.of, one.arguments, one.state, one.items, one.listed]
        elif isinstance(one, dict):
            todo += one.values()
        elif isinstance(one, list | tuple):
            todo += one
    return False
