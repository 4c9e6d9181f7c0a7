"""READ: what comes from outside: trained networks from files of weights, and input sequences."""

from gradflow.networks.checking import Settled, settle
from gradflow.networks.exporting import to_torch
from gradflow.networks.network import Dense, Layer, Network
from gradflow.networks.readers import READERS, Reader
from gradflow.networks.reading import read
from gradflow.networks.sequence import InputSequence, read_sequence
from gradflow.networks.stacking import stack

__all__ = [
    "READERS",
    "Dense",
    "InputSequence",
    "Layer",
    "Network",
    "Reader",
    "Settled",
    "read",
    "read_sequence",
    "settle",
    "stack",
    "to_torch",
]
