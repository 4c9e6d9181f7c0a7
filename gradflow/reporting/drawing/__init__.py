"""Drawings of a report as marks on a sheet; every renderer prints the same marks."""
