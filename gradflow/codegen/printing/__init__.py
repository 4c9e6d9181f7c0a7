"""PRINT: from routines to source text; what differs between targets is a dialect."""
