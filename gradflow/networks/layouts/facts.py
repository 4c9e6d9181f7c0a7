"""What a user says of a file that the file itself does not say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from gradflow.errors import InputError, UsageError, close_to
from gradflow.networks.layouts.making.kinds import ACTIVATIONS

__all__ = ["ORTHOGONAL_MAPS", "TRANSPOSED", "Facts", "LeftOpen", "facts_of"]

TRANSPOSED = ("recurrent", "inputs", "both")
ORTHOGONAL_MAPS = ("default", "matrix_exp", "cayley", "householder")

_CHOICES: Mapping[str, Collection[str]] = {
    "nonlinearity": ACTIVATIONS,
    "recurrent_activation": ACTIVATIONS,
    "transposed": TRANSPOSED,
    "orthogonal_map": ORTHOGONAL_MAPS,
}
_SAME = {"activation": "nonlinearity"}


class LeftOpen(InputError):
    """A file that is not read before one of the ``values`` of a ``fact`` is said."""

    def __init__(self, message: str, *, fact: str, values: tuple[str, ...]) -> None:
        super().__init__(message)
        self.fact, self.values = fact, values


@dataclass(kw_only=True)
class Facts:
    """What was said, and what had to be assumed while reading.

    Parameters
    ----------
    nonlinearity
        Activation of a vanilla network, or of the candidate of a gated one.
    recurrent_activation
        Activation of the gates.
    reset_after
        Whether the reset gate of a GRU acts after the recurrent product.
    gates
        Order of the gates' rows where it is not that of the framework: ``"ifog"``.
    transposed
        Which square matrices of each gate the file has the other way round, ``"recurrent"``,
        ``"inputs"`` or ``"both"``: their shape cannot tell.
    orthogonal_map
        How torch's orthogonal parametrization makes a weight: ``"matrix_exp"``, ``"cayley"``,
        ``"householder"``, or ``"default"``, which torch takes by the shape where none is named.
    only
        Name of the recurrent module to read, where the file holds several.
    cell
        Name of the library's cell, for arrays by gradflow's own names.
    assumed
        Sentences on what was not said; ``warned`` are those that change numbers.
    taken
        The words that a layer was made with.
    """

    nonlinearity: str | None = None
    recurrent_activation: str | None = None
    reset_after: bool | None = None
    gates: str | None = None
    transposed: str | None = None
    orthogonal_map: str | None = None
    only: str | None = None
    cell: str | None = None
    assumed: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def take(self, word: str) -> Any:
        """Return what was said of a word, or ``None``, where a layer is made with it."""
        self.taken.add(word)
        return getattr(self, word)

    def require_taken(self, where: str) -> None:
        """Raise ``UsageError`` for a fact that no layer was made with."""
        for word in _words():
            value = getattr(self, word)
            if value is not None and word not in self.taken:
                raise UsageError(
                    f"read: {word}={value!r} would change nothing in {where}, whose layers are "
                    "read without it; leave it out."
                )

    def assume(self, sentence: str, *, warn: bool = False) -> None:
        """Keep a sentence on what was assumed, once."""
        if sentence not in self.assumed:
            self.assumed.append(sentence)
            if warn:
                self.warned.append(sentence)

    def order(self, usual: str) -> str:
        """Return the order of the gates: the usual one, or as said. Raises ``UsageError``."""
        said: str | None = self.take("gates")
        if said is None:
            return usual
        if sorted(said) != sorted(usual):
            raise UsageError(
                f"gates is {said!r}; an order of these gates has each of "
                f"{', '.join(usual)} once, for instance {usual!r}."
            )
        return said


def facts_of(said: Mapping[str, Any]) -> Facts:
    """Check what was said. Raises ``UsageError`` for a word that is unknown or of another type."""
    names = _words()
    known: dict[str, Any] = {}
    for name, value in said.items():
        word = _SAME.get(name, name)
        if word not in names:
            hint = close_to(name, names)
            raise UsageError(f"read: unknown fact {name!r}: {hint}known are {', '.join(names)}.")
        if value is None:
            continue
        if word == "reset_after":
            if not isinstance(value, bool):
                raise UsageError(f"read: reset_after is {value!r}; pass True or False.")
        elif not isinstance(value, str):
            raise UsageError(f"read: {name} is {value!r}; pass a name.")
        if word in _CHOICES and value not in _CHOICES[word]:
            known_are = ", ".join(_CHOICES[word])
            raise UsageError(f"read: {name} is {value!r}; known are {known_are}.")
        known[word] = value
    return Facts(**known)


def _words() -> list[str]:
    return [f.name for f in fields(Facts) if f.name not in ("assumed", "warned", "taken")]
