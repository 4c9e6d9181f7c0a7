"""Lyapunov exponents: the whole spectrum, the leading ones, long runs."""
