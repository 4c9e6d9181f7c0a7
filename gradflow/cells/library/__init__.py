"""The cells of the literature, one a file, each named as its file."""
