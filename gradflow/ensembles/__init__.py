"""EXPECT: what a random network of a declared cell does in the limit of many units.

`mean_field` gives its leading exponent from the declaration alone, `critical` the gain or bias
at which that is zero. Weights, biases and inputs have the laws of ``cell.init`` or those that the
caller states.

    >>> import gradflow as gf
    >>> gf.mean_field("rnn", gains=0.5)
    <MeanField rnn, tied weights: exponent -0.6931 +- 1e-09 nats a step, quadrature>
"""

from typing import TYPE_CHECKING

from gradflow.lazy import lazily

if TYPE_CHECKING:
    from gradflow.ensembles.correlation import Correlations, correlations
    from gradflow.ensembles.density import exponents_by_rank
    from gradflow.ensembles.edge import bulk_edge
    from gradflow.ensembles.fresh_networks import fresh_exponent
    from gradflow.ensembles.laws import InputLaw, correlated, one_hot, white
    from gradflow.ensembles.lines import Critical, critical
    from gradflow.ensembles.theory import MeanField, mean_field

__all__ = [
    "Correlations",
    "Critical",
    "InputLaw",
    "MeanField",
    "bulk_edge",
    "correlated",
    "correlations",
    "critical",
    "exponents_by_rank",
    "fresh_exponent",
    "mean_field",
    "one_hot",
    "white",
]

_HOME = {
    "Correlations": "correlation",
    "Critical": "lines",
    "InputLaw": "laws",
    "MeanField": "theory",
    "bulk_edge": "edge",
    "correlated": "laws",
    "correlations": "correlation",
    "critical": "lines",
    "exponents_by_rank": "density",
    "fresh_exponent": "fresh_networks",
    "mean_field": "theory",
    "one_hot": "laws",
    "white": "laws",
}

__getattr__, __dir__ = lazily(__name__, _HOME)
