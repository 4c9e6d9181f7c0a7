"""The NumPy target and what its generated source calls."""
