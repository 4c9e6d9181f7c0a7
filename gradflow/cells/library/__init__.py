"""The cells of the literature, one a file, each named as its file."""

LIBRARY = ("scalar", "rnn", "irnn", "lstm", "gru", "gru_reset_after", "clockwork", "scrn")
