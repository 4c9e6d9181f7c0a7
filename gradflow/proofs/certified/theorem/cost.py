"""What a theorem about a given network takes, told before Coq is started."""

from __future__ import annotations

from gradflow.proofs.certified.gradient.certified import CertifiedGradient

_WORK = {"sigmoid": 1, "tanh": 1, "exp": 1, "log": 24, "sqrt": 0.5, "inverse": 0.5}
"""What a function of one unit takes, in sigmoids."""


def seconds_of_coq(
    found: CertifiedGradient, *, arrays: bool = False, machine_integers: bool = False
) -> float:
    """Return about how many seconds Coq works on the theorem.

    From measured costs of its integers: 75 us for a weight of 24 bits times 128 bits, 1.9 ms for a
    sigmoid of 128 bits, 0.4 ms for a product of two such balls; a logarithm takes two dozen
    exponentials, a root or a quotient less than one. On machine integers 2, 220 and 70 us, and a
    fifth as much again for what is kept in memory. Around them stand 6 s, and what grows with the
    square of the operations of a step: that they are what the equations say.
    """
    bits, q = found.bits[0], found.numbers.q
    weights = sum(
        len(found.numbers.matrices[one.matrix]) * len(found.numbers.matrices[one.matrix][0])
        for one in found.line.lines
        if one.kind == "affine"
    )
    functions = sum(one.size * _WORK.get(one.kind, 0) for one in found.line.lines)
    products = sum(one.size for one in found.line.lines if one.kind == "mul")
    if machine_integers:
        entry = 2 * (1e-6 + 5e-9 * bits) * (1 + q // 31)
        function, product = 1.5e-4 + 4.0e-9 * bits**2, 3e-5 + 3.1e-7 * bits
        kept = 1.2
    else:
        p = bits / 128
        entry = 2 * 75e-6 * (0.6 + 0.4 * p) * (0.5 + q / 50)
        function, product = 1.9e-3 * p**1.7, 4e-4 * p**1.6
        kept = 1.0
    step = weights * entry + functions * function + (2 * functions + 3 * products) * product
    if arrays:
        step += weights * product
    return float(6.0 + 0.018 * len(found.line.lines) ** 2 + found.steps * step * kept)
