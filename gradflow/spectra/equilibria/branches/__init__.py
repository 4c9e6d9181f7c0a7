"""Branches of fixed points over one parameter: followed through folds."""
