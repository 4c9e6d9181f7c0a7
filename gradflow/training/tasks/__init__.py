"""What a network is to learn, a file a kind; nothing is downloaded.

`adding`, `copying` and `temporal_order` are made by a seed, `characters` cuts a text, `pixels` and
`vowels` read files of real data.
"""

from gradflow.training.tasks.adding_problem import adding
from gradflow.training.tasks.copy_memory import copying
from gradflow.training.tasks.order import temporal_order
from gradflow.training.tasks.pixel_by_pixel import pixels
from gradflow.training.tasks.speech import vowels
from gradflow.training.tasks.task import Batch, Task
from gradflow.training.tasks.text import characters

__all__ = [
    "Batch",
    "Task",
    "adding",
    "characters",
    "copying",
    "pixels",
    "temporal_order",
    "vowels",
]
