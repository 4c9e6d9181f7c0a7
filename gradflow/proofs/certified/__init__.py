"""Certified statements about a given network along given data: products, gradients, boxes."""
