"""What each figure needs of the result it draws.

Any object with these fields can be drawn; the dataclasses of `gradflow.spectra` have them. The
figures stand above `spectra` in the house, so that a result can have a ``plot`` method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

Floats = NDArray[Any]


class Decay(Protocol):
    """A norm against lag: ``lag`` (L,), ``log_norm`` (..., L) in natural logs."""

    @property
    def lag(self) -> Floats:
        """Lags."""

    @property
    def log_norm(self) -> Floats:
        """Natural logs of norms."""

    @property
    def quantity(self) -> str:
        """LaTeX of what is measured."""

    @property
    def label(self) -> str:
        """Name of the curve."""


class PathDecay(Protocol):
    """A gradient split by path: ``lag`` (L,), and (L,) natural logs by path, in all, alone."""

    @property
    def lag(self) -> Floats:
        """Lags."""

    @property
    def log_norm(self) -> Mapping[str, Floats]:
        """Natural logs of norms."""

    @property
    def total(self) -> Floats:
        """Natural logs of the whole."""

    @property
    def carousel_only(self) -> Floats | None:
        """Natural logs of the part that stays on the carousel."""


class SingularValues(Protocol):
    """Singular values of a product: ``lag`` (m,), ``log_sigma`` (m, d) in natural logs."""

    @property
    def lag(self) -> Floats:
        """Lags."""

    @property
    def log_sigma(self) -> Floats:
        """Natural logs of singular values."""


class LyapunovSpectrum(Protocol):
    """Exponents with error bars, (k,) each, nats per step."""

    @property
    def exponents(self) -> Floats:
        """Growth rates."""

    @property
    def stderr(self) -> Floats:
        """Standard errors."""

    @property
    def label(self) -> str:
        """Name of the curve."""


class FixedPoints(Protocol):
    """Eigenvalues (m, d) at fixed points with a word on the stability of each; at other points."""

    @property
    def eigenvalues(self) -> Floats:
        """Eigenvalues at isolated fixed points, complex."""

    @property
    def stability(self) -> Sequence[str]:
        """``"stable"``, ``"unstable"`` or ``"undecided"``."""

    @property
    def slow_eigenvalues(self) -> Floats:
        """Eigenvalues (k, d) at slow points."""

    @property
    def continuum_eigenvalues(self) -> Floats:
        """Eigenvalues (c, d) on a continuum of fixed points."""
