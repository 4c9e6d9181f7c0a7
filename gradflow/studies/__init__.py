"""JUDGE: computed results about a cell or network, their spread included, without drawing.

>>> from gradflow.cells import get
>>> from gradflow.studies import study
>>> study(get("scalar"), steps=1000, init={"w": 0.99}).numbers()["horizon"]
459.0
"""

from gradflow.lazy import lazily

_HOME = {
    "Course": "diagnosis",
    "Diagnosis": "diagnosis",
    "Remedy": "diagnosis",
    "course": "diagnosis",
    "diagnose": "diagnosis",
    "Number": "headline",
    "STAGES": "one_cell",
    "Setup": "setup",
    "Study": "one_cell",
    "study": "one_cell",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
