"""Exact arithmetic of polynomials and whole numbers, and the identities that certify a bound."""
