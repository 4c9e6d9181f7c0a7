"""ANALYSE: run a cell and measure its gradient: decay, paths, spectra, exponents, horizon."""

from gradflow.spectra.bptt import ParameterGradient, parameter_gradient
from gradflow.spectra.decay import Decay, gradient_decay, product_decay
from gradflow.spectra.eigenvalues import ProductEigenvalues, product_eigenvalues
from gradflow.spectra.exponents import leading_exponents
from gradflow.spectra.fixed_points import FixedPoints, fixed_points
from gradflow.spectra.loss import Loss, cross_entropy, squared_error
from gradflow.spectra.lyapunov import LyapunovSpectrum, lyapunov_spectrum
from gradflow.spectra.paths import PathDecay, path_decay
from gradflow.spectra.product_svd import (
    SingularValues,
    product_log_singular_values,
    singular_values,
)
from gradflow.spectra.running import run
from gradflow.spectra.streaming import stream_gradient_decay
from gradflow.spectra.tangents import TangentMaps, cheaper_unformed
from gradflow.spectra.trajectory import Trajectory

__all__ = [
    "Decay",
    "FixedPoints",
    "Loss",
    "LyapunovSpectrum",
    "ParameterGradient",
    "PathDecay",
    "ProductEigenvalues",
    "SingularValues",
    "TangentMaps",
    "Trajectory",
    "cheaper_unformed",
    "cross_entropy",
    "fixed_points",
    "gradient_decay",
    "leading_exponents",
    "lyapunov_spectrum",
    "parameter_gradient",
    "path_decay",
    "product_decay",
    "product_eigenvalues",
    "product_log_singular_values",
    "run",
    "singular_values",
    "squared_error",
    "stream_gradient_decay",
]
