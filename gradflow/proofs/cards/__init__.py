"""A theorem as a reader meets it: a card, a LaTeX environment, its source."""
