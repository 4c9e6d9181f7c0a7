"""Derived objects as LaTeX, plain text and JSON."""
