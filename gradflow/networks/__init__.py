"""READ: what comes from outside and is turned into arrays a cell can be run on."""

from gradflow.networks.readers import READERS, Reader
from gradflow.networks.sequence import InputSequence, read_sequence

__all__ = ["READERS", "InputSequence", "Reader", "read_sequence"]
