"""One step of a network as a list of operations, derived from what was declared."""
