"""The theorems about the structurally constrained network at given weights."""

from __future__ import annotations

import numpy as np

from gradflow.proofs.measuring.margin import Margin
from gradflow.proofs.measuring.products import product_of, size_of, spectral
from gradflow.spectra import Trajectory


def context(run: Trajectory) -> Margin:
    """The gradient between context units, beside a power of alpha."""
    part = run.parts["s"]
    alpha = abs(float(np.asarray(run.params["alpha"]).flat[0]))
    measured = spectral(product_of(run)[part, part])
    return Margin(measured=measured, bound=alpha**run.steps, side="above")


def eigenvalue(run: Trajectory) -> Margin:
    """How far the left eigenvectors are from being ones, at the worst step."""
    part = run.parts["s"]
    alpha = float(np.asarray(run.params["alpha"]).flat[0])
    rows = np.eye(run.width)[part]
    apart = [size_of(rows @ j - alpha * rows) for j in run.jacobians()]
    return Margin(measured=max(apart, default=0.0), bound=0.0, side="above")
