"""The loss over parameters: its surface, its cliffs, clipping."""
