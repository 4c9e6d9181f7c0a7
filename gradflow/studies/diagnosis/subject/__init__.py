"""What is diagnosed: a network on its sequences, and the gradient that a loss sends into it."""

from gradflow.studies.diagnosis.subject.losses import Losses
from gradflow.studies.diagnosis.subject.subject import Subject

__all__ = ["Losses", "Subject"]
