"""LOWER: from a cell to routines of plain statements; no text is made here."""
