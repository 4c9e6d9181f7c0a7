"""ANALYSE: run a cell and measure its gradient: decay, paths, spectra, exponents, horizon."""

from gradflow.spectra.bptt import ParameterGradient, parameter_gradient
from gradflow.spectra.clipping import Descent, descend, log_clip_factor
from gradflow.spectra.decay import Decay, gradient_decay, product_decay
from gradflow.spectra.eigenvalues import ProductEigenvalues, product_eigenvalues
from gradflow.spectra.error_surface import ErrorSurface, error_surface
from gradflow.spectra.exponents import leading_exponents
from gradflow.spectra.fixed_points import FixedPoints, fixed_points
from gradflow.spectra.loss import Loss, cross_entropy, squared_error
from gradflow.spectra.lyapunov import LyapunovSpectrum, lyapunov_spectrum
from gradflow.spectra.mean_field import mean_field_exponent, mean_field_variance
from gradflow.spectra.paths import PathDecay, path_decay
from gradflow.spectra.product_svd import (
    SingularValues,
    product_log_singular_values,
    singular_values,
)
from gradflow.spectra.random_matrices import (
    bulk_radius,
    fuss_catalan,
    newman_exponents,
    quarter_circle,
    saturated_singular_values,
)
from gradflow.spectra.running import run
from gradflow.spectra.streaming import stream_gradient_decay
from gradflow.spectra.tangents import TangentMaps, cheaper_unformed
from gradflow.spectra.trajectory import Trajectory
from gradflow.spectra.transients import (
    KreissConstant,
    kreiss_constant,
    log_power_norms,
    log_resolvent_norms,
)

__all__ = [
    "Decay",
    "Descent",
    "ErrorSurface",
    "FixedPoints",
    "KreissConstant",
    "Loss",
    "LyapunovSpectrum",
    "ParameterGradient",
    "PathDecay",
    "ProductEigenvalues",
    "SingularValues",
    "TangentMaps",
    "Trajectory",
    "bulk_radius",
    "cheaper_unformed",
    "cross_entropy",
    "descend",
    "error_surface",
    "fixed_points",
    "fuss_catalan",
    "gradient_decay",
    "kreiss_constant",
    "leading_exponents",
    "log_clip_factor",
    "log_power_norms",
    "log_resolvent_norms",
    "lyapunov_spectrum",
    "mean_field_exponent",
    "mean_field_variance",
    "newman_exponents",
    "parameter_gradient",
    "path_decay",
    "product_decay",
    "product_eigenvalues",
    "product_log_singular_values",
    "quarter_circle",
    "run",
    "saturated_singular_values",
    "singular_values",
    "squared_error",
    "stream_gradient_decay",
]
