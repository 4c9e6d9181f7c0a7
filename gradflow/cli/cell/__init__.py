"""The commands about one cell: what is known, its derivation, a run."""
