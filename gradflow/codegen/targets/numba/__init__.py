"""The numba target and what its generated loops call."""
