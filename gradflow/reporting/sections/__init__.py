"""The sections of a report, one a file: every file in this folder has a ``SECTION``.

Another package adds its own by an entry point of the group ``gradflow.sections``, or by
``SECTIONS.register("mine", Section(...))``.
"""

from __future__ import annotations

from pkgutil import iter_modules

from gradflow.registry import Registry
from gradflow.reporting.document.section import Section
from gradflow.studies.headline import Number
from gradflow.studies.one_cell import Study

__all__ = ["SECTIONS", "all_numbers"]

_OPENING = (
    "answer",
    "decay",
    "changes",
    "dials",
    "summary",
    "paths",
    "directions",
    "derivation",
    "theorems",
)
_CLOSING = ("repeat",)
_FOUND = [file.name for file in iter_modules(__path__) if file.name not in (*_OPENING, *_CLOSING)]

SECTIONS: Registry[Section] = Registry(
    kind="report section",
    group="gradflow.sections",
    type="gradflow.reporting.document.section:Section",
    own={name: f"{__name__}.{name}:SECTION" for name in (*_OPENING, *_FOUND, *_CLOSING)},
    advice="make your own by Section(name=..., blocks=..., numbers=...)",
)
"""The sections in the order of the page; a file that the order does not name stands before the
last one, how to repeat it."""


def all_numbers(study: Study) -> dict[str, Number]:
    """Return the headline numbers of a study, and after them those that only a section knows."""
    found = study.headline()
    for section in SECTIONS:
        found |= section.numbers(study)
    return found
