"""What a theorem needs at given weights and what it says there, in floating point."""
