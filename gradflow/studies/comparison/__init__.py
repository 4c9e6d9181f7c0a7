"""Several cells beside one another, and what is said of them."""
