"""Coq files of a cell, the library they apply, and the check of what Coq accepted."""
