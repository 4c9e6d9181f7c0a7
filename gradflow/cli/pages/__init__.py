"""The commands that write pages: the report of a cell, and the comparison of several."""
