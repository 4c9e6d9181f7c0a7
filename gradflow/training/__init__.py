"""WATCH: what training does to the gradient: tasks, a plain torch loop, a watch for anyone's own."""

from gradflow.training.learning import train
from gradflow.training.reaching import Look
from gradflow.training.record import Training
from gradflow.training.tasks import (
    Batch,
    Task,
    adding,
    characters,
    copying,
    pixels,
    temporal_order,
    vowels,
)

__all__ = [
    "Batch",
    "Look",
    "Task",
    "Training",
    "adding",
    "characters",
    "copying",
    "pixels",
    "temporal_order",
    "train",
    "vowels",
]
