"""Coq accepts the bounds of any cell: those of the declaration page, and random ones."""

import doctest
from dataclasses import replace
from pathlib import Path

import pytest

import gradflow as gf
from gradflow.cells.language.functions import FUNCTIONS
from gradflow.proofs.coq import check as coq_check
from gradflow.proofs.theorems import theorems
from proofs.random_cells import drawn

needs_coq = pytest.mark.skipif(not coq_check.available(), reason="coqc is not installed")

PAGE = Path(__file__).parents[2] / "docs" / "declare.md"
CONSTRUCTS = {
    "a power": "tanh(U @ h)**3",
    "a quotient": "tanh(U @ h) / (2 + sigmoid(h))",
    "a remainder": "tanh(U @ h) % 2",
    "a transpose": "tanh(U.T @ h + U @ h)",
    "a sum of maps": "tanh((U - U.T) @ h)",
    "the identity": "tanh(identity @ h + U @ h)",
    "a mean": "tanh(U @ h) - mean(h)",
    "a sum": "tanh(U @ h) - sum(h)",
    "softmax": "softmax(U @ h)",
    "a length": "tanh(U @ h) / (1 + norm(h))",
    "an inner product": "tanh(U @ h) * dot(h, h)",
    "the largest": "Max(U @ h, h, 0.1)",
    "the least": "Min(U @ h, h)",
    "a condition on time": "tanh(U @ h) if t % 3 == 0 else h",
    "a condition on the state": "tanh(U @ h) if h > 0 else h",
    "pieces": "Piecewise((tanh(U @ h), t < 3), (h, True))",
    "time": "tanh(U @ h) / t",
    "pi": "tanh(pi * (U @ h))",
    "elu": "elu(U @ h, 0.5)",
    "leaky_relu": "leaky_relu(U @ h, 0.3)",
    "clip": "clip(U @ h, -1, 1)",
    "silu": "silu(U @ h)",
    "gelu": "gelu(U @ h)",
    "logsigmoid": "logsigmoid(U @ h)",
    "hard_tanh": "hard_tanh(U @ h)",
    "hard_sigmoid": "hard_sigmoid(U @ h)",
}
NO_RULE = {
    "a root of three": "(1 + h * h)**(1 / 3) + U @ h",
    "a power of two values": "(2 + sigmoid(h))**tanh(U @ h)",
    "values between -1 and 1": "erf(U @ h) * h",
}
NEW = (
    "a remainder", "a transpose", "a sum of maps", "softmax", "a length", "a condition on time",
    "a condition on the state", "pieces", "time", "pi", "elu", "leaky_relu", "gelu",
    "log", "tan", "sinh", "cosh", "asinh", "atan", "erf", "floor",
)  # fmt: skip
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
    "transposed": {
        "state": "h c",
        "maps": "U[hidden,hidden] V",
        "equations": "h_next = tanh((0.5*U - 2*V.T) @ (c * (U.T @ h)))\n"
        "c_next = c * sigmoid(V @ h) + floor(h) + log(1 + c**2)",
    },
    "branches": {
        "maps": "U",
        "vectors": "b",
        "equations": "h_next = tanh(U @ h) if (h > b and t > 3) or not h == 0 else sin(h) / t",
    },
    "calls of two arguments": {
        "maps": "U",
        "define": "LN(v, a, b) = a * (v - mean(v)) / sqrt(mean((v - mean(v))**2) + 1) + b",
        "equations": "h_next = tanh(LN(U @ h, sigmoid(h), h))",
    },
    "calls in calls": {
        "maps": "U",
        "equations": "h_next = softmax(softmax(U @ h)) + softmax(h) * softmax(h)",
    },
    "three parts": {
        "state": "h m n",
        "maps": "U V",
        "equations": "g = exp(-relu(V @ h))\nh_next = g*h + (1-g)*tanh(U @ n)\n"
        "m_next = 0.9*m + sin(h_next)\nn_next = n + 0.1*Abs(tanh(m))*Min(h, m)",
    },
}


def rejected(cell):
    """Return which bounds of a cell Coq does not accept, and why."""
    found = []
    for claim in theorems(cell):
        assert claim.script is not None, (claim.name, claim.scope)
        assert claim.fault() == ""
        verdict = coq_check.check(coq_check.shared_workshop(), claim.script)
        if not verdict.proved:
            found.append((claim.name, cell.equations, verdict.reason))
    return found


@pytest.mark.slow
@needs_coq
@pytest.mark.parametrize("name", MORE)
def test_cells_that_were_refused(name):
    assert rejected(gf.Cell(**{"name": "declared", "state": "h"} | MORE[name])) == []


@needs_coq
def test_a_random_cell():
    assert rejected(drawn(6)) == []


def cells_of_the_page():
    """Return every cell that the declaration page makes."""
    names, found = {}, {}
    for example in doctest.DocTestParser().get_examples(PAGE.read_text("utf-8")):
        if example.exc_msg is None:
            exec(compile(example.source, str(PAGE), "single"), names)
            found |= {id(c): c for c in names.values() if isinstance(c, gf.Cell)}
    FUNCTIONS._added.clear()  # what the page registers is not for other tests
    return list(found.values())


def of_one(equation):
    """Return a cell with one equation."""
    return gf.Cell(name="one", state="h", maps="U", equations=f"h_next = {equation}")


def constructs():
    """Return a cell for every elementwise function, and one for every other construct."""
    of_two = {"Max", "Min"}
    calls = {name: f"{name}(U @ h)" for name in FUNCTIONS.names() if name not in of_two}
    return {name: of_one(equation) for name, equation in (calls | CONSTRUCTS).items()}


@pytest.mark.parametrize("name", constructs())
def test_every_construct_has_a_rule(name):
    (upper,) = (c for c in theorems(constructs()[name]) if c.name == "one.upper")
    assert upper.script is not None
    assert upper.scope == ""


@pytest.mark.parametrize("name", NO_RULE)
def test_what_has_no_rule_is_not_stated(name):
    """Without Coq nothing tells where it has a derivative; the reason is printed."""
    found = gf.prove(of_one(NO_RULE[name]))
    assert len(found) == 0
    reason = "one.upper is not stated: the Coq library has no rule for"
    assert any(said.startswith(reason) for said in found.unstated)
    assert gf.prove(of_one(NO_RULE[name]), {"U": [[0.5]]}).items == ()  # nor for weights


def planted(script, before, after):
    """Return a script with one thing changed in what is stated and in what is proved."""
    assert before in script.proof
    return replace(
        script,
        statement=script.statement.replace(before, after),
        proof=script.proof.replace(before, after),
    )


@needs_coq
def test_planted_a_wrong_slope_is_refused():
    refused_slope(of_one("atan(U @ h) + sinh(h) * log(2 + h**2)"))


@pytest.mark.slow
@needs_coq
@pytest.mark.parametrize("name", NEW)
def test_planted_a_wrong_slope_or_bound_is_refused(name):
    upper = refused_slope(constructs()[name])
    bolder = planted(upper.script, " ^ T * (nrm", " ^ T * (9 / 10 * nrm")
    assert not coq_check.check(coq_check.shared_workshop(), bolder).proved


def refused_slope(cell):
    """Return the bound of a cell once Coq has refused another derivative of its step."""
    (upper,) = (c for c in theorems(cell) if c.name == "one.upper")
    head = "Definition t_h_next (t : nat) (s ds : state) : vec := fun i => "
    verdict = coq_check.check(
        coq_check.shared_workshop(), planted(upper.script, head, f"{head}1 + ")
    )
    assert verdict.reason.startswith("Coq rejects the proof")
    return upper


@pytest.mark.slow
@needs_coq
def test_two_hundred_random_cells_and_all_of_the_page():
    """In one run; a script that Coq rejects is a fault."""
    random = [c for c in map(drawn, range(500)) if c is not None][:200]
    page = cells_of_the_page()
    named = {c.name for c in page}
    assert named >= {"cifg", "ln_rnn", "two_timescales", "ln_lstm", "lstm_squared"}
    known = constructs().values()
    assert len(random) == 200
    assert [one for cell in (*page, *known, *random) for one in rejected(cell)] == []


def test_random_cells_are_cells():
    cells = [c for c in map(drawn, range(60)) if c is not None]
    assert len(cells) > 25
    assert {len(c.states) for c in cells} == {1, 2, 3}
