"""What a study is called, and what it ran: one way of saying each for all sections."""

from __future__ import annotations

from gradflow.cells.cell import Cell
from gradflow.jacobians.blocks import counted
from gradflow.provenance import versions
from gradflow.studies.one_cell import Study
from gradflow.studies.seeds.decays import Decays

__all__ = [
    "called",
    "origin",
    "runs_of",
    "seeds_from",
    "seeds_of",
    "texts_of",
    "tools",
    "window_of",
]

_ACRONYMS = {"lstm", "rnn", "irnn", "gru", "scrn"}


def called(cell: Cell | str) -> str:
    """Return the name of a cell as people write it.

    >>> called("lstm"), called("clockwork")
    ('LSTM', 'clockwork')
    """
    name = cell if isinstance(cell, str) else cell.name
    return name.upper() if name in _ACRONYMS else name


def origin(found: Decays) -> str:
    """Return where the weights come from."""
    return "random weights" if found.drawn else "weights as given"


def seeds_of(found: Decays) -> str:
    """Return ``8 seeds``, or ``1 seed``."""
    return counted(len(found.seeds), "seed")


def seeds_from(first: int, count: int) -> str:
    """Return ``0 to 7``, or ``0``."""
    return f"{first} to {first + count - 1}" if count > 1 else str(first)


def tools() -> dict[str, str]:
    """Return the versions of what computed a report, by the names that people write."""
    return {"Python" if name == "python" else name: value for name, value in versions().items()}


def texts_of(study: Study) -> str:
    """Return ``8 texts``, or ``1 text``; windows of numbers are called inputs."""
    return counted(study.setup.windows, window_of(study))


def window_of(study: Study) -> str:
    """Return what one window of the input is called."""
    return "text" if study.setup.text else "input"


def runs_of(found: Decays) -> str:
    """Return ``64 runs``."""
    return counted(found.runs, "run")
