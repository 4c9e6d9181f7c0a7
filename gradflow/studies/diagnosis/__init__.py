"""How far the gradient of a network reaches on its data, where it is lost, what would help."""

from gradflow.lazy import lazily

_HOME = {
    "Course": "checkpoints",
    "Diagnosis": "record",
    "LayerFindings": "measures.layers",
    "Remedy": "remedies",
    "Spread": "measures.spread",
    "course": "checkpoints",
    "diagnose": "diagnosis",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
