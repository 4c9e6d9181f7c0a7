"""One cell over several draws of its weights: every number with its spread."""
