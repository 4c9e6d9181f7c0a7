"""A plain loop: networks of one cell, their steps downhill, what was recorded."""
