"""A report as PDF, by way of Typst: the optional package ``typst`` of the extra ``pdf``."""
