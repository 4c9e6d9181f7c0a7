"""How figures look: style, venues, axes, curves."""
