"""ANALYSE: run a cell and measure its gradient: decay, paths, spectra, exponents, horizon.

`run` gives a `Trajectory`, whose methods are the analyses. Jacobians of your own, (T, d, d), go to
`product_decay`, `gradient_decay`, `singular_values`, `product_eigenvalues` and `lyapunov_spectrum`.
"""

from typing import TYPE_CHECKING

from gradflow.lazy import lazily

if TYPE_CHECKING:
    from gradflow.spectra.decay.by_lag import ParameterGradient
    from gradflow.spectra.decay.decay import Decay, gradient_decay, product_decay
    from gradflow.spectra.decay.paths import PathDecay
    from gradflow.spectra.decay.reading import Asymptote
    from gradflow.spectra.decay.streaming import stream_gradient_decay
    from gradflow.spectra.decay.truncation import Truncation
    from gradflow.spectra.equilibria.branches.branch import FixedPointBranch
    from gradflow.spectra.equilibria.branches.continuation import continue_fixed_points
    from gradflow.spectra.equilibria.points import FixedPoints
    from gradflow.spectra.equilibria.search import fixed_points
    from gradflow.spectra.faults.fault import Fault
    from gradflow.spectra.landscape.clipping import Descent, descend, log_clip_factor
    from gradflow.spectra.landscape.error_surface import ErrorSurface, error_surface
    from gradflow.spectra.landscape.loss import Loss, cross_entropy, squared_error
    from gradflow.spectra.locating import locate
    from gradflow.spectra.lyapunov.covariant import CovariantVectors, covariant_vectors
    from gradflow.spectra.lyapunov.dimension import entropy_rate, kaplan_yorke
    from gradflow.spectra.lyapunov.exponents import LyapunovSpectrum
    from gradflow.spectra.lyapunov.finite_time import FiniteTimeExponents, finite_time_exponents
    from gradflow.spectra.lyapunov.long_runs import leading_exponents
    from gradflow.spectra.lyapunov.spectrum import lyapunov_spectrum
    from gradflow.spectra.products.eigenvalues import ProductEigenvalues, product_eigenvalues
    from gradflow.spectra.products.singular_values import SingularValues, singular_values
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
    "Asymptote",
    "CovariantVectors",
    "Decay",
    "Descent",
    "ErrorSurface",
    "Fault",
    "FiniteTimeExponents",
    "FixedPointBranch",
    "FixedPoints",
    "KreissConstant",
    "Loss",
    "LyapunovSpectrum",
    "ParameterGradient",
    "PathDecay",
    "ProductEigenvalues",
    "SingularValues",
    "Trajectory",
    "Truncation",
    "bulk_radius",
    "continue_fixed_points",
    "covariant_vectors",
    "cross_entropy",
    "descend",
    "entropy_rate",
    "error_surface",
    "finite_time_exponents",
    "fixed_points",
    "fuss_catalan",
    "gradient_decay",
    "kaplan_yorke",
    "kreiss_constant",
    "leading_exponents",
    "locate",
    "log_clip_factor",
    "log_power_norms",
    "log_resolvent_norms",
    "lyapunov_spectrum",
    "mean_field_exponent",
    "mean_field_variance",
    "newman_exponents",
    "product_decay",
    "product_eigenvalues",
    "quarter_circle",
    "run",
    "saturated_singular_values",
    "singular_values",
    "squared_error",
    "stream_gradient_decay",
]

_HOME = {
    "Asymptote": "decay.reading",
    "CovariantVectors": "lyapunov.covariant",
    "Decay": "decay.decay",
    "Descent": "landscape.clipping",
    "ErrorSurface": "landscape.error_surface",
    "Fault": "faults.fault",
    "FiniteTimeExponents": "lyapunov.finite_time",
    "FixedPointBranch": "equilibria.branches.branch",
    "FixedPoints": "equilibria.points",
    "KreissConstant": "theory.kreiss",
    "Loss": "landscape.loss",
    "LyapunovSpectrum": "lyapunov.exponents",
    "ParameterGradient": "decay.by_lag",
    "PathDecay": "decay.paths",
    "ProductEigenvalues": "products.eigenvalues",
    "SingularValues": "products.singular_values",
    "Trajectory": "trajectory",
    "Truncation": "decay.truncation",
    "bulk_radius": "theory.random_matrices",
    "continue_fixed_points": "equilibria.branches.continuation",
    "covariant_vectors": "lyapunov.covariant",
    "cross_entropy": "landscape.loss",
    "descend": "landscape.clipping",
    "entropy_rate": "lyapunov.dimension",
    "error_surface": "landscape.error_surface",
    "finite_time_exponents": "lyapunov.finite_time",
    "fixed_points": "equilibria.search",
    "fuss_catalan": "theory.random_matrices",
    "gradient_decay": "decay.decay",
    "kaplan_yorke": "lyapunov.dimension",
    "kreiss_constant": "theory.kreiss",
    "leading_exponents": "lyapunov.long_runs",
    "locate": "locating",
    "log_clip_factor": "landscape.clipping",
    "log_power_norms": "theory.kreiss",
    "log_resolvent_norms": "theory.kreiss",
    "lyapunov_spectrum": "lyapunov.spectrum",
    "mean_field_exponent": "theory.mean_field",
    "mean_field_variance": "theory.mean_field",
    "newman_exponents": "theory.random_matrices",
    "product_decay": "decay.decay",
    "product_eigenvalues": "products.eigenvalues",
    "quarter_circle": "theory.random_matrices",
    "run": "running",
    "saturated_singular_values": "theory.random_matrices",
    "singular_values": "products.singular_values",
    "squared_error": "landscape.loss",
    "stream_gradient_decay": "decay.streaming",
}

__getattr__, __dir__ = lazily(__name__, _HOME)
