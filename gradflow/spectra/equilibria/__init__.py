"""Fixed points, slow points and continua of a cell under a constant input."""
