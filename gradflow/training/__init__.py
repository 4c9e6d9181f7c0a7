"""WATCH: what training does to the gradient: tasks, a plain torch loop, a watch for any other."""

from gradflow.training.beside.reaching import Look
from gradflow.training.beside.watched import Watched
from gradflow.training.beside.watching import watch
from gradflow.training.loop.learning import train
from gradflow.training.loop.record import Training
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
