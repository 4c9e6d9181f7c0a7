"""READ: what comes from outside: trained networks from files of weights, and input sequences."""

from gradflow.networks.network import Dense, Layer, Network, stack
from gradflow.networks.readers import READERS, Reader
from gradflow.networks.reading import read
from gradflow.networks.sequence import InputSequence, read_sequence

__all__ = [
    "READERS",
    "Dense",
    "InputSequence",
    "Layer",
    "Network",
    "Reader",
    "read",
    "read_sequence",
    "stack",
]
