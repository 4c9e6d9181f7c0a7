"""Gradients of a loss along a run, in whole numbers."""
