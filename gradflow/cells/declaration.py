"""A declaration as its author wrote it: the raw strings, nothing read yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, eq=False)
class Declaration:
    """What was handed to :class:`gradflow.cells.cell.Cell`, which says what each field means."""

    name: str
    equations: str
    define: str
    state: str
    inputs: str
    maps: str
    vectors: str
    scalars: str
    constants: str
    masks: Mapping[str, str]
    fixed: Mapping[str, str]
    outputs: str
    defaults: Mapping[str, Any]
    forget_bias: str
    input_bias: str
    title: str
    reference: str

    @property
    def place(self) -> str:
        """Where an error is, for messages."""
        return f"cell {self.name!r}"

    def __eq__(self, other: object) -> bool:
        """Compare everything, default values included."""
        if not isinstance(other, Declaration):
            return NotImplemented
        return self._comparable() == other._comparable()

    def __hash__(self) -> int:
        """Hash on the name and the equations."""
        return hash((self.name, self.equations))

    def _comparable(self) -> dict[str, Any]:
        # two arrays do not compare to one truth value; their lists do
        defaults = {k: getattr(v, "tolist", lambda v=v: v)() for k, v in self.defaults.items()}
        return {**vars(self), "defaults": defaults}
