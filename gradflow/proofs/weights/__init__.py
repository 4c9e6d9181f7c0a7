"""Statements about given weights: balls, singular values, enclosures, values along a run."""
