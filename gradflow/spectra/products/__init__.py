"""Singular values and eigenvalues of long products of Jacobians."""
