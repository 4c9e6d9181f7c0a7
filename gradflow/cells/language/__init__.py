"""The equation language: read, checked, sized, and lowered to a program of plain statements."""
