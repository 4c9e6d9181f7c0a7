"""READ: what comes from outside and is turned into arrays a cell can be run on."""

from gradflow.networks.sequence import Sequence, read_sequence

__all__ = ["Sequence", "read_sequence"]
