"""Published figures with caption and claims, the scripts that draw them, and their gallery."""
