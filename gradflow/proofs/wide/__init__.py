"""Statements about random networks of infinitely many units: what follows by a written argument."""
