"""ANALYSE: run a cell and measure its gradient: decay, paths, spectra, exponents, horizon."""

from gradflow.spectra.decay.by_lag import ParameterGradient, parameter_gradient
from gradflow.spectra.decay.decay import Decay, gradient_decay, product_decay
from gradflow.spectra.decay.paths import PathDecay, path_decay
from gradflow.spectra.decay.streaming import stream_gradient_decay
from gradflow.spectra.equilibria.search import FixedPoints, fixed_points
from gradflow.spectra.landscape.clipping import Descent, descend, log_clip_factor
from gradflow.spectra.landscape.error_surface import ErrorSurface, error_surface
from gradflow.spectra.landscape.loss import Loss, cross_entropy, squared_error
from gradflow.spectra.lyapunov.long_runs import leading_exponents
from gradflow.spectra.lyapunov.spectrum import LyapunovSpectrum, lyapunov_spectrum
from gradflow.spectra.products.eigenvalues import ProductEigenvalues, product_eigenvalues
from gradflow.spectra.products.singular_values import (
    SingularValues,
    product_log_singular_values,
    singular_values,
)
from gradflow.spectra.running import run
from gradflow.spectra.theory.kreiss import (
    KreissConstant,
    kreiss_constant,
    log_power_norms,
    log_resolvent_norms,
)
from gradflow.spectra.theory.mean_field import mean_field_exponent, mean_field_variance
from gradflow.spectra.theory.random_matrices import (
    bulk_radius,
    fuss_catalan,
    newman_exponents,
    quarter_circle,
    saturated_singular_values,
)
from gradflow.spectra.trajectory import Trajectory

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
    "Trajectory",
    "bulk_radius",
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
