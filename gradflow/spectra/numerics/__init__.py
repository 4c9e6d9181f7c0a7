"""Arithmetic that does not underflow: logarithms, graded products, orthonormal frames."""
