"""The recurrent layers of a Keras model, from its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gradflow.errors import InputError

__all__ = ["Recurrent", "masks", "recurrent_layers"]

_KINDS = {
    "LSTM": "lstm",
    "LSTMCell": "lstm",
    "CuDNNLSTM": "lstm",
    "GRU": "gru",
    "GRUCell": "gru",
    "CuDNNGRU": "gru",
    "SimpleRNN": "rnn",
    "SimpleRNNCell": "rnn",
}
_OTHER = ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "PeepholeLSTMCell")
_DEEPEST = 30


@dataclass(frozen=True, kw_only=True)
class Recurrent:
    """One recurrent layer of a configuration, in one direction.

    ``side`` is ``"forward"`` or ``"backward"`` in a bidirectional layer; ``level`` counts the cells
    of a stack within one layer, and ``last`` says that no more of the layer follows. ``cell`` holds
    the settings, and is ``None`` for a recurrent layer that gradflow does not read.
    """

    name: str
    kind: str
    cell: dict[str, Any] | None
    units: int | None
    reverse: bool
    side: str | None = None
    level: int = 0
    last: bool = True
    words: str = ""


def recurrent_layers(config: dict[str, Any], path: str) -> Iterator[Recurrent]:
    """Yield the recurrent layers in the order of the model."""
    yield from _within(config, path, 0)


def masks(config: dict[str, Any]) -> bool:
    """Whether a layer of a configuration takes steps out, by ``Masking`` or ``mask_zero``."""
    todo: list[Any] = [config]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            if one.get("class_name") == "Masking" or one.get("mask_zero") is True:
                return True
            todo += one.values()
        elif isinstance(one, list):
            todo += one
    return False


def _within(layer: Any, path: str, depth: int) -> Iterator[Recurrent]:
    if depth > _DEEPEST or not isinstance(layer, dict):
        raise InputError(f"{path}: its configuration is damaged; save the model again.")
    kind, settings = layer.get("class_name"), layer.get("config")
    if isinstance(settings, list):  # a Sequential of early Keras
        settings = {"layers": settings}
    if not isinstance(settings, dict):
        return
    if isinstance(settings.get("layers"), list):
        for one in settings["layers"]:
            yield from _within(one, path, depth + 1)
        return
    name = settings.get("name", layer.get("name"))
    name = name if isinstance(name, str) else ""
    if kind == "Bidirectional":
        yield from _both(settings, name, path)
    elif kind == "RNN":
        yield from _of_cells(settings, name, path, None, bool(settings.get("go_backwards")), True)
    elif kind in _KINDS:
        yield _one(kind, settings, name, reverse=bool(settings.get("go_backwards")))
    elif kind in _OTHER:
        yield _unread(kind, name)
    elif isinstance(settings.get("layer"), dict):  # TimeDistributed and other wrappers
        yield from _within(settings["layer"], path, depth + 1)


def _both(settings: dict[str, Any], name: str, path: str) -> Iterator[Recurrent]:
    forward = settings.get("layer")
    backward = settings.get("backward_layer") or forward
    for side, layer in (("forward", forward), ("backward", backward)):
        inner = layer.get("config") if isinstance(layer, dict) else None
        if not isinstance(layer, dict) or not isinstance(inner, dict):
            raise InputError(f"{path}: its bidirectional layer is damaged; save the model again.")
        kind = layer.get("class_name")
        reverse, last = side == "backward", side == "backward"
        if kind == "RNN":
            yield from _of_cells(inner, name, path, side, reverse, last)
        elif kind in _KINDS:
            yield _one(kind, inner, name, reverse=reverse, side=side, last=last)
        else:
            yield _unread(str(kind)[:40], name)


def _of_cells(
    settings: dict[str, Any], name: str, path: str, side: str | None, reverse: bool, last: bool
) -> Iterator[Recurrent]:
    cell = settings.get("cell")
    inner = cell.get("config") if isinstance(cell, dict) else None
    if not isinstance(cell, dict) or not isinstance(inner, dict):
        raise InputError(f"{path}: its layer of cells is damaged; save the model again.")
    cells = inner.get("cells") if cell.get("class_name") == "StackedRNNCells" else [cell]
    cells = cells if isinstance(cells, list) else []
    for level, one in enumerate(cells):
        kind = one.get("class_name") if isinstance(one, dict) else None
        if kind not in _KINDS or not isinstance(one.get("config"), dict):
            yield _unread(str(kind)[:40], name)
            continue
        yield _one(
            kind,
            one["config"],
            name,
            reverse=reverse,
            side=side,
            level=level,
            last=last and level == len(cells) - 1,
        )


def _one(kind: str, settings: dict[str, Any], name: str, **said: Any) -> Recurrent:
    units = settings.get("units")
    known = units if type(units) is int and 0 < units < 2**31 else None
    if kind == "CuDNNGRU":
        settings = {**settings, "reset_after": True}
    return Recurrent(name=name, kind=_KINDS[kind], cell=settings, units=known, **said)


def _unread(kind: str, name: str) -> Recurrent:
    return Recurrent(
        name=name,
        kind="other",
        cell=None,
        units=None,
        reverse=False,
        words=f"{name} ({kind}, a recurrent layer of a kind that is not read)",
    )
