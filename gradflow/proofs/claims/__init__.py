"""A claim, its evidence, its bundle, and how it is verified or refuted."""
