"""Steps that float64 does not hold: saturated slopes under 10^-308, computed with no range.

A step is in doubt where an entry of its Jacobian may have underflowed: a term of the normal form
comes near 10^-308, and is no zero of the cell's own (a ReLU that is off, W = 0). Such steps are
computed in logarithms (:mod:`gradflow.codegen.logarithms`). A product of them goes to the analyses
as float64 factors with the scales between (`factors`), a gradient is pulled back in logarithms
(`rows`). Nothing is called exactly zero on the word of float64 alone.
"""
