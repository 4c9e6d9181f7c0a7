"""Step Jacobians whose entries have no range that ends: a sign and a natural logarithm each."""
