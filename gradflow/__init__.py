"""gradflow: does the gradient survive? Declare a recurrent cell once, as the paper prints it.

The package is a house of floors, and data goes down the line; a floor imports only from the floors
before it. `arrays`, `given`, `errors`, `files`, `prose`, `lazy`, `registry`, `provenance` and
`drawable` stand outside:

    cells -> jacobians -> codegen -> spectra -> ensembles -> proofs
    -> networks -> training -> studies -> figures -> reporting -> cli

Every name below is loaded when it is first used, so `import gradflow` costs milliseconds:

    >>> import gradflow as gf
    >>> gf.__version__
    '0.1.0'
"""

from typing import TYPE_CHECKING

from gradflow.lazy import lazily

if TYPE_CHECKING:
    from gradflow import (
        cells,
        codegen,
        ensembles,
        figures,
        jacobians,
        networks,
        proofs,
        reporting,
        spectra,
        studies,
        training,
    )
    from gradflow.cells import Cell
    from gradflow.codegen import compile, to_jax, to_torch
    from gradflow.ensembles import critical, mean_field
    from gradflow.jacobians import bptt, jacobian
    from gradflow.networks import Network, read, settle, stack
    from gradflow.proofs.certified.certifying import certify
    from gradflow.proofs.proving import prove
    from gradflow.reporting import compare, report
    from gradflow.spectra import (
        Decay,
        ErrorSurface,
        Fault,
        FixedPointBranch,
        FixedPoints,
        LyapunovSpectrum,
        ParameterGradient,
        PathDecay,
        ProductEigenvalues,
        SingularValues,
        Trajectory,
        continue_fixed_points,
        fixed_points,
        leading_exponents,
        locate,
        run,
        stream_gradient_decay,
    )
    from gradflow.studies import diagnose
    from gradflow.training import Watched, watch

__version__ = "0.1.0"

__all__ = [
    "Cell",
    "Decay",
    "ErrorSurface",
    "Fault",
    "FixedPointBranch",
    "FixedPoints",
    "LyapunovSpectrum",
    "Network",
    "ParameterGradient",
    "PathDecay",
    "ProductEigenvalues",
    "SingularValues",
    "Trajectory",
    "Watched",
    "__version__",
    "bptt",
    "cells",
    "certify",
    "codegen",
    "compare",
    "compile",
    "continue_fixed_points",
    "critical",
    "diagnose",
    "ensembles",
    "figures",
    "fixed_points",
    "jacobian",
    "jacobians",
    "leading_exponents",
    "locate",
    "mean_field",
    "networks",
    "proofs",
    "prove",
    "read",
    "report",
    "reporting",
    "run",
    "settle",
    "spectra",
    "stack",
    "stream_gradient_decay",
    "studies",
    "to_jax",
    "to_torch",
    "training",
    "watch",
]

_HOME = {
    **dict.fromkeys(
        (
            "cells",
            "jacobians",
            "codegen",
            "spectra",
            "ensembles",
            "proofs",
            "networks",
            "training",
            "studies",
            "figures",
            "reporting",
        ),
        "",
    ),
    "Cell": "cells",
    "Decay": "spectra",
    "ErrorSurface": "spectra",
    "Fault": "spectra",
    "FixedPointBranch": "spectra",
    "FixedPoints": "spectra",
    "LyapunovSpectrum": "spectra",
    "Network": "networks",
    "ParameterGradient": "spectra",
    "PathDecay": "spectra",
    "ProductEigenvalues": "spectra",
    "SingularValues": "spectra",
    "Trajectory": "spectra",
    "Watched": "training",
    "bptt": "jacobians",
    "certify": "proofs",
    "compare": "reporting",
    "compile": "codegen",
    "continue_fixed_points": "spectra",
    "critical": "ensembles",
    "diagnose": "studies",
    "fixed_points": "spectra",
    "jacobian": "jacobians",
    "leading_exponents": "spectra",
    "locate": "spectra",
    "mean_field": "ensembles",
    "prove": "proofs",
    "read": "networks",
    "report": "reporting",
    "run": "spectra",
    "settle": "networks",
    "stack": "networks",
    "stream_gradient_decay": "spectra",
    "to_jax": "codegen",
    "to_torch": "codegen",
    "watch": "training",
}

__getattr__, __dir__ = lazily(__name__, _HOME)
