"""Coq accepts the bounds of any cell: those of the declaration page, and random ones."""

import pytest

import gradflow as gf
from gradflow.proofs.coq import check as coq_check
from gradflow.proofs.theorems import theorems
from proofs.random_cells import drawn

needs_coq = pytest.mark.skipif(not coq_check.available(), reason="coqc is not installed")

MORE = {
    "decimals": {"maps": "U", "equations": "a = U @ h - 0.01*h\nh_next = tanh(a)"},
    "euler": {"maps": "U", "equations": "h_next = h + 0.1*(tanh(U @ h) - 0.7*h)"},
    "the rest of a gate": {
        "maps": "U",
        "vectors": "b",
        "equations": "k = sigmoid(U @ h)\nh_next = tanh((1 - k)*h + k*b)",
    },
    "layer norm": {
        "maps": "W U",
        "inputs": "x",
        "vectors": "gain b",
        "equations": "a = W @ x + U @ h\ncentred = a - mean(a)\n"
        "spread = sqrt(mean(centred**2) + 0.00001)\nh_next = tanh(gain * centred / spread + b)",
    },
    "two parts": {
        "state": "z y",
        "maps": "U V",
        "equations": "d = 0.5*sigmoid(U @ y)\nz_next = (1-d)*z + d*tanh(V @ y)\n"
        "y_next = V @ z_next",
    },
    "leapfrog": {
        "state": "z y",
        "maps": "U",
        "vectors": "b",
        "equations": "k = sigmoid(b)\nz_next = z - k*tanh(U @ y)\ny_next = y + k*z_next",
    },
    "two sizes": {
        "state": "h s[slow]",
        "inputs": "x",
        "maps": "W U A B",
        "vectors": "tau[slow]",
        "scalars": "rate",
        "constants": "group[hidden]",
        "masks": {"U": "row(group) == column(group)"},
        "fixed": {"ring[slow,slow]": "1 if row(index) == column(index) + 1 else 0"},
        "equations": "k = sigmoid(tau)\ns_next = (1 - k) * (ring @ s) + k * (A @ h)\n"
        "open = 1 if t % 3 == 0 else 0\nread = open * (B @ s_next)\n"
        "h_next = (1 - rate) * h + rate * Max(W @ x + U @ h + read, 0)",
    },
    "two boxes": {
        "state": "h c",
        "maps": "U V",
        "equations": "g = sigmoid(U @ h)\nh_next = g*h + (1-g)*tanh(V @ c)\n"
        "c_next = g*c + (1-g)*tanh(h)",
    },
    "three parts": {
        "state": "h m n",
        "maps": "U V",
        "equations": "g = exp(-relu(V @ h))\nh_next = g*h + (1-g)*tanh(U @ n)\n"
        "m_next = 0.9*m + sin(h_next)\nn_next = n + 0.1*Abs(tanh(m))*Min(h, m)",
    },
}


def proved(cell):
    """Check that every automatic bound of a cell is accepted; return how many there are."""
    claims = theorems(cell)
    for claim in claims:
        assert claim.script is not None, (claim.name, claim.scope)
        assert claim.fault() == ""
        verdict = coq_check.check(coq_check.shared_workshop(), claim.script)
        assert verdict.proved, (claim.name, cell.equations, verdict.reason)
    return len(claims)


@pytest.mark.slow
@needs_coq
@pytest.mark.parametrize("name", MORE)
def test_cells_that_were_refused(name):
    assert proved(gf.Cell(**{"name": "declared", "state": "h"} | MORE[name])) >= 1


@needs_coq
def test_a_random_cell():
    assert proved(drawn(6)) >= 1


@pytest.mark.slow
@needs_coq
def test_two_hundred_random_cells():
    seen = 0
    for seed in range(500):
        cell = drawn(seed)
        if cell is not None and seen < 200:
            seen += 1
            proved(cell)
    assert seen == 200


def test_random_cells_are_cells():
    cells = [c for c in map(drawn, range(60)) if c is not None]
    assert len(cells) > 25
    assert {len(c.states) for c in cells} == {1, 2, 3}
