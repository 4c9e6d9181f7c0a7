"""A diagnosis in words and in JSON."""
