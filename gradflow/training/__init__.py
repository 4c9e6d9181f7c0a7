"""WATCH: what training does to the gradient: tasks, a plain torch loop, a watch for any other."""

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
from gradflow.training.watched import Watched
from gradflow.training.watching import watch

__all__ = [
    "Batch",
    "Look",
    "Task",
    "Training",
    "Watched",
    "adding",
    "characters",
    "copying",
    "pixels",
    "temporal_order",
    "train",
    "vowels",
    "watch",
]
