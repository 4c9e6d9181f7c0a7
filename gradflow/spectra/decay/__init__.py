"""The gradient against lag: its length, its split by path and by lag, streamed."""
