"""DERIVE: step Jacobians in normal form, parameter Jacobians, BPTT, and their LaTeX."""

from gradflow.jacobians.backpropagation import Bptt, bptt
from gradflow.jacobians.blocks import Block, ParameterBlock
from gradflow.jacobians.labels import path_labels
from gradflow.jacobians.step import StepJacobian, jacobian
from gradflow.jacobians.terms import Term

__all__ = [
    "Block",
    "Bptt",
    "ParameterBlock",
    "StepJacobian",
    "Term",
    "bptt",
    "jacobian",
    "path_labels",
]
