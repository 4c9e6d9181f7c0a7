"""That the moments of a cell do not close: its theory is sampled then."""

from gradflow.errors import GradflowError


class NotClosedError(GradflowError):
    """A mean that the moments followed so far do not give."""
