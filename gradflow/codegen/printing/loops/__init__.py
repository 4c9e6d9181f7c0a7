"""PRINT scalar loops over rows and time, for targets that compile them."""
